# Copyright (c) DKSAN-MM contributors.
"""What the tools share before and around the Runner."""

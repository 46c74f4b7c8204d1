# Copyright (c) DKSAN-MM contributors.
"""Parts of the tools before and around the Runner."""

# Copyright (c) DKSAN-MM contributors.
"""What a network costs: operations, memory and time."""

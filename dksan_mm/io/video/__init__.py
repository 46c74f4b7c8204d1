# Copyright (c) DKSAN-MM contributors.
"""Read videos from files and folders, and write them."""

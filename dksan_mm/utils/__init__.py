# Copyright (c) DKSAN-MM contributors.
"""Errors, versions, resizing and the environment of the process."""

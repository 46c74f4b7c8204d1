# Copyright (c) DKSAN-MM contributors.
"""Errors, versions, resizing and the process that a program runs in."""

# Copyright (c) DKSAN-MM contributors.
"""Measuring how close images are to the truth."""

# Copyright (c) DKSAN-MM contributors.
"""Stores: file formats for the frames of a clip."""

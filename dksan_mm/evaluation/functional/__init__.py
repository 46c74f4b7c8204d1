# Copyright (c) DKSAN-MM contributors.
"""Figures of images and their numbers of grey levels."""

# Copyright (c) DKSAN-MM contributors.
"""Evaluation of image and video quality."""

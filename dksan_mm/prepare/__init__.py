# Copyright (c) DKSAN-MM contributors.
"""Conversion of videos and frame folders to the layout of the data sets.

Used by ``tools/prepare_data.py``; needs numpy, OpenCV and PyAV, not mmagic.
"""

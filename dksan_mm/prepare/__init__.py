# Copyright (c) DKSAN-MM contributors.
"""From videos and frame folders to the layout that the data sets read.

Used by ``tools/prepare_data.py``; needs numpy, OpenCV and PyAV, not mmagic.
"""

# Copyright (c) DKSAN-MM contributors.
"""Comparison of several models on the same frames (tools/compare.py).

Each model runs in its own process (:mod:`worker`, the only module that imports
mmagic), writes its frames and a journal, and returns its scores; the tool
turns them into tables and a report.
"""

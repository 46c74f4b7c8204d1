# Copyright (c) DKSAN-MM contributors.
"""Comparison of several models on the same frames (tools/compare.py).

Each model runs in a process of its own (:mod:`worker`, which alone imports
mmagic), writes its frames and a journal, and hands back its scores; the tool
makes tables and a report of them.
"""

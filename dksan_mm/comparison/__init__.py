# Copyright (c) DKSAN-MM contributors.
"""What tools/compare.py does: several models on the same frames.

Each model runs in a process of its own (:mod:`worker`, which alone imports
mmagic), writes its frames and a journal, and hands back its scores; the tool
makes tables and a report of them.
"""

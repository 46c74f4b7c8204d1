# Copyright (c) DKSAN-MM contributors.
"""Operators on a GPU, as Triton kernels."""

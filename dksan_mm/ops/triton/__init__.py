# Copyright (c) DKSAN-MM contributors.
"""The operators on a GPU, as Triton's kernels."""

# Copyright (c) DKSAN-MM contributors.
"""Training: hooks, optimizers, and what the Runner needs besides."""

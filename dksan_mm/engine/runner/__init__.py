# Copyright (c) DKSAN-MM contributors.
"""Loops, checkpoints and resuming."""

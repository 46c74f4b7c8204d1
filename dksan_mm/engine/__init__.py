# Copyright (c) DKSAN-MM contributors.
"""Training: hooks, optimizers, loops and checkpoints."""

# Copyright (c) DKSAN-MM contributors.
from helpers.tiny_network import tiny_checkpoint  # noqa: F401  (a fixture)

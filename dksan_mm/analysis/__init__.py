# Copyright (c) DKSAN-MM contributors.
"""Costs of a network: operations, memory and time."""

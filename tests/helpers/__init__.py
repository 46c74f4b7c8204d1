# Copyright (c) DKSAN-MM contributors.
"""Helpers of the tests: samples, references, small networks and runs."""

# Copyright (c) DKSAN-MM contributors.
# A short path for commands. The config itself is in dksan/.
_base_ = 'dksan/dksan-s_sample_x16.py'

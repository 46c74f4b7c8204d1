# Copyright (c) DKSAN-MM contributors.
# A short path for commands. The config itself is in dksan/.
_base_ = 'dksan/dksan_vid3oc_x16.py'

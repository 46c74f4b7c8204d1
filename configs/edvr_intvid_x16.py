# Copyright (c) DKSAN-MM contributors.
# A short path for commands. The config itself is in edvr/.
_base_ = 'edvr/edvr_intvid_x16.py'

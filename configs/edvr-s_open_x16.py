# Copyright (c) DKSAN-MM contributors.
# A short path for commands. The config itself is in edvr/.
_base_ = 'edvr/edvr-s_open_x16.py'

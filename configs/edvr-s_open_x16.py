# Copyright (c) DKSAN-MM contributors.
# The path of this config in commands; it stands in edvr/.
_base_ = 'edvr/edvr-s_open_x16.py'

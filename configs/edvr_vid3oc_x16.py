# Copyright (c) DKSAN-MM contributors.
# A short path for commands. The config itself is in edvr/.
_base_ = 'edvr/edvr_vid3oc_x16.py'

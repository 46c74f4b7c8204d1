# Copyright (c) DKSAN-MM contributors.
# A short path for commands. The config itself is in dksan/.
_base_ = 'dksan/dksan-s_gan_vid3oc_x16.py'

# Copyright (c) DKSAN-MM contributors.
# The path of this config in commands; it stands in dksan/.
_base_ = 'dksan/dksan-s_gan_vid3oc_x16.py'

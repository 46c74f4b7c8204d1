# Copyright (c) DKSAN-MM contributors.
# The path of this config in commands; it stands in bicubic/.
_base_ = 'bicubic/bicubic_vid3oc_x16.py'

# Copyright (c) DKSAN-MM contributors.
# The path of this config in commands; it stands in bicubic/.
_base_ = 'bicubic/bicubic_intvid_x16.py'

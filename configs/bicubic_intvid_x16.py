# Copyright (c) DKSAN-MM contributors.
# A short path for commands. The config itself is in bicubic/.
_base_ = 'bicubic/bicubic_intvid_x16.py'

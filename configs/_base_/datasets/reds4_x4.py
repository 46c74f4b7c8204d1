# Copyright (c) DKSAN-MM contributors.
# REDS4 at x4, in the folders of mmagic and of the download; no preparation is
# needed: data/REDS/{train_sharp,train_sharp_bicubic/X4}/{clip}/*.png.
# In a config: test_dataloader = dict(dataset=_base_.reds4)
_base_ = ['x4.py', 'reds4_x16.py']

reds4 = dict(
    data_root='{{$DKSAN_DATA_ROOT:data/REDS}}',
    data_prefix=dict(img='train_sharp_bicubic/X4', gt='train_sharp'),
    pipeline=_base_.x4_pipeline)

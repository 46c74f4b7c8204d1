# Copyright (c) DKSAN-MM contributors.
# Vid4 at x4, in the folders of mmagic and of the download; no preparation is
# needed: data/Vid4/{GT,BIx4}/{clip}/{frame}.png. The LR frames of BIx4 are
# MATLAB's bicubic; data_prefix.img=BDx4 selects the blurred ones.
# In a config: test_dataloader = dict(dataset=_base_.vid4)
_base_ = 'x4.py'

vid4 = dict(
    type='VideoWindowDataset',
    metainfo=dict(dataset_type='vid4', task_name='vsr'),
    data_root='{{$DKSAN_DATA_ROOT:data/Vid4}}',
    data_prefix=dict(img='BIx4', gt='GT'),
    pipeline=_base_.x4_pipeline)

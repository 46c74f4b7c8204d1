# Copyright (c) DKSAN-MM contributors.
# SPMCS at x4, in the folders of mmagic and of the download; no preparation is
# needed: data/SPMCS/{GT,BIx4}/{clip}/{frame}.png. The LR frames of BIx4 are
# MATLAB's bicubic; data_prefix.img=BDx4 selects the blurred ones.
# In a config: test_dataloader = dict(dataset=_base_.spmcs)
_base_ = 'x4.py'

spmcs = dict(
    type='VideoWindowDataset',
    metainfo=dict(dataset_type='spmcs', task_name='vsr'),
    data_root='{{$DKSAN_DATA_ROOT:data/SPMCS}}',
    data_prefix=dict(img='BIx4', gt='GT'),
    pipeline=_base_.x4_pipeline)

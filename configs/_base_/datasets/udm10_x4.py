# Copyright (c) DKSAN-MM contributors.
# UDM10 at x4, in the folders of mmagic and of the download; no preparation is
# needed: data/UDM10/{GT,BIx4}/{clip}/{frame}.png. The LR frames of BIx4 are
# MATLAB's bicubic; data_prefix.img=BDx4 selects the blurred ones.
# In a config: test_dataloader = dict(dataset=_base_.udm10)
_base_ = 'x4.py'

udm10 = dict(
    type='VideoWindowDataset',
    metainfo=dict(dataset_type='udm10', task_name='vsr'),
    data_root='{{$DKSAN_DATA_ROOT:data/UDM10}}',
    data_prefix=dict(img='BIx4', gt='GT'),
    pipeline=_base_.x4_pipeline)

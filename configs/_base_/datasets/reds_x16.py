# Copyright (c) DKSAN-MM contributors.
# REDS (Nah et al. 2019), 240 clips of 100 frames of 1280x720. Four of them,
# REDS4, are used for validation and testing, the others for training.
# Preparation, from the unpacked train_sharp:
#   tools/prepare_data.py data/REDS data/REDS_x16 --split train
_base_ = ['vid3oc_x16.py', 'reds4_x16.py']

train_dataloader = dict(
    dataset=dict(
        type='VideoWindowDataset',
        data_root='{{$DKSAN_DATA_ROOT:data/REDS_x16}}',
        skip_clips=_base_.reds4.clips))
val_dataloader = dict(dataset=_base_.reds4)
test_dataloader = dict(dataset=_base_.reds4)

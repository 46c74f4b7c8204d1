# Copyright (c) DKSAN-MM contributors.
# REDS (Nah et al. 2019), 240 clips of 100 frames of 1280x720, as
# tools/prepare_data.py lays it out from the unpacked train_sharp:
#   tools/prepare_data.py REDS data/REDS --split train
# Four of its training clips are the usual test set of video super-resolution,
# REDS4 (EDVR, sec. 4). LR is made here, by 1/16, not REDS's own of 1/4.
_base_ = 'vid3oc_x16.py'

reds4 = ['000', '011', '015', '020']
data_root = '{{$DKSAN_DATA_ROOT:data/REDS}}'
train_dataloader = dict(
    dataset=dict(
        type='VideoWindowDataset', data_root=data_root, skip_clips=reds4))
tested = dict(
    type='VideoWindowDataset',
    data_root=data_root,
    data_prefix=dict(img='train/LRx16', gt='train/HR'),
    clips=reds4)
val_dataloader = dict(dataset=tested)
test_dataloader = dict(dataset=tested)
del reds4, data_root, tested

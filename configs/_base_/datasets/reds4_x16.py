# Copyright (c) DKSAN-MM contributors.
# REDS4 (Wang et al. 2019, EDVR, sec. 4): four clips of REDS's train_sharp, the
# usual test set of video super-resolution; 100 frames of 1280x720 each. For
# configs to take: test_dataloader = dict(dataset=_base_.reds4)
#   tools/prepare_data.py data/REDS data/REDS_x16 --split train \
#     --clips 000 011 015 020
# LR is made here, by 1/16, not REDS's own of 1/4.
reds4 = dict(
    type='VideoWindowDataset',
    metainfo=dict(dataset_type='reds_reds4', task_name='vsr'),
    data_root='{{$DKSAN_DATA_ROOT:data/REDS_x16}}',
    data_prefix=dict(img='train/LRx16', gt='train/HR'),
    clips=['000', '011', '015', '020'])

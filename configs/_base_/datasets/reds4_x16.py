# Copyright (c) DKSAN-MM contributors.
# REDS4 (Wang et al. 2019, EDVR, sec. 4): four clips of REDS's train_sharp, the
# usual test set of video super-resolution; 100 frames of 1280x720 each.
# In a config: test_dataloader = dict(dataset=_base_.reds4)
# Preparation, which downscales the HR frames by 16 instead of using the x4 LR
# frames of REDS:
#   tools/prepare_data.py data/REDS data/REDS_x16 --split train \
#     --clips 000 011 015 020
reds4 = dict(
    type='VideoWindowDataset',
    metainfo=dict(dataset_type='reds_reds4', task_name='vsr'),
    data_root='{{$DKSAN_DATA_ROOT:data/REDS_x16}}',
    data_prefix=dict(img='train/LRx16', gt='train/HR'),
    clips=['000', '011', '015', '020'])

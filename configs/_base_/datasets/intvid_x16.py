# Copyright (c) DKSAN-MM contributors.
# IntVID, the paper's second test set. It is not used for training.
# In a config: test_dataloader = dict(dataset=_base_.intvid)
# Preparation: tools/prepare_data.py SOURCE data/IntVID --split test
intvid = dict(
    type='IntVIDDataset',
    data_root='{{$DKSAN_DATA_ROOT:data/IntVID}}',
    data_prefix=dict(img='test/LRx16', gt='test/HR'),
    # 14 consecutive frames of each of the videos 050-059: paper, sec. 4. The
    # paper does not say which frames; the first 14 are chosen here. The
    # windows of the last of them include later frames of the video, if any.
    first_frame=0,
    max_frames=14)

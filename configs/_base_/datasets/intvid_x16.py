# Copyright (c) DKSAN-MM contributors.
# IntVID, the paper's second test set; nothing is trained on it. For configs
# to take: test_dataloader = dict(dataset=_base_.intvid)
#   tools/prepare_data.py SOURCE data/IntVID --split test
intvid = dict(
    type='IntVIDDataset',
    data_root='{{$DKSAN_DATA_ROOT:data/IntVID}}',
    data_prefix=dict(img='test/LRx16', gt='test/HR'),
    # 14 consecutive frames of each of the videos 050-059: paper, sec. 4. It
    # does not say which; the first 14: chosen here. The windows of the last
    # ones reach beyond them where a video continues.
    first_frame=0,
    max_frames=14)

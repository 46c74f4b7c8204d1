# Copyright (c) DKSAN-MM contributors.
# Vid4: 4 clips, 171 frames of 720x576, 704x576 and 720x480.
# In a config: test_dataloader = dict(dataset=_base_.vid4)
# Preparation: tools/prepare_data.py data/Vid4 data/Vid4_x16 --split test
vid4 = dict(
    type='VideoWindowDataset',
    metainfo=dict(dataset_type='vid4', task_name='vsr'),
    data_root='{{$DKSAN_DATA_ROOT:data/Vid4_x16}}',
    data_prefix=dict(img='test/LRx16', gt='test/HR'))

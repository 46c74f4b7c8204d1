# Copyright (c) DKSAN-MM contributors.
# UDM10 (Yi et al. 2019): 10 clips of 32 frames of 1272x720, which the
# preparation crops to 1264x720.
# In a config: test_dataloader = dict(dataset=_base_.udm10)
# Preparation: tools/prepare_data.py data/UDM10 data/UDM10_x16 --split test
udm10 = dict(
    type='VideoWindowDataset',
    metainfo=dict(dataset_type='udm10', task_name='vsr'),
    data_root='{{$DKSAN_DATA_ROOT:data/UDM10_x16}}',
    data_prefix=dict(img='test/LRx16', gt='test/HR'))

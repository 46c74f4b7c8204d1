# Copyright (c) DKSAN-MM contributors.
# SPMCS (Tao et al. 2017): 30 clips of 31 frames of 960x540, which the
# preparation crops to 960x528.
# In a config: test_dataloader = dict(dataset=_base_.spmcs)
# Preparation: tools/prepare_data.py data/SPMCS data/SPMCS_x16 --split test
spmcs = dict(
    type='VideoWindowDataset',
    metainfo=dict(dataset_type='spmcs', task_name='vsr'),
    data_root='{{$DKSAN_DATA_ROOT:data/SPMCS_x16}}',
    data_prefix=dict(img='test/LRx16', gt='test/HR'))

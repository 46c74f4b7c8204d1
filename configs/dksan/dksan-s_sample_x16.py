# Copyright (c) DKSAN-MM contributors.
# `make demo`: the small network on the sample clips, a few minutes on a CPU.
_base_ = 'dksan-s_vid3oc_x16.py'

experiment_name = 'dksan-s_sample_x16'
data_root = 'data/Vid3oC-sample'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))

train_cfg = dict(max_iters=400, val_interval=100)
param_scheduler = _base_.param_scheduler
warm_up, decay = param_scheduler
warm_up.update(end=50)
decay.update(begin=300, end=400)
default_hooks = dict(
    progressive=dict(until=300),
    logger=dict(interval=10))  # a log line every few seconds
log_processor = dict(window_size=10)
del data_root, warm_up, decay

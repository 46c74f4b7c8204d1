# Copyright (c) DKSAN-MM contributors.
# `make demo`: the small network on the sample clips, some minutes on a CPU.
_base_ = ['dksan-s_vid3oc_x16.py']

experiment_name = 'dksan-s_sample_x16'
data_root = 'data/Vid3oC-sample'
train_dataloader = dict(batch_size=4, dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))

max_iters = 400
train_cfg = dict(max_iters=max_iters, val_interval=100)
custom_hooks = _base_.custom_hooks
custom_hooks[0].update(until=300)
param_scheduler = _base_.param_scheduler
param_scheduler[0].update(end=50)
param_scheduler[1].update(begin=300, end=max_iters)
# A line on the screen every few seconds.
default_hooks = dict(logger=dict(interval=10))
log_processor = dict(window_size=10)

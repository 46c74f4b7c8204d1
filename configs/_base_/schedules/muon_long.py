# Copyright (c) DKSAN-MM contributors.
# A constant rate for as long as one likes: from any checkpoint, a copy of the
# run can be brought to its end with fewer steps. All values are chosen here.
_base_ = 'muon_3500.py'

max_iters = 120_000
train_cfg = dict(max_iters=max_iters, val_interval=2000)
default_hooks = dict(
    open_relus=dict(type='OpenReLUsHook'),
    # Over the last tenth of the training so far, at most 1,000 steps.
    ema=dict(ema_type='MomentumAnnealingEMA', gamma=10, momentum=0.001),
    checkpoint=dict(interval=500))  # a few minutes
param_scheduler = _base_.param_scheduler
decay = param_scheduler[-1]
decay.update(begin=100_000, end=max_iters)
del max_iters, decay

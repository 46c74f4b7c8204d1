# Copyright (c) DKSAN-MM contributors.
# A long training. The learning rate is constant until the final decay, so a
# copy of the run can be finished early from any checkpoint, with an earlier
# decay. All values are chosen here.
_base_ = 'muon_3500.py'

max_iters = 120_000
train_cfg = dict(max_iters=max_iters, val_interval=2000)
default_hooks = dict(
    open_relus=dict(type='OpenReLUsHook'),
    # Averages over the last tenth of the steps so far, at most 1,000 steps.
    ema=dict(ema_type='MomentumAnnealingEMA', gamma=10, momentum=0.001),
    checkpoint=dict(interval=500))  # every few minutes
param_scheduler = _base_.param_scheduler
decay = param_scheduler[-1]
decay.update(begin=100_000, end=max_iters)
del max_iters, decay

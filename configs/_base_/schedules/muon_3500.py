# Copyright (c) DKSAN-MM contributors.
# A training that two CPU cores do in half an hour. All values are chosen here.
# With the runtime, for it adds a hook.
_base_ = ['adam_115k.py', '../default_runtime.py']

optim_wrapper = dict(
    # In training: bfloat16 where the processor multiplies in it; validation
    # and tests are in float32.
    dtype='auto',
    optimizer=dict(_delete_=True, type='ConvMuon', lr=1e-3),
    # The alignment's offsets take Adam's steps of the full rate (of which
    # ConvMuon makes 0.3), the DKC layers', which explode easily, smaller ones.
    paramwise_cfg=dict(offset_lr_mult=1., align_lr_mult=3.3))

# An average over about 100 steps, which is what is validated and saved.
default_hooks = dict(
    ema=dict(
        type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.01))
# A constant rate, which the average makes up for, and a linear end.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(
        type='LinearLR',
        start_factor=1.,
        end_factor=0.01,
        begin=3000,
        end=3500,
        by_epoch=False)
]
train_cfg = dict(max_iters=3500, val_interval=500)
auto_scale_lr = dict(base_batch_size=4)

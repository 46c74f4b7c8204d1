# Copyright (c) DKSAN-MM contributors.
# A training that takes half an hour on two CPU cores. All values are chosen
# here. The runtime is a base of this file, because a hook is added to it.
_base_ = ['adam_115k.py', '../default_runtime.py']

optim_wrapper = dict(
    # Training uses bfloat16 on processors that can multiply in it. Validation
    # and tests use float32.
    dtype='auto',
    optimizer=dict(_delete_=True, type='ConvMuon', lr=1e-3),
    # ConvMuon multiplies Adam's learning rate by 0.3. align_lr_mult restores
    # the full rate for the offsets of the alignment. Those of the DKC layers,
    # which explode easily, keep the lower rate.
    paramwise_cfg=dict(offset_lr_mult=1., align_lr_mult=3.3))

# Weights averaged over about 100 steps are validated and saved.
default_hooks = dict(
    ema=dict(
        type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.01))
# A constant learning rate and a short linear decay. No longer decay is needed,
# because the weights are averaged.
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

# Copyright (c) DKSAN-MM contributors.
# A small sibling of DKSAN, with a training that two CPU cores do in half an
# hour. All values that differ from the paper's are chosen here.
_base_ = [
    '_base_/runtime.py', '_base_/schedule.py', '_base_/vid3oc_x16.py',
    '_base_/dksan.py'
]

experiment_name = 'dksan-s_vid3oc_x16'
model = dict(
    generator=dict(
        channels=32,  # a quarter
        num_blocks=(6, 4, 3, 2),  # a fifth
        reduction=4,  # 16 would leave 2 hidden channels of the attention
        # About the mean of all pixels. Without it, more ReLUs were shut for
        # good early in training.
        mean=0.45),
    # From few clips alone, alignment learns too little (README, "Results").
    motion_weight=0.1,
    channels_last=True)  # with bfloat16, quicker steps

# HR crops of 256 (LR 16), a quarter of the pixels, from the middle of 480,
# where there is room for synthetic motion, and which 480-row videos have.
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(gt_patch_size=480)
train_pipeline[-1].update(data_keys=['motion'])
train_pipeline[-1:-1] = [
    dict(type='TemporalReverse', keys=['img'], reverse_ratio=0.5),
    dict(type='SyntheticMotion', gt_patch_size=256),
    dict(type='RandomPermuteChannels', keys=['img', 'gt'])
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    # Vid3oC's clips have 120 frames each. Among others, long clips would
    # leave the short ones, each a scene of its own, few samples.
    dataset=dict(samples_per_clip=120, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(frame_step=40))  # a few of each clip

optim_wrapper = dict(
    # In training: bfloat16 where the processor multiplies in it; validation
    # and tests are in float32.
    dtype='auto',
    optimizer=dict(_delete_=True, type='ConvMuon', lr=1e-3),
    # The alignment's offsets take Adam's steps of the full rate (of which
    # ConvMuon makes 0.3), the DKC layers', which explode easily, smaller ones.
    paramwise_cfg=dict(offset_lr_mult=1., align_lr_mult=3.3))

max_iters = 3500
custom_hooks = [
    # x4 is trained first, at a fraction of the cost of x16.
    dict(type='ProgressiveScaleHook', scale=4, until=3000),
    # An average over about 100 steps, which is what is validated and saved.
    dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.01)
]
# A constant rate, which the average makes up for, and a linear end.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(
        type='LinearLR',
        start_factor=1.,
        end_factor=0.01,
        begin=3000,
        end=max_iters,
        by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=500)
auto_scale_lr = dict(base_batch_size=4)

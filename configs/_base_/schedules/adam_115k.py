# Copyright (c) DKSAN-MM contributors.
# The optimizer and the length of the training. Source of each value: the paper
# (arXiv 2010.00154), or "chosen here" with the reason.

max_iters = 115_000  # paper, sec. 4

optim_wrapper = dict(
    type='StepOptimWrapper',  # each iteration is exactly one update
    constructor='OffsetLrConstructor',
    optimizer=dict(
        type='Adam',  # paper, sec. 4
        lr=4e-4,  # paper, sec. 4
        betas=(0.9, 0.999)),  # paper, sec. 4
    # Chosen here: offsets that jump out of the frame no longer receive
    # gradients, the problem that users of EDVR report most often. With a lower
    # learning rate of their predictors, they stay inside.
    paramwise_cfg=dict(offset_lr_mult=0.1),
    # Chosen here: far above the usual gradient norm, so it affects only
    # exceptional batches.
    clip_grad=dict(max_norm=10.))

# Chosen here, because the paper states no schedule: a half cosine without
# restarts needs no milestones and ends with small steps. The warm-up is needed
# because Adam's first steps have full size in every weight. They disturbed a
# new network so much that it learned more slowly for hundreds of steps.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=200, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        T_max=max_iters,
        eta_min=1e-7,
        by_epoch=False)
]

# The paper (sec. 4) uses a total batch of 16 on 4 GPUs. With another number of
# GPUs, --total-batch keeps this total, and --auto-scale-lr scales the learning
# rate with the total instead.
auto_scale_lr = dict(base_batch_size=16, enable=False)

train_cfg = dict(
    type='ResumableTrainLoop',
    max_iters=max_iters,
    # Chosen here, because the validation split of Vid3oC has 1,920 HR frames.
    val_interval=5000)
# mmagic's loops, which accept several data sets, each with its own metrics.
val_cfg = dict(type='MultiValLoop')
test_cfg = dict(type='MultiTestLoop')

# The weights are not averaged (EMA): the paper does not mention it.

# Delete the name: a child config must change train_cfg and param_scheduler.
del max_iters

# Copyright (c) DKSAN-MM contributors.
# The optimizer and the length of training. Source of each value: the paper
# (arXiv 2010.00154), or chosen here with the reason.

max_iters = 115_000  # paper, sec. 4

optim_wrapper = dict(
    type='StepOptimWrapper',  # an iteration is an update, always
    constructor='OffsetLrConstructor',
    optimizer=dict(
        type='Adam',  # paper, sec. 4
        lr=4e-4,  # paper, sec. 4
        betas=(0.9, 0.999)),  # paper, sec. 4
    # Chosen here: offsets that jump leave the frame and get no gradient any
    # more, what users of EDVR report most. Slower predictors stay inside.
    paramwise_cfg=dict(offset_lr_mult=0.1),
    # Chosen here: far above an ordinary step's gradient norm, so it acts on
    # the exceptional batch only.
    clip_grad=dict(max_norm=10.))

# Chosen here, the paper names no schedule: a half cosine without restarts
# needs no milestones and ends with steps small enough to settle. Adam's first
# steps are of full size in every weight, which threw a fresh network off so
# far that it learned more slowly for hundreds of steps: hence the warm-up.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=200, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        T_max=max_iters,
        eta_min=1e-7,
        by_epoch=False)
]

# Batch 16 in all, on 4 GPUs: paper, sec. 4. With another number of GPUs,
# --total-batch keeps it, and --auto-scale-lr the ratio of rate and batch.
auto_scale_lr = dict(base_batch_size=16, enable=False)

train_cfg = dict(
    type='ResumableTrainLoop',
    max_iters=max_iters,
    # Chosen here: validation is 1,920 HR frames of Vid3oC.
    val_interval=5000)
# mmagic's loops: they take several data sets, each with its own metrics.
val_cfg = dict(type='MultiValLoop')
test_cfg = dict(type='MultiTestLoop')

# Not given in the paper, not used: an average of the weights (EMA).

del max_iters  # to be changed where it was used: train_cfg, param_scheduler

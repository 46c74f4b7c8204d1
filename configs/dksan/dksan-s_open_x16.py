# Copyright (c) DKSAN-MM contributors.
# A long training of the small network on open clips and photographs, for
# weights that anybody may use. Differs from dksan-s_vid3oc_x16.py in the data
# and in what length changes. All values are chosen here.
_base_ = 'dksan-s_vid3oc_x16.py'

experiment_name = 'dksan-s_open_x16'

# Lists of what tools/prepare_data.py has made: of videos, and of photographs
# as clips of one frame, which always move. Shares are of an epoch's samples:
# about 320 of each of 21 clips, 6 of each of 517 photographs.
train_dataloader = dict(
    dataset=dict(
        sources=[
            dict(ann_file='train/clips.txt', share=2),
            dict(ann_file='train/photos.txt', share=1)
        ],
        samples_per_clip=18))
val_dataloader = dict(dataset=dict(frame_step=80))  # 29 frames

# The frames of x2, x4 and x8, too: one network for every factor.
model = dict(level_weights=(0.1, 0.2, 0.2))

max_iters = 120_000
x4_iters = 100_000
train_cfg = dict(max_iters=max_iters, val_interval=2000)
default_hooks = dict(
    progressive=dict(until=x4_iters),
    open_relus=dict(type='OpenReLUsHook'),
    # Over the last tenth of the training so far, at most 1,000 steps.
    ema=dict(ema_type='MomentumAnnealingEMA', gamma=10, momentum=0.001),
    checkpoint=dict(interval=500))  # a few minutes
# A constant rate for as long as one likes: from any checkpoint, a copy of the
# run can be brought to its end with fewer steps.
param_scheduler = _base_.param_scheduler
decay = param_scheduler[-1]
decay.update(begin=x4_iters, end=max_iters)
del max_iters, x4_iters, decay

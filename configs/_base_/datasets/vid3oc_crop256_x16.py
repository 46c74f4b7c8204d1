# Copyright (c) DKSAN-MM contributors.
# Small crops of Vid3oC, or of other clips, with synthetic motion. All values
# that differ from the paper's are chosen here.
_base_ = 'vid3oc_x16.py'

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        # Vid3oC's clips have 120 frames each. Among others, long clips would
        # leave the short ones, each a scene of its own, few samples.
        samples_per_clip=120,
        # HR crops of 256 (LR 16), a quarter of the paper's pixels, from the
        # middle of 480, where there is room for synthetic motion, and which
        # 480-row videos have.
        pipeline=dict(
            crop=dict(gt_patch_size=480),
            reverse=dict(
                type='TemporalReverse', keys=['img'], reverse_ratio=0.5),
            motion=dict(type='SyntheticMotion', gt_patch_size=256),
            permute=dict(type='RandomPermuteChannels', keys=['img', 'gt']),
            pack=dict(data_keys=['motion']))))
val_dataloader = dict(dataset=dict(frame_step=40))  # a few of each clip

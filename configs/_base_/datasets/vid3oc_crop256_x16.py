# Copyright (c) DKSAN-MM contributors.
# Small crops of Vid3oC or other clips, with synthetic motion. All values that
# differ from the paper's are chosen here.
_base_ = 'vid3oc_x16.py'

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        # All clips of Vid3oC have 120 frames. In other data the lengths vary:
        # the same number for each clip keeps long clips from dominating.
        samples_per_clip=120,
        # The network sees HR crops of 256 (LR 16), a quarter of the paper's
        # pixels. They are the middle of crops of 480, which leave room for
        # synthetic motion and fit into videos with 480 rows.
        pipeline=dict(
            crop=dict(gt_patch_size=480),
            reverse=dict(
                type='TemporalReverse', keys=['img'], reverse_ratio=0.5),
            motion=dict(type='SyntheticMotion', gt_patch_size=256),
            permute=dict(type='RandomPermuteChannels', keys=['img', 'gt']),
            pack=dict(data_keys=['motion']))))
val_dataloader = dict(dataset=dict(frame_step=40))  # a few frames per clip

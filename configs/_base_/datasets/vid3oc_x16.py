# Copyright (c) DKSAN-MM contributors.
# Data: Vid3oC as tools/prepare_data.py lays it out. Source of each value: the
# paper (arXiv 2010.00154), or chosen here with the reason.
# For other clips laid out alike, the data sets' data_root is all that changes;
# the environment variable DKSAN_DATA_ROOT sets it, or --data-root.

data_root = '{{$DKSAN_DATA_ROOT:data/Vid3oC}}'
num_frames = 7  # paper, sec. 4: 2N + 1 with N = 3

# What is read: 'png' frames, or what tools/prepare_data.py --store adds:
# 'tiles' (11 times as many samples a second, 0.7 times the disk), 'array' (40
# times, 3.5 times; tools/benchmark_data.py measures both) or 'auto', the
# quickest that is there. The pixels are the same.
store = 'auto'

meta_keys = ['key', 'clip']  # in addition to those of mmagic

# The steps of training have names. A child config, or --cfg-options, changes
# one by its name: train_dataloader.dataset.pipeline.crop.gt_patch_size=256.
# An empty step is left out; it keeps a place for child configs to fill.
train_pipeline = dict(
    # Beyond a clip's ends the end frame is repeated. The paper says nothing.
    window=dict(type='GenerateWindowIndices', interval=1, padding='replicate'),
    # HR of 512, LR of 32; paper, sec. 4
    crop=dict(type='LoadPairedCrop', gt_patch_size=512, scale=16),
    # Random flips and rotations; paper, sec. 4. Transposing comes last:
    # flips work in place and need the original memory layout.
    flip_horizontally=dict(
        type='Flip',
        keys=['img', 'gt'],
        flip_ratio=0.5,
        direction='horizontal'),
    flip_vertically=dict(
        type='Flip', keys=['img', 'gt'], flip_ratio=0.5, direction='vertical'),
    transpose=dict(
        type='RandomTransposeFrames', keys=['img', 'gt'], transpose_ratio=0.5),
    reverse=dict(),
    motion=dict(),
    permute=dict(),
    pack=dict(type='PackFrames', keys=['img'], meta_keys=meta_keys))

# A list, as mmagic's inferencers want it.
test_pipeline = [
    dict(type='GenerateWindowIndices', interval=1, padding='replicate'),
    dict(type='LoadFrames', key='img', channel_order='rgb'),
    # Optional: the test split of Vid3oC has no ground truth.
    dict(type='LoadFrames', key='gt', channel_order='rgb', optional=True),
    dict(type='CheckFrames', scale=16),
    dict(type='PackInputs', keys=['img'], meta_keys=meta_keys)
]

# For mmagic's VideoRestorationInferencer, which wants GenerateSegmentIndices
# first. The windows at the clip's ends are those of the tests.
demo_pipeline = [
    dict(type='GenerateSegmentIndices', interval_list=[1]),
    dict(type='LoadImageFromFile', key='img', channel_order='rgb'),
    dict(type='PackInputs', keys=['img']),
    dict(type='StackWindows', num_frames=num_frames)
]

train_dataloader = dict(
    batch_size=4,  # on each of 4 GPUs, 16 in all; paper, sec. 4
    num_workers=4,  # chosen here: per GPU; decoding PNG is the work
    persistent_workers=True,
    # Crops and flips that do not depend on the number of workers.
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='Vid3oCDataset',
        data_root=data_root,
        data_prefix=dict(img='train/LRx16', gt='train/HR'),
        num_input_frames=num_frames,
        store=store,
        pipeline=train_pipeline))

# One data set each, so mmagic's MultiValLoop and MultiTestLoop (schedules/)
# take these as they are, without lists.
val_dataloader = dict(
    batch_size=1,  # whole frames, of any size
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='Vid3oCDataset',
        data_root=data_root,
        data_prefix=dict(img='val/LRx16', gt='val/HR'),
        num_input_frames=num_frames,
        store=store,
        frame_step=10,  # chosen here: 12 of a clip's 120 frames, on the way
        test_mode=True,
        pipeline=test_pipeline))

# The paper's figures are of the validation split (050-065), all frames; the
# ground truth of the test split is not public.
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=False,
    drop_last=False,
    # Each process gets consecutive frames, for VideoTemporalError.
    sampler=dict(type='ConsecutiveSampler'),
    dataset=dict(
        type='Vid3oCDataset',
        data_root=data_root,
        data_prefix=dict(img='val/LRx16', gt='val/HR'),
        num_input_frames=num_frames,
        store=store,
        test_mode=True,
        pipeline=test_pipeline))

# PSNR and SSIM are the paper's metrics (sec. 4); in which colours it does
# not say: RGB, and Y too. Means over videos of per-video means.
val_evaluator = [dict(type='VideoPSNR'), dict(type='VideoSSIM')]
# Beyond the paper: flicker, and naturalness without a ground truth. LPIPS
# needs weights that it downloads: add dict(type='VideoLPIPS').
test_evaluator = [
    dict(type='VideoPSNR'),
    dict(type='VideoSSIM'),
    dict(type='VideoTemporalError'),
    # Every tenth frame: chosen here, a frame of 1080p takes over a second.
    dict(type='VideoNIQE', every=10)
]

# What a child config has to change is where these were used.
del data_root, num_frames, store, meta_keys, train_pipeline, test_pipeline

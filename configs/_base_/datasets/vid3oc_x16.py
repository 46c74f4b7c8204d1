# Copyright (c) DKSAN-MM contributors.
# Vid3oC, prepared by tools/prepare_data.py. Source of each value: the paper
# (arXiv 2010.00154), or "chosen here" with the reason.
# For other clips prepared in the same way, change only the data_root of the
# data sets, with --data-root or the environment variable DKSAN_DATA_ROOT.

data_root = '{{$DKSAN_DATA_ROOT:data/Vid3oC}}'
num_frames = 7  # paper, sec. 4: 2N + 1 with N = 3

# Where frames are read from: the PNG files ('png') or a store written by
# tools/prepare_data.py --store. 'tiles' gives 11 times as many samples per
# second with 0.7 times the disk space, 'array' 40 times as many with 3.5 times
# the space (tools/benchmark_data.py measures both). 'auto' takes the fastest
# that exists. The pixels are the same.
store = 'auto'

meta_keys = ['key', 'clip']  # in addition to mmagic's

# The training steps have names, so that a child config or --cfg-options can
# change one: train_dataloader.dataset.pipeline.crop.gt_patch_size=256.
# An empty step is a placeholder for child configs; it is skipped.
train_pipeline = dict(
    # Beyond the ends of a clip, its first or last frame is repeated: chosen
    # here, the paper does not mention it.
    window=dict(type='GenerateWindowIndices', interval=1, padding='replicate'),
    # HR of 512, LR of 32; paper, sec. 4
    crop=dict(type='LoadPairedCrop', gt_patch_size=512, scale=16),
    # Random flips and rotations; paper, sec. 4. Transposing comes last,
    # because flips work in place and need the original memory layout.
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

# A list, because mmagic's inferencers need one.
test_pipeline = [
    dict(type='GenerateWindowIndices', interval=1, padding='replicate'),
    dict(type='LoadFrames', key='img', channel_order='rgb'),
    # Optional: the test split of Vid3oC has no ground truth.
    dict(type='LoadFrames', key='gt', channel_order='rgb', optional=True),
    dict(type='CheckFrames', scale=16),
    dict(type='PackInputs', keys=['img'], meta_keys=meta_keys)
]

# For mmagic's VideoRestorationInferencer, which needs GenerateSegmentIndices
# as the first step. At the ends of a clip, the windows are those of tests.
demo_pipeline = [
    dict(type='GenerateSegmentIndices', interval_list=[1]),
    dict(type='LoadImageFromFile', key='img', channel_order='rgb'),
    dict(type='PackInputs', keys=['img']),
    dict(type='StackWindows', num_frames=num_frames)
]

train_dataloader = dict(
    batch_size=4,  # on each of 4 GPUs, 16 in total; paper, sec. 4
    num_workers=4,  # per GPU; chosen here, because PNG decoding is slow
    persistent_workers=True,
    # With it, crops and flips do not depend on the number of workers.
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='Vid3oCDataset',
        data_root=data_root,
        data_prefix=dict(img='train/LRx16', gt='train/HR'),
        num_input_frames=num_frames,
        store=store,
        pipeline=train_pipeline))

# A single data set each. mmagic's MultiValLoop and MultiTestLoop, which the
# files in schedules/ use, accept it without a list.
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
        frame_step=10,  # chosen here: 12 of 120 frames, to save time
        test_mode=True,
        pipeline=test_pipeline))

# The paper reports scores on all frames of the validation split (050-065),
# because the ground truth of the test split is not public.
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

# PSNR and SSIM are the paper's metrics (sec. 4). It does not state the colour
# space, so both RGB and Y are reported. A score is the mean over videos of
# the mean over frames.
val_evaluator = [dict(type='VideoPSNR'), dict(type='VideoSSIM')]
# Not in the paper: VideoTemporalError measures flicker, and VideoNIQE
# naturalness without a ground truth. For LPIPS, which downloads weights, add
# dict(type='VideoLPIPS').
test_evaluator = [
    dict(type='VideoPSNR'),
    dict(type='VideoSSIM'),
    dict(type='VideoTemporalError'),
    # Every tenth frame: chosen here, a 1080p frame takes over a second.
    dict(type='VideoNIQE', every=10)
]

# Delete these names: a child config must change the values where they are
# used.
del data_root, num_frames, store, meta_keys, train_pipeline, test_pipeline

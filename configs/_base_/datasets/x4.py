# Copyright (c) DKSAN-MM contributors.
# The steps of tests at x4, those of vid3oc_x16.py but for the scale.
x4_pipeline = [
    dict(type='GenerateWindowIndices', interval=1, padding='replicate'),
    dict(type='LoadFrames', key='img', channel_order='rgb'),
    dict(type='LoadFrames', key='gt', channel_order='rgb', optional=True),
    dict(type='CheckFrames', scale=4),
    dict(type='PackInputs', keys=['img'], meta_keys=['key', 'clip'])
]

# Copyright (c) DKSAN-MM contributors.
# The test pipeline at x4. Only the scale differs from that of vid3oc_x16.py.
x4_pipeline = [
    dict(type='GenerateWindowIndices', interval=1, padding='replicate'),
    dict(type='LoadFrames', key='img', channel_order='rgb'),
    dict(type='LoadFrames', key='gt', channel_order='rgb', optional=True),
    dict(type='CheckFrames', scale=4),
    dict(type='PackInputs', keys=['img'], meta_keys=['key', 'clip'])
]

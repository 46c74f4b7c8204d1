# Copyright (c) DKSAN-MM contributors.
# Real-ESRGAN's small network for animated video, applied twice; a comparison
# that the paper does not have.
_base_ = 'real-esrgan_vid3oc_x16.py'

experiment_name = 'real-esrgan-video_vid3oc_x16'
model = dict(generator=dict(weights='realesr-animevideov3-x4'))

# Copyright (c) DKSAN-MM contributors.
# Real-ESRGAN x4plus, applied twice; a comparison that the paper does not have.
_base_ = '../bicubic/bicubic_vid3oc_x16.py'

experiment_name = 'real-esrgan_vid3oc_x16'
model = dict(
    generator=dict(
        _delete_=True, type='RealESRGANNet', weights='realesrgan-x4plus'))

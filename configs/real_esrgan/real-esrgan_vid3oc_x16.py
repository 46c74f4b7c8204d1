# Copyright (c) DKSAN-MM contributors.
# Real-ESRGAN's x4plus, twice, to compare with; chosen here.
_base_ = '../bicubic/bicubic_vid3oc_x16.py'

experiment_name = 'real-esrgan_vid3oc_x16'
model = dict(
    generator=dict(
        _delete_=True, type='RealESRGANNet', weights='realesrgan-x4plus'))

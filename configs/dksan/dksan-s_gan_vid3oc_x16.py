# Copyright (c) DKSAN-MM contributors.
# dksan-s for the eye: from the weights of dksan-s_vid3oc_x16.py, or others of
# the same network, trained against a discriminator. The paper has no such
# training; all values are chosen here.
_base_ = 'dksan-s_vid3oc_x16.py'

experiment_name = 'dksan-s_gan_vid3oc_x16'
load_from = 'weights/dksan-s_vid3oc_x16.pth'

model = dict(
    type='WindowGAN',
    generator=dict(
        min_scale=16,  # the only frame that is trained
        # Where a mesh showed without smoothing, mostly at x8.
        smooth_scales=(8, 16)),
    # Of pairs of frames, 2 * 3 channels; half of Real-ESRGAN's width.
    discriminator=dict(
        type='UNetDiscriminatorWithSpectralNorm',
        in_channels=6,
        mid_channels=32),
    gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=0.1),
    # Needs the package stlpips_pytorch. With a network, mmagic's own:
    # dict(_delete_=True, type='PerceptualLoss', style_weight=0,
    #      layer_weights={'2': 0.1, '7': 0.1, '16': 1., '25': 1., '34': 1.})
    perceptual_loss=dict(type='STLPIPSLoss', perceptual_weight=1.),
    temporal_weight=1.,
    grid_weight=10.,
    critic_size=128)

# Pairs of windows: two frames of ground truth, so half as many samples.
train_dataloader = dict(
    batch_size=2,
    dataset=dict(pipeline=dict(motion=dict(ratio=1., pairs=True))))
auto_scale_lr = dict(base_batch_size=2)

# Steps are a fifth of the first training's, the discriminator's (of Adam,
# 0.3 times the rate) twice as large as the generator's.
optim_wrapper = dict(
    optimizer=dict(lr=2e-4), paramwise_cfg=dict(discriminator_lr_mult=6.))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(
        type='LinearLR',
        start_factor=1.,
        end_factor=0.01,
        begin=8000,
        end=10000,
        by_epoch=False)
]
train_cfg = dict(max_iters=10000, val_interval=2000)
default_hooks = dict(
    progressive=dict(until=0),  # every step trains the whole network
    checkpoint=dict(save_best=None))  # not the one with the best PSNR

# Copyright (c) DKSAN-MM contributors.
# dksan-s with sharper frames: the weights of dksan-s_vid3oc_x16.py, or others
# of the same network, are trained further against a discriminator. The paper
# has no such training; all values are chosen here.
_base_ = 'dksan-s_vid3oc_x16.py'

experiment_name = 'dksan-s_gan_vid3oc_x16'
load_from = 'weights/dksan-s_vid3oc_x16.pth'

model = dict(
    type='WindowGAN',
    generator=dict(
        min_scale=16,  # the only output that is trained
        # Levels with a visible mesh when not smoothed, mostly x8.
        smooth_scales=(8, 16)),
    # Its input is a pair of frames with 2 * 3 channels. Its width is half of
    # Real-ESRGAN's.
    discriminator=dict(
        type='UNetDiscriminatorWithSpectralNorm',
        in_channels=6,
        mid_channels=32),
    gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=0.1),
    # Needs the package stlpips_pytorch. An alternative is mmagic's loss, which
    # downloads VGG19:
    # dict(_delete_=True, type='PerceptualLoss', style_weight=0,
    #      layer_weights={'2': 0.1, '7': 0.1, '16': 1., '25': 1., '34': 1.})
    perceptual_loss=dict(type='STLPIPSLoss', perceptual_weight=1.),
    temporal_weight=1.,
    grid_weight=10.,
    critic_size=128)

# A sample is a pair of windows with two ground-truth frames, so the batch has
# half as many samples.
train_dataloader = dict(
    batch_size=2,
    dataset=dict(pipeline=dict(motion=dict(ratio=1., pairs=True))))
auto_scale_lr = dict(base_batch_size=2)

# The learning rate is a fifth of that of the first training. The steps of the
# discriminator are about twice as large as those of the generator: Adam's rate
# is 0.3 times the base rate, and 6 * 0.3 = 1.8.
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

# Copyright (c) DKSAN-MM contributors.
"""Adversarial training of a window network on consecutive outputs."""
from typing import Any

import torch
from mmagic.models.utils import set_requires_grad
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from torch import Tensor

from .losses import grid_loss, temporal_loss
from .window_vsr import WindowVSR


@MODELS.register_module()
class WindowGAN(WindowVSR):
    """Video super-resolution with sharp and temporally stable frames.

    The paper uses only a pixel loss; everything that this class adds to
    WindowVSR is *chosen here*. The network upscales two overlapping windows,
    one frame apart. The pixel loss is combined with

    * a perceptual loss of the later frame (the earlier one is very similar),
    * an adversarial loss of both frames of a sample, which the discriminator
      receives together as 6 channels, so that it rejects detail that is in
      only one of them,
    * a :func:`~dksan_mm.models.losses.temporal_loss` by the known motion,
    * a :func:`~dksan_mm.models.losses.grid_loss`, without which the
      PixelShuffle leaves a grid.

    As in mmagic's SRGAN with one step of each, both networks are updated at
    once: the generator's gradients use the discriminator before the update,
    and the discriminator's gradients use the frames before the update. A
    single optimizer updates both, so that resuming, distributed training,
    gradient accumulation and bfloat16 work as usual; its constructor sets the
    discriminator's learning rate (``discriminator_lr_mult``).

    Released weights and tests need only the generator.

    Args:
        generator (dict): As in WindowVSR.
        pixel_loss (dict): As in WindowVSR; the config includes its weight.
        discriminator (dict): Config of a network with input ``(n, 6, h, w)``.
        gan_loss (dict): Config of mmagic's ``GANLoss``.
        perceptual_loss (dict): Config of :class:`~dksan_mm.models.losses.
            STLPIPSLoss` or mmagic's ``PerceptualLoss``.
        temporal_weight (float): Weight of the temporal loss.
        grid_weight (float): Weight of the grid loss.
        critic_size (int): Side, in HR pixels, of the random crop of the
            outputs for the perceptual and the adversarial loss, which need
            less context than the generator.
        **kwargs: As in WindowVSR.

    Raises:
        ValueError: If a weight is negative or the size is not positive.
    """

    def __init__(self,
                 generator: dict,
                 pixel_loss: dict,
                 *,
                 discriminator: dict,
                 gan_loss: dict,
                 perceptual_loss: dict,
                 temporal_weight: float = 1.,
                 grid_weight: float = 1.,
                 critic_size: int = 128,
                 **kwargs) -> None:
        super().__init__(generator, pixel_loss, **kwargs)
        if min(temporal_weight, grid_weight) < 0:
            raise ValueError('temporal_weight and grid_weight must be >= 0, '
                             f'got {temporal_weight} and {grid_weight}')
        if critic_size < 1:
            raise ValueError(f'critic_size must be >= 1, got {critic_size}')
        self.temporal_weight = temporal_weight
        self.grid_weight = grid_weight
        self.critic_size = critic_size
        self.discriminator = MODELS.build(discriminator)
        self.gan_loss = MODELS.build(gan_loss)
        self.perceptual_loss = MODELS.build(perceptual_loss)

    def forward_train(self,
                      inputs: Tensor,
                      data_samples: list[DataSample] | None = None,
                      **kwargs) -> dict[str, Tensor]:
        """Compute the losses of both networks.

        Args:
            inputs (Tensor[n, t + 1, 3, h, w]): LR frames of two windows, RGB
                in [0, 1].
            data_samples (DataSample): ``gt_img``, the HR frames of the later
                window's centre and of the frame before it, ``(n, 2, 3,
                scale * h, scale * w)``, and ``motion`` from the former,
                ``(n, t + 1, 2, h, w)``, as from :class:`~dksan_mm.datasets.
                SyntheticMotion` with ``pairs``.

        Returns:
            dict[str, Tensor]: Losses to be summed.

        Raises:
            ValueError: If the windows are not pairs, or data is missing.
        """
        target: Any = getattr(data_samples, 'gt_img', None)
        motion: Any = getattr(data_samples, 'motion', None)
        self._check_pairs(inputs, target, motion)
        later = motion[:, 1:]
        frames = torch.cat(target.unbind(1))
        losses, outputs = self.window_losses(
            torch.cat([inputs[:, 1:], inputs[:, :-1]]),
            frames,
            # The motion from the earlier centre frame is unknown.
            torch.cat([later, torch.full_like(later, torch.nan)]))
        if self.grid_weight:
            losses['loss_grid'] = self.grid_weight * self._grid_loss(
                outputs, frames)
        outputs = torch.stack(outputs.chunk(2), 1)
        if self.temporal_weight:
            before = self.generator.num_frames // 2
            losses['loss_temporal'] = self.temporal_weight * temporal_loss(
                outputs, target, motion[:, before])
        losses.update(self._critic_losses(*self._random_part(outputs, target)))
        return losses

    def _grid_loss(self, outputs: Tensor, frames: Tensor) -> Tensor:
        """Compute losses of a grid in all frames and of finer, local grids."""
        scale = self.generator.scale
        return grid_loss(outputs, frames, scale) + grid_loss(
            outputs, frames, min(4, scale), min(4 * scale, *frames.shape[-2:]))

    def _critic_losses(self, outputs: Tensor,
                       target: Tensor) -> dict[str, Tensor]:
        """Compute perceptual and GAN losses of pairs (n, 2, 3, h, w)."""
        perceptual, style = self.perceptual_loss(outputs[:, 0], target[:, 0])
        losses = dict(loss_perceptual=perceptual, loss_style=style)
        fake, real = outputs.flatten(1, 2), target.flatten(1, 2)
        set_requires_grad(self.discriminator, False)
        losses['loss_gan'] = self.gan_loss(
            self.discriminator(fake), target_is_real=True, is_disc=False)
        set_requires_grad(self.discriminator, True)
        for name, pair, truth in (('real', real, True), ('fake', fake.detach(),
                                                         False)):
            losses[f'loss_d_{name}'] = self.gan_loss(
                self.discriminator(pair), target_is_real=truth, is_disc=True)
        return {name: v for name, v in losses.items() if v is not None}

    def _random_part(self, *images: Tensor) -> list[Tensor]:
        """Crop the same random square from all images (..., h, w)."""
        sizes = images[0].shape[-2:]
        part = [min(self.critic_size, size) for size in sizes]
        top, left = (int(torch.randint(size - kept + 1, ()))
                     for size, kept in zip(sizes, part))
        return [
            image[..., top:top + part[0], left:left + part[1]]
            for image in images
        ]

    def _check_pairs(self, inputs: Tensor, target: Tensor | None,
                     motion: Tensor | None) -> None:
        """Check that a batch consists of pairs of windows."""
        frames = self.generator.num_frames + 1
        if inputs.ndim != 5 or inputs.shape[1] != frames:
            raise ValueError(f'expected pairs of windows (n, {frames}, 3, h, '
                             f'w), got {tuple(inputs.shape)}')
        if target is None or target.ndim != 5 or target.shape[1] != 2:
            raise ValueError('pairs of windows need two frames of ground '
                             'truth, got '
                             f'{None if target is None else target.shape}')
        if motion is None:
            raise ValueError('pairs of windows need their motion; see '
                             'SyntheticMotion')

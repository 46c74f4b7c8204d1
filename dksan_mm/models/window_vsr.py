# Copyright (c) DKSAN-MM contributors.
"""mmagic model for training and testing any network of windows."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from mmagic.models import BaseEditModel
from mmagic.registry import MODELS, TASK_UTILS
from mmagic.structures import DataSample
from mmengine.dist import is_distributed
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from .batch_parts import train_in_parts
from .dihedral import run_ensemble
from .losses import motion_loss, watch_offsets
from .padding import pad_frames, size_divisor
from .scales import (choose_ensemble_scale, choose_scale, scale_argument,
                     upscale_further)


@MODELS.register_module()
class WindowVSR(BaseEditModel):
    """Video super-resolution from a window of frames to one frame.

    It checks all shapes, since ground truth of 7 frames would silently
    broadcast against the single predicted frame. It pads LR frames to the
    network's ``size_divisor`` and crops the output.

    Args:
        generator (dict): Config of the network, whose class states ``scale``
            and ``num_frames``, and ``size_divisor`` if it needs padding.
        pixel_loss (dict): Config of the loss.
        evaluator (dict, optional): Config of the evaluator, which runs the
            network without gradients; see :mod:`dksan_mm.inference`. None:
            the network is called directly.
        train_cfg (dict, optional): As in mmagic's BaseEditModel.
        test_cfg (dict, optional): ``scale``, the scale factor outside of
            training for networks with several (default: the largest one), and
            ``ensemble``, whether to average the results of the 8 flips and
            rotations outside of training, or the scale factor of the level
            whose frames are averaged (default: False).
        init_cfg (dict, optional): mmengine's initialisation config.
        data_preprocessor (dict, optional): Config; it must not pad, because
            mmagic would crop LR rows from the HR output.
        motion_weight (float): Weight of the
            :func:`~dksan_mm.models.losses.motion_loss` in training, for data
            samples with ``motion`` (:class:`~dksan_mm.datasets.
            SyntheticMotion`) and networks with an ``offset_predictor``.
        level_weights (Sequence[float]): Loss weights of the intermediate
            frames: x2, x4 and x8. The default is none, as the paper supervises
            only the last frame. *Chosen here*: with weights, networks with a
            ``pyramid`` learn every scale factor.
        channels_last (bool): Whether to store parameters in torch's
            ``channels_last`` memory format, which convolutions then choose
            for their outputs. Results change only by rounding.

    Attributes:
        train_scale (int, optional): Scale factor up to which only the first
            levels are trained, with downscaled ground truth; None: all. Set
            by :class:`~dksan_mm.engine.hooks.ProgressiveScaleHook`.

    Raises:
        ValueError: If the data preprocessor pads, the network lacks an
            attribute, a weight is negative, there are weights for levels that
            the network does not have, it does not support the scale, or
            ``test_cfg`` has another key.
    """

    train_scale: int | None = None

    def __init__(self,
                 generator: dict,
                 pixel_loss: dict,
                 *,
                 evaluator: dict | None = None,
                 train_cfg: dict | None = None,
                 test_cfg: dict | None = None,
                 init_cfg: dict | None = None,
                 data_preprocessor: dict | None = None,
                 motion_weight: float = 0.,
                 level_weights: Sequence[float] = (),
                 channels_last: bool = False) -> None:
        divisor = (data_preprocessor or {}).get('pad_size_divisor', 1)
        if divisor != 1:
            raise ValueError('data_preprocessor must not pad, got '
                             f'pad_size_divisor={divisor}; the model pads')
        super().__init__(
            generator=generator,
            pixel_loss=pixel_loss,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            init_cfg=init_cfg,
            data_preprocessor=data_preprocessor)
        _check_network(self.generator)
        if motion_weight < 0:
            raise ValueError('motion_weight must be >= 0, got '
                             f'{motion_weight}')
        self.motion_weight = motion_weight
        levels = len(getattr(self.generator, 'level_scales', (None, )))
        if level_weights and (len(level_weights) != levels - 1
                              or min(level_weights) < 0):
            raise ValueError(f'level_weights must be {levels - 1} numbers >= '
                             f'0, got {tuple(level_weights)}')
        self.level_weights = tuple(level_weights)
        test_cfg = test_cfg or {}
        others = set(test_cfg) - {'scale', 'ensemble'}
        if others:
            raise ValueError('model.test_cfg has scale and ensemble, but no '
                             f'{min(others)}')
        self.test_scale = choose_scale(self.generator, test_cfg.get('scale'))
        self.test_ensemble = test_cfg.get('ensemble') or False
        choose_ensemble_scale(self.generator, self.test_ensemble,
                              self.test_scale)  # rejects other values
        self.evaluator = evaluator and TASK_UTILS.build(
            evaluator, default_args=dict(network=self.generator))
        if channels_last:
            self.generator.to(memory_format=torch.channels_last)

    def train_step(self, data: dict,
                   optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Update the parameters once from a batch in one or several parts.

        Args:
            data (dict): Batch from the data loader.
            optim_wrapper (OptimWrapper): Wrapper that states how many parts.

        Returns:
            dict[str, Tensor]: Values to log.
        """
        return train_in_parts(super().train_step, data, optim_wrapper)

    def forward_tensor(self,
                       inputs: Tensor,
                       data_samples: list[DataSample] | None = None,
                       **kwargs) -> Tensor:
        """Upscale the centre frame of each window.

        Args:
            inputs (Tensor[n, t, 3, h, w]): LR frames, RGB in [0, 1]; or the
                output of StackWindows for mmagic's inferencer: all windows of
                each clip, ``(n, m, t, 3, h, w)``, or the windows around the
                requested one, ``(n, t, 3 * t, h, w)``.
            data_samples (DataSample, optional): Not used.

        Returns:
            Tensor[n, 3, scale * h, scale * w]: RGB, about [0, 1], at the test
            scale; for whole clips ``(n, m, 3, ...)``.

        Raises:
            ValueError: If the shape is invalid for the network.
        """
        t = self.generator.num_frames
        if inputs.ndim == 6:
            windows = map(self.forward_tensor, inputs.unbind(1))
            return torch.stack(list(windows), dim=1)
        if inputs.ndim == 5 and inputs.shape[1:3] == (t, 3 * t):
            inputs = inputs[:, t // 2].unflatten(1, (t, 3))
        scale = self.test_scale
        mean_scale = choose_ensemble_scale(self.generator, self.test_ensemble,
                                           scale)
        if mean_scale is None:
            return self._upscale(inputs, scale)
        frame = run_ensemble(partial(self._upscale, scale=mean_scale), inputs)
        if mean_scale == scale:
            return frame
        if self._evaluator is None:
            return upscale_further(self.generator, frame, mean_scale, scale)
        return self._evaluator.reconstruct(
            frame, None, scale=scale, start=mean_scale)[0]

    def _upscale(self, inputs: Tensor, scale: int) -> Tensor:
        self._check_inputs(inputs)
        h, w = inputs.shape[-2:]
        run = self._evaluator or self.generator
        other = scale_argument(self.generator, scale)
        out = run(pad_frames(inputs, size_divisor(self.generator)), **other)
        return out[..., :scale * h, :scale * w]

    @property
    def _evaluator(self) -> Any:
        """The evaluator; None where the network is to be called directly."""
        # Only in tests; training and compilers call the network.
        plain = torch.is_grad_enabled() or torch.compiler.is_compiling()
        return None if plain else self.evaluator

    def forward_train(self,
                      inputs: Tensor,
                      data_samples: list[DataSample] | None = None,
                      **kwargs) -> dict[str, Tensor]:
        """Compute the loss on the final output (paper, sec. 4).

        Args:
            inputs (Tensor[n, t, 3, h, w]): LR frames, RGB in [0, 1].
            data_samples (DataSample): ``gt_img``, the centre HR frames
                ``(n, 3, scale * h, scale * w)``, and, where motion is known,
                ``motion``, ``(n, t, 2, h, w)``.

        Returns:
            dict[str, Tensor]: The loss, or losses to be summed.

        Raises:
            ValueError: If the ground truth is missing or has a wrong shape.
        """
        target = getattr(data_samples, 'gt_img', None)
        if target is None:
            raise ValueError('training needs a ground truth, got none')
        motion = getattr(data_samples, 'motion', None)
        losses, _ = self.window_losses(inputs, target, motion)
        # A single loss gets mmagic's name.
        return losses if len(losses) > 1 else dict(loss=losses['loss_pixel'])

    def window_losses(
            self,
            inputs: Tensor,
            target: Tensor,
            motion: Tensor | None = None) -> tuple[dict[str, Tensor], Tensor]:
        """Compute the losses of windows, each with one ground truth frame.

        Args:
            inputs (Tensor[n, t, 3, h, w]): LR frames, RGB in [0, 1].
            target (Tensor[n, 3, scale * h, scale * w]): Centre HR frames.
            motion (Tensor[n, t, 2, h, w], optional): See :func:`~dksan_mm.
                models.losses.motion_loss`.

        Returns:
            tuple: Losses to be summed, and the frames of the last level.

        Raises:
            ValueError: If the ground truth has a wrong shape.
        """
        self._check_inputs(inputs)
        self._check_target(inputs, target)
        predictor = None
        if self.motion_weight and motion is not None:
            predictor = getattr(self.generator, 'offset_predictor', None)
        with watch_offsets(predictor) as offsets:
            *others, last = self._train_frames(inputs)
        losses = self._frame_losses(others, last, target)
        # Checkpointing calls the predictor again, but only in backward.
        if offsets and motion is not None:
            losses['loss_motion'] = self.motion_weight * motion_loss(
                offsets[0], motion)
        return losses, last

    def _train_frames(self, inputs: Tensor) -> list[Tensor]:
        """Return the frames of the levels that have a loss, in order."""
        if self.level_weights or self.train_scale is not None:
            return self.generator.pyramid(inputs, self.train_scale)
        return [self._upscale(inputs, self.generator.scale)]

    def _frame_losses(self, others: list[Tensor], last: Tensor,
                      target: Tensor) -> dict[str, Tensor]:
        """Compute losses of the frames up to the last trained level.

        The ground truth is downscaled like LR frames, by an antialiased
        bicubic filter with a = -0.5.
        """
        losses: dict[str, Any] = {}
        losses['loss_pixel'] = self._shrunk_loss(last, target)
        if self.level_weights:
            losses['loss_levels'] = sum(
                weight * self._shrunk_loss(frame, target)
                for weight, frame in zip(self.level_weights, others))
        if self.train_scale is not None and is_distributed():
            # DDP expects a gradient for every parameter.
            losses['loss_pixel'] = losses['loss_pixel'] + 0 * sum(
                weight.sum() for weight in self.generator.parameters())
        return losses

    def _shrunk_loss(self, output: Tensor, target: Tensor) -> Tensor:
        if output.shape != target.shape:
            target = F.interpolate(
                target,
                output.shape[-2:],
                mode='bicubic',
                antialias=True,
                align_corners=False)
        return self.pixel_loss(output, target)

    def _check_target(self, inputs: Tensor, target: Tensor) -> None:
        """Reject ground truth of a wrong shape, which might broadcast."""
        scale = self.generator.scale
        n, _, _, h, w = inputs.shape
        if target.shape != (n, 3, scale * h, scale * w):
            raise ValueError('the ground truth must have shape '
                             f'{(n, 3, scale * h, scale * w)}, got '
                             f'{tuple(target.shape)}')

    def _check_inputs(self, inputs: Tensor) -> None:
        """Check that the inputs are windows of the network's length."""
        t = self.generator.num_frames
        if inputs.ndim != 5 or inputs.shape[1:3] != (t, 3) or \
                min(inputs.shape[-2:]) < 1:
            raise ValueError(f'expected LR windows (n, {t}, 3, h, w), got '
                             f'{tuple(inputs.shape)}')


def _check_network(network: nn.Module) -> None:
    for name in ('scale', 'num_frames'):
        if not hasattr(network, name):
            raise ValueError(f'{type(network).__name__} has no attribute '
                             f'{name}, which WindowVSR needs of a network')

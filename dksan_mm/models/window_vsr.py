# Copyright (c) DKSAN-MM contributors.
"""The model that mmagic trains and tests: any network of windows."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmagic.models import BaseEditModel
from mmagic.registry import MODELS, TASK_UTILS
from mmagic.structures import DataSample
from mmengine.dist import is_distributed
from mmengine.optim import OptimWrapper
from torch import Tensor

from .batch_parts import train_in_parts
from .losses import motion_loss, watch_offsets
from .padding import pad_frames
from .scales import choose_scale, scale_argument


@MODELS.register_module()
class WindowVSR(BaseEditModel):
    """Video super-resolution that turns a window of frames into one frame.

    It checks every shape, since a ground truth of 7 frames would broadcast
    against the one predicted frame without a word, and pads LR frames to what
    the network needs (its ``size_divisor``), cropping the output again.

    Args:
        generator (dict): Config of the network. Its class states ``scale``,
            ``num_frames`` and ``size_divisor``.
        pixel_loss (dict): Config of the loss.
        evaluator (dict, optional): Config of the object that runs the network
            where no gradients are wanted; see :mod:`dksan_mm.inference`.
            None: the network is called.
        train_cfg (dict, optional): As in mmagic's BaseEditModel.
        test_cfg (dict, optional): ``scale``, the factor of frames outside of
            training, where the network has several; default: its largest.
        init_cfg (dict, optional): mmengine's initialisation config.
        data_preprocessor (dict, optional): Config; must not pad, for mmagic
            would take LR rows off the HR output.
        motion_weight (float): Weight of the
            :func:`~dksan_mm.models.losses.motion_loss` in training, for data
            samples with ``motion`` (:class:`~dksan_mm.datasets.
            SyntheticMotion`) and networks with an ``offset_predictor``.
        level_weights (Sequence[float]): Weights of the losses of the frames
            between the input and the output: x2, x4 and x8. The paper trains
            the last frame alone, hence none. *Chosen here*: networks with a
            ``pyramid`` learn every factor by it.
        channels_last (bool): Keep the network's parameters in torch's
            ``channels_last`` order of memory, which convolutions then choose
            for their outputs. The numbers change by rounding.

    Attributes:
        train_scale (int, optional): Train the network's first levels alone,
            up to this scale, against smaller ground truth; None: all. Set by
            :class:`~dksan_mm.engine.hooks.ProgressiveScaleHook`.

    Raises:
        ValueError: If the data preprocessor pads, a weight is negative, there
            are weights for levels that the network does not have, or it has
            no such scale.
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
        self.test_scale = choose_scale(self.generator, (test_cfg
                                                        or {}).get('scale'))
        self.evaluator = evaluator and TASK_UTILS.build(
            evaluator, default_args=dict(network=self.generator))
        if channels_last:
            self.generator.to(memory_format=torch.channels_last)

    def train_step(self, data: dict,
                   optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Update the parameters once, from a batch in one part or several.

        Args:
            data (dict): A batch as the data loader makes it.
            optim_wrapper (OptimWrapper): Says how many parts.

        Returns:
            dict[str, Tensor]: What to log.
        """
        return train_in_parts(super().train_step, data, optim_wrapper)

    def forward_tensor(self,
                       inputs: Tensor,
                       data_samples: list[DataSample] | None = None,
                       **kwargs) -> Tensor:
        """Upscale the centre frame of each window.

        Args:
            inputs (Tensor[n, t, 3, h, w]): LR frames, RGB in [0, 1]; or what
                StackWindows makes of clips for mmagic's inferencer: all
                windows of each clip, ``(n, m, t, 3, h, w)``, or those around
                the one that is meant, ``(n, t, 3 * t, h, w)``.
            data_samples (DataSample, optional): Not used.

        Returns:
            Tensor[n, 3, scale * h, scale * w]: RGB, about [0, 1], of the
            test's scale; for whole clips ``(n, m, 3, ...)``.

        Raises:
            ValueError: If the shape does not fit the network.
        """
        t = self.generator.num_frames
        if inputs.ndim == 6:
            windows = map(self.forward_tensor, inputs.unbind(1))
            return torch.stack(list(windows), dim=1)
        if inputs.ndim == 5 and inputs.shape[1:3] == (t, 3 * t):
            inputs = inputs[:, t // 2].unflatten(1, (t, 3))
        return self._upscale(inputs, self.test_scale)

    def _upscale(self, inputs: Tensor, scale: int) -> Tensor:
        self._check_inputs(inputs)
        h, w = inputs.shape[-2:]
        # The one door to evaluation; training and compilers see the network.
        plain = torch.is_grad_enabled() or torch.compiler.is_compiling()
        run = self.generator if plain else self.evaluator or self.generator
        other = scale_argument(self.generator, scale)
        out = run(pad_frames(inputs, self.generator.size_divisor), **other)
        return out[..., :scale * h, :scale * w]

    def forward_train(self,
                      inputs: Tensor,
                      data_samples: list[DataSample] | None = None,
                      **kwargs) -> dict[str, Tensor]:
        """Compute the loss on the final output (paper, sec. 4).

        Args:
            inputs (Tensor[n, t, 3, h, w]): LR frames, RGB in [0, 1].
            data_samples (DataSample): With ``gt_img``, the centre HR frames,
                ``(n, 3, scale * h, scale * w)``; where motion is known, with
                ``motion``, ``(n, t, 2, h, w)``.

        Returns:
            dict[str, Tensor]: The loss, or losses to add up.

        Raises:
            ValueError: If there is no ground truth, or of another shape.
        """
        target = getattr(data_samples, 'gt_img', None)
        if target is None:
            raise ValueError('training needs a ground truth, got none')
        motion = getattr(data_samples, 'motion', None)
        losses, _ = self.window_losses(inputs, target, motion)
        # Alone, it has mmagic's name.
        return losses if len(losses) > 1 else dict(loss=losses['loss_pixel'])

    def window_losses(
            self,
            inputs: Tensor,
            target: Tensor,
            motion: Tensor | None = None) -> tuple[dict[str, Tensor], Tensor]:
        """Compute the losses of windows, each with its own ground truth.

        Args:
            inputs (Tensor[n, t, 3, h, w]): LR frames, RGB in [0, 1].
            target (Tensor[n, 3, scale * h, scale * w]): Centre HR frames.
            motion (Tensor[n, t, 2, h, w], optional): See :func:`~dksan_mm.
                models.losses.motion_loss`.

        Returns:
            tuple: The losses, to add up, and the last level's frames.

        Raises:
            ValueError: If the ground truth has another shape.
        """
        self._check_inputs(inputs)
        self._check_target(inputs, target)
        predictor = None
        if self.motion_weight and motion is not None:
            predictor = getattr(self.generator, 'offset_predictor', None)
        with watch_offsets(predictor) as offsets:
            *others, last = self._train_frames(inputs)
        losses = self._frame_losses(others, last, target)
        # Checkpointing runs it again in the backward pass only.
        if offsets and motion is not None:
            losses['loss_motion'] = self.motion_weight * motion_loss(
                offsets[0], motion)
        return losses, last

    def _train_frames(self, inputs: Tensor) -> list[Tensor]:
        """Frames of the levels that have a loss, the last level's last."""
        if self.level_weights or self.train_scale is not None:
            return self.generator.pyramid(inputs, self.train_scale)
        return [self._upscale(inputs, self.generator.scale)]

    def _frame_losses(self, others: list[Tensor], last: Tensor,
                      target: Tensor) -> dict[str, Tensor]:
        """Losses of the levels' frames, up to the one that is trained.

        The ground truth is shrunk as LR frames are made, by a bicubic filter
        with a = -0.5 that is widened (antialiasing).
        """
        losses: dict[str,
                     Any] = dict(loss_pixel=self._shrunk_loss(last, target))
        if self.level_weights:
            losses['loss_levels'] = sum(
                weight * self._shrunk_loss(frame, target)
                for weight, frame in zip(self.level_weights, others))
        if self.train_scale is not None and is_distributed():
            # DDP waits for a gradient of every parameter.
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
        """Reject a ground truth of another shape, which might broadcast."""
        scale = self.generator.scale
        n, _, _, h, w = inputs.shape
        if target.shape != (n, 3, scale * h, scale * w):
            raise ValueError('the ground truth must have shape '
                             f'{(n, 3, scale * h, scale * w)}, got '
                             f'{tuple(target.shape)}')

    def _check_inputs(self, inputs: Tensor) -> None:
        """Reject what is no batch of windows of the network's length."""
        t = self.generator.num_frames
        if inputs.ndim != 5 or inputs.shape[1:3] != (t, 3) or \
                min(inputs.shape[-2:]) < 1:
            raise ValueError(f'expected LR windows (n, {t}, 3, h, w), got '
                             f'{tuple(inputs.shape)}')

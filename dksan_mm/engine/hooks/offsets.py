# Copyright (c) DKSAN-MM contributors.
"""Monitoring of the offsets that deformable layers predict."""
from functools import partial
from typing import Any, NamedTuple

import torch
from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from .divergence import stop_together

# Name of the predicting convolution -> name in the log.
KINDS = dict(conv_offset='align', image_offset='image', kernel_offset='kernel')
Rest = tuple[Tensor, Tensor]


class Stats(NamedTuple):
    """Statistics of offsets in pixels or scope cells.

    Attributes:
        mean (float): Mean absolute value of all dy and dx.
        max (float): Maximum absolute value.
        out (float): Share of taps whose offsets move them out of the frame (or
            the scope), where they read only zeros (or a clamped weight).
    """
    mean: float
    max: float
    out: float


@HOOKS.register_module()
class OffsetMonitorHook(Hook):
    """Log statistics of the offsets and stop the training if they explode.

    Exploding offsets are the problem that users of EDVR report most: offsets
    grow until all samples are outside the frame, where no gradients can bring
    them back. The output is black or blurred although the loss is finite.

    Three kinds are logged as ``offset_KIND_mean``, ``_max`` and ``_out``
    (:class:`Stats`), each the mean (or maximum) over the layers: ``align`` for
    DKC Align and EDVR's alignment; ``image`` and ``kernel`` for DKC layers.
    Only monitored iterations compute statistics and transfer them from the
    device, all at once.

    Args:
        interval (int): Interval of monitored iterations.
        limit (float): Maximum mean absolute offset of a layer, in pixels; for
            image offsets, at most the longer side of the layer's input.
            *Chosen here*: EDVR's code warns at 50.

    Raises:
        ValueError: If an argument is not positive.
    """

    priority = 'ABOVE_NORMAL'  # before the log and the checkpoint

    def __init__(self, interval: int = 50, limit: float = 50.) -> None:
        if interval < 1 or limit <= 0:
            raise ValueError('interval and limit must be positive, got '
                             f'{interval} and {limit}')
        self.interval, self.limit = interval, limit
        self._found: dict[str, list[Tensor]] = {}
        self._handles: list = []

    def before_train_iter(self,
                          runner,
                          batch_idx: int,
                          data_batch: dict | None = None) -> None:
        """Register forward hooks if this iteration is monitored."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        model = runner.model
        for name, layer, parent in predictors(
                model.module if is_model_wrapper(model) else model):
            self._handles.append(
                layer.register_forward_hook(
                    partial(self._record, name, parent)))

    @torch.no_grad()
    def _record(self, name: str, parent: nn.Module, layer: nn.Conv2d,
                inputs: tuple[Tensor], out: Tensor) -> None:
        stats = measure(name, parent, inputs[0], out)
        self._found.setdefault(name, []).append(stats)

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Log the statistics and stop if the limit is exceeded."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        for handle in self._handles:
            handle.remove()
        layers, self._handles = self._read(), []
        for kind in KINDS.values():
            found = [stats for name, stats in layers.items()
                     if kind_of(name) == kind]  # yapf: disable
            if found:
                self._log(runner, f'train/offset_{kind}', found)
        stop_together(runner, self._complaint(layers))

    def _read(self) -> dict[str, list[float]]:
        """Read statistics and side of all layers in one transfer."""
        if not self._found:
            return {}
        found, self._found = self._found, {}
        table = torch.stack([_merge(calls) for calls in found.values()])
        return dict(zip(found, table.tolist()))

    def _log(self, runner, name: str, found: list[list[float]]) -> None:
        mean, largest, out, _ = zip(*found)
        stats = Stats(sum(mean) / len(mean), max(largest), sum(out) / len(out))
        for field, value in stats._asdict().items():
            runner.message_hub.update_scalar(f'{name}_{field}', value)

    def _complaint(self, layers: dict[str, list[float]]) -> str:
        for name, (mean, _, _, side) in layers.items():
            limit = self.limit
            if kind_of(name) != 'kernel':
                limit = min(limit, side)
            if not mean <= limit:  # also true for NaN
                return (f'the offsets of {name} are {mean:.1f} on average, '
                        f'more than {limit:g} (frames are {side:g} wide or '
                        'high there)')
        return ''


def _merge(calls: list[Tensor]) -> Tensor:
    """Merge a layer's statistics over its calls.

    There are several calls if a batch is split into parts, or if activations
    are recomputed.
    """
    merged = torch.stack(calls).mean(0)
    merged[1] = torch.stack(calls)[:, 1].max()
    return merged


def kind_of(name: str) -> str:
    """Return the kind of offsets that a layer predicts, '' if none."""
    return KINDS.get(name.rpartition('.')[2], '')


def predictors(model: nn.Module) -> list[tuple[str, nn.Conv2d, nn.Module]]:
    """List name, convolution and parent of all offset predictors."""
    return [(name, layer, model.get_submodule(name.rpartition('.')[0]))
            for name, layer in model.named_modules()
            if kind_of(name) and isinstance(layer, nn.Conv2d)]


def measure(name: str, parent: nn.Module, x: Tensor, out: Tensor) -> Tensor:
    """Compute the statistics of one call of a predictor.

    Args:
        name (str): Name of the predictor.
        parent (nn.Module): Layer that uses the offsets.
        x (Tensor[n, c, h, w]): Input of the predictor.
        out (Tensor[n, k, h_out, w_out]): Output of the predictor; for the
            alignment, the last third is the mask.

    Returns:
        Tensor[4]: Values of :class:`Stats` and the longer side of ``x``.
    """
    layer: Any = parent
    if kind_of(name) == 'align':
        out = out[:, :out.shape[1] // 3 * 2]
        geometry = dict(
            kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), dilation=(1, 1))
    else:
        geometry = layer.geometry
    if kind_of(name) == 'kernel':
        (high, wide), margin = layer.weight.shape[-2:], 0
        rest = _rest_in_scope(high, geometry['kernel_size'])
    else:
        (high, wide), margin = x.shape[-2:], 1
        rest = _rest_in_frame((out.shape[-2], out.shape[-1]), **geometry)
    taps = rest[0].shape[0]
    offset = out.unflatten(1, (-1, taps, 2)).float()
    rows, cols = (t.to(out.device) for t in rest)
    share = share_left(offset, (rows, cols), (high, wide), margin)
    magnitude = offset.abs()
    side = share.new_tensor(float(max(x.shape[-2:])))
    return torch.stack([magnitude.mean(), magnitude.max(), share, side])


def _rest_in_frame(out_size: tuple[int, int], kernel_size: tuple[int, int],
                   stride: tuple[int, int], padding: tuple[int, int],
                   dilation: tuple[int, int]) -> Rest:
    """Compute rows ``(k, h_out)`` and columns ``(k, w_out)`` at rest."""
    taps = torch.cartesian_prod(*(torch.arange(size) for size in kernel_size))
    rows, cols = (
        torch.arange(out_size[i]) * stride[i] - padding[i] +
        taps[:, i, None] * dilation[i] for i in (0, 1))
    return rows, cols


def _rest_in_scope(scope: int, kernel_size: tuple[int, int]) -> Rest:
    """Compute rows and columns in the scope at rest, ``(k, 1)``."""
    taps = torch.cartesian_prod(*(torch.arange(size) for size in kernel_size))
    rows, cols = (
        taps[:, i, None] + (scope - kernel_size[i]) / 2 for i in (0, 1))
    return rows, cols


def share_left(offset: Tensor, rest: Rest, size: tuple[int, int],
               margin: int) -> Tensor:
    """Compute the share of taps that offsets move out of an area.

    Args:
        offset (Tensor[n, g, k, 2, h, w]): (dy, dx) of k taps in g groups.
        rest (tuple[Tensor, Tensor]): Rows ``(k, h)`` and columns ``(k, w)``
            of the taps without offsets, or ``(k, 1)`` if equal everywhere.
        size (tuple[int, int]): Rows and columns of the area.
        margin (int): Tolerance outside the area.

    Returns:
        Tensor[]: Share in [0, 1] of the taps that are inside at rest.
    """
    rows, cols = rest[0][..., None], rest[1][:, None, :]
    inside = offset.new_ones(
        offset.shape[2:3] + offset.shape[-2:], dtype=torch.bool)
    left = torch.zeros_like(offset[:, :, :, 0], dtype=torch.bool)
    for i, place in enumerate((rows, cols)):
        inside &= (place >= 0) & (place <= size[i] - 1)
        moved = offset[:, :, :, i] + place
        left |= (moved < -margin) | (moved > size[i] - 1 + margin)
    count = inside.sum() * offset.shape[0] * offset.shape[1]
    return (left & inside).sum() / count.clamp(min=1)

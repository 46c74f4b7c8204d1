# Copyright (c) DKSAN-MM contributors.
"""Prediction of the memory of tensors on a GPU, without a GPU."""
import contextlib
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmagic.structures import DataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dksan_mm.ops import set_backend
from .training_cost import build_step


class PeakBytes(TorchDispatchMode):
    """Counts the bytes of all tensors alive at the same time.

    Only tensors that operators create inside the block count. On the meta
    device tensors have sizes but no data, so that counting takes neither
    memory nor time. The temporary memory of operators is unknown: cuDNN's
    workspaces, the CUDA context (some 0.5 GB) and fragmentation come on top.

    Args:
        tensors (Sequence[Tensor]): Existing tensors, such as parameters.

    Attributes:
        peak (int): Largest sum so far, in bytes.
    """

    def __init__(self, tensors: Sequence[Tensor] = ()) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._alive: set[int] = set()
        for tensor in tensors:
            self._add(tensor)

    def __torch_dispatch__(self,
                           func: Callable[..., Any],
                           types: Sequence[type],
                           args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        """Call an operator and count its results.

        Scalars read from the meta device, such as the gradient norm for the
        log, are replaced by 1.
        """
        if func is torch.ops.aten._local_scalar_dense.default and \
                args[0].is_meta:
            return 1.
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._add(value)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._alive:
            return
        self._alive.add(key)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._alive.discard(key)
        self._now -= size


def plan_step(config: Config, batch: int = 4, lr_size: int = 32) -> int:
    """Predict the memory of a training step in float32.

    Args:
        config (Config): Config with ``model`` and ``optim_wrapper``.
        batch (int): Number of windows.
        lr_size (int): Height and width of the LR frames.

    Returns:
        int: Peak of parameters, gradients, optimizer state, data and
        activations in bytes.
    """
    model, optimizer = _build(config)
    network = model.generator
    frames = torch.rand(
        batch, network.num_frames, 3, lr_size, lr_size, device='meta')
    hr_size = network.scale * lr_size
    sample = DataSample()
    sample.set_data(
        dict(gt_img=torch.rand(batch, 3, hr_size, hr_size, device='meta')))
    existing = [*model.parameters(), frames, sample.gt_img]
    with set_backend('triton'), PeakBytes(existing) as count:
        for _ in range(2):  # the optimizer has its state from the second on
            losses = model.forward_train(frames, sample)
            optimizer.update_params(sum(losses.values()))
            del losses
    return count.peak


def plan_frame(config: Config, lr_size: tuple[int, int]) -> int:
    """Predict the memory of upscaling one window without tiles, in float32.

    Args:
        config (Config): Config with ``model``.
        lr_size (tuple[int, int]): Height and width of the LR frames.

    Returns:
        int: Peak of parameters, input, activations and output in bytes.
    """
    model, _ = _build(config)
    network = model.generator.eval()
    with set_backend('triton'), torch.no_grad(), \
            PeakBytes([*network.parameters()]) as count:
        shape = 1, network.num_frames, 3, *lr_size
        network(torch.rand(shape, device='meta'))
    return count.peak


def _build(config: Config) -> tuple[Any, Any]:
    """Return the model on the meta device, and the optimizer wrapper."""
    from dksan_mm.cli import launch
    with contextlib.redirect_stdout(None):
        launch.import_modules(config)
    init_default_scope(config.get('default_scope', 'mmagic'))
    return build_step(config, 'meta')

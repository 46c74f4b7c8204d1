# Copyright (c) DKSAN-MM contributors.
"""Training steps on batches that do not fit into memory at once."""
from collections.abc import Callable, Iterator

from mmagic.registry import MODEL_WRAPPERS
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor


def train_in_parts(step: Callable, data: dict,
                   optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
    """Run a training step in as many parts as the optimizer wrapper states.

    Args:
        step (Callable): ``train_step`` of mmengine.
        data (dict): Batch, as lists or tensors of equal length.
        optim_wrapper (OptimWrapper): :class:`~dksan_mm.engine.optimizers.
            StepOptimWrapper`, which accumulates gradients; with any other
            class, the batch is one part.

    Returns:
        dict[str, Tensor]: Values to log, averaged over the parts.

    Raises:
        ValueError: If the batch cannot be split into equal parts, or the
            pipeline left out the windows or made them of several shapes.
    """
    _check_batch(data)
    parts = getattr(optim_wrapper, 'parts', 1)
    if parts == 1:
        return step(data, optim_wrapper)
    logs = [step(part, optim_wrapper) for part in _cut(data, parts)]
    return {
        name: sum(log[name].detach() for log in logs) / parts
        for name in logs[0]
    }


def _cut(data: dict, parts: int) -> Iterator[dict]:
    size = len(data['inputs'])
    if size % parts:
        raise ValueError(f'a batch of {size} cannot be cut into {parts} equal '
                         'parts (optim_wrapper.accumulative_counts)')
    length = size // parts
    for start in range(0, size, length):
        yield {
            name: values[start:start + length]
            for name, values in data.items()
        }


def _check_batch(data: dict) -> None:
    """Check what a pipeline of the user's own may miss."""
    windows = data.get('inputs')
    if windows is None:
        raise ValueError("the samples have no 'inputs', only "
                         f'{", ".join(data)}: the last step of the pipeline '
                         'must be PackFrames or PackInputs')
    shapes = {tuple(window.shape) for window in windows}
    if len(shapes) > 1:
        raise ValueError(
            'the windows of a batch must have one shape (t, 3, h, w), got '
            f'{" and ".join(map(str, sorted(shapes)))}: the pipeline must '
            'select a window and crop it')


@MODEL_WRAPPERS.register_module()
class PartsDataParallel(MMDistributedDataParallel):
    """MMDistributedDataParallel that synchronizes gradients once per batch."""

    def train_step(self, data: dict,
                   optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Run ``WindowVSR.train_step`` on this process's share of a batch."""
        return train_in_parts(super().train_step, data, optim_wrapper)

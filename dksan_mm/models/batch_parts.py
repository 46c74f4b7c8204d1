# Copyright (c) DKSAN-MM contributors.
"""Training steps on batches that memory cannot hold at once."""
from collections.abc import Callable, Iterator

from mmagic.registry import MODEL_WRAPPERS
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor


def train_in_parts(step: Callable, data: dict,
                   optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
    """Run a training step, in as many parts as the optimizer wrapper says.

    Args:
        step (Callable): mmengine's ``train_step``.
        data (dict): A batch: lists or tensors of one length.
        optim_wrapper (OptimWrapper): A :class:`~dksan_mm.engine.optimizers.
            StepOptimWrapper`, which accumulates gradients; with any other,
            the batch is one part.

    Returns:
        dict[str, Tensor]: What to log: means over the parts.

    Raises:
        ValueError: If the batch cannot be cut into equal parts.
    """
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


@MODEL_WRAPPERS.register_module()
class PartsDataParallel(MMDistributedDataParallel):
    """mmengine's, for batches in parts; gradients are sent once a batch."""

    def train_step(self, data: dict,
                   optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """As ``WindowVSR.train_step``, on this process's share."""
        return train_in_parts(super().train_step, data, optim_wrapper)

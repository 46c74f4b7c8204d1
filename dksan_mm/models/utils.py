# Copyright (c) DKSAN-MM contributors.
"""Predicates on modules, and a check of their arguments."""
from torch import nn
from torch.nn.modules import module as torch_module

from .checkpointing import only_checkpoints


def is_untouched(module: nn.Module) -> bool:
    """Return whether a module has neither hooks nor a replaced ``forward``.

    Callers must not bypass either of them.
    """
    hooks = (module._forward_hooks, module._forward_pre_hooks,
             torch_module._global_forward_hooks,
             torch_module._global_forward_pre_hooks)
    return only_checkpoints(module) and not any(hooks)


def is_plain(layer: nn.Module) -> bool:
    """Return whether a layer is an untouched layer of torch.

    The weights of a subclass, such as a quantised, low-rank adapted or
    parametrised convolution, must not be used without calling it.
    """
    return type(layer).__module__.startswith('torch.nn.modules.') and \
        is_untouched(layer)


def check_counts(least: int, **counts: int) -> None:
    """Reject numbers of channels or blocks that are too small.

    Python and torch accept them: ``range(-1)`` is empty, and a convolution
    may have no channels.

    Args:
        least (int): Smallest number.
        counts (int): Numbers by the name of the argument.

    Raises:
        ValueError: If a number is smaller; names it.
    """
    for name, count in counts.items():
        if count < least:
            raise ValueError(f'{name} must be at least {least}, got {count}')

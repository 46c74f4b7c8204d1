# Copyright (c) DKSAN-MM contributors.
"""Questions to a module."""
from torch import nn
from torch.nn.modules import module as torch_module

from .checkpointing import only_checkpoints


def is_untouched(module: nn.Module) -> bool:
    """Return whether calling a module does what its class says, no more.

    A hook, or a ``forward`` of its own, must not be passed over.
    """
    hooks = (module._forward_hooks, module._forward_pre_hooks,
             torch_module._global_forward_hooks,
             torch_module._global_forward_pre_hooks)
    return only_checkpoints(module) and not any(hooks)


def is_plain(layer: nn.Module) -> bool:
    """Return whether a layer is torch's own, and untouched.

    Of a subclass, such as a quantised, low-rank adapted or parametrised
    convolution, the weights must not be used without calling it.
    """
    return type(layer).__module__.startswith('torch.nn.modules.') and \
        is_untouched(layer)

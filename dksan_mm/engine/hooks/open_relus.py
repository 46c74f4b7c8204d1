# Copyright (c) DKSAN-MM contributors.
"""Training without dead ReLUs."""

import torch
from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


@HOOKS.register_module()
class OpenReLUsHook(Hook):
    """Give the ReLUs of a network a gradient for negative inputs.

    *Chosen here* for long trainings: a channel that is negative everywhere
    gets no gradient and remains dead. In the 9,000 iterations of the first
    released weights, the first residual block lost all of its 32 channels. The
    gradient becomes that of a LeakyReLU, while the output of the ReLUs, and
    thus of the network, is not changed.

    Args:
        slope (float): Factor of the gradient for negative inputs.

    Raises:
        ValueError: If the slope is not in [0, 1].
    """

    def __init__(self, slope: float = 0.01) -> None:
        if not 0 <= slope <= 1:
            raise ValueError(f'slope must be in [0, 1], got {slope}')
        self.slope = slope

    def before_train(self, runner) -> None:
        """Replace every ReLU."""
        model = runner.model
        replace_relus(
            model.module if is_model_wrapper(model) else model, self.slope)


def replace_relus(model: nn.Module, slope: float) -> None:
    """Replace a model's ReLUs by ReLUs with a gradient for negative inputs.

    Args:
        model (nn.Module): Model, changed in place but for its state dict.
        slope (float): Factor of the gradient for negative inputs.
    """
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.ReLU:
                setattr(parent, name, _OpenReLU(slope))


class _OpenReLU(nn.ReLU):
    """ReLU with the gradient of a LeakyReLU in training."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        return _LeakyGradient.apply(x, self.slope)

    def extra_repr(self) -> str:
        return f'slope={self.slope}'


class _LeakyGradient(torch.autograd.Function):

    @staticmethod
    def forward(ctx, x: Tensor, slope: float) -> Tensor:
        out = x.relu()
        ctx.save_for_backward(out)
        ctx.slope = slope
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        out, = ctx.saved_tensors
        return torch.ops.aten.leaky_relu_backward(gradient, out, ctx.slope,
                                                  True), None

# Copyright (c) DKSAN-MM contributors.
"""An optimizer that turns all directions of a convolution at one pace."""
from typing import Callable, Iterable, Optional, Tuple, Union

import torch
from mmagic.registry import OPTIMIZERS
from torch import Tensor

# Of x -> a x + b x^3 + c x^5, which five times in a row takes every singular
# value in (0.003, 1] to about 1 (Jordan et al., 2024).
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


@OPTIMIZERS.register_module()
class ConvMuon(torch.optim.Optimizer):
    """Muon (Jordan et al., 2024) for convolutions, Adam for the rest.

    A convolution's step is the momentum of its gradient, as a matrix
    ``(out_channels, in_channels * kh * kw)``, with all singular values set to
    about 1, and of the size of Adam's steps (0.2 a weight in the root mean
    square, times the rate; Liu et al., 2025), so that one learning rate does
    for both. *Chosen here* for short trainings; the paper has Adam. torch's
    own ``Muon`` takes nothing but matrices.

    Biases, and convolutions with one input channel or at most 4 output
    channels (depthwise kernels, images, attention maps), whose matrices have
    too few rows to say anything, take Adam's steps; so do all parameters of
    a group with ``orthogonal=False``.

    Args:
        params (Iterable): Parameters, or groups of them.
        lr (float): Learning rate.
        adam_ratio (float): Of Adam's rate to ``lr``. *Chosen here*: with 1,
            four deformable kernels in a row, whose gains multiply, made the
            alignment's features explode.
        orthogonal (bool): False: Adam's steps for all parameters; for groups.
        momentum (float): Of convolutions, in Nesterov's form.
        betas (tuple[float]): Of Adam.
        eps (float): Of Adam; far below the gradients of a mean squared error
            near its end, about 1e-6.

    Raises:
        ValueError: If the rate is negative, or a momentum not in [0, 1).
    """

    def __init__(self,
                 params: Iterable,
                 lr: float = 1e-3,
                 *,
                 adam_ratio: float = 0.3,
                 orthogonal: bool = True,
                 momentum: float = 0.95,
                 betas: Tuple[float, float] = (0.9, 0.99),
                 eps: float = 1e-10) -> None:
        if lr < 0 or adam_ratio < 0:
            raise ValueError('lr and adam_ratio must be >= 0, got '
                             f'{lr} and {adam_ratio}')
        if not all(0 <= value < 1 for value in (momentum, *betas)):
            raise ValueError('momentum and betas must be in [0, 1), got '
                             f'{momentum} and {betas}')
        super().__init__(
            params,
            dict(
                lr=lr,
                adam_ratio=adam_ratio,
                orthogonal=orthogonal,
                momentum=momentum,
                betas=betas,
                eps=eps))

    @torch.no_grad()
    def step(
        self,
        closure: Optional[Callable[[], Tensor]] = None
    ) -> Union[None, float, Tensor]:
        """Update the parameters that have gradients.

        Args:
            closure (Callable, optional): Computes the loss and gradients.

        Returns:
            Tensor: The closure's result, if there is one.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group['params']:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict) -> None:
        state = self.state[parameter]
        matrix = group['orthogonal'] and _is_matrix(parameter)
        if not state:
            state['average'] = torch.zeros_like(parameter)
            if not matrix:
                state['step'] = 0
                state['squares'] = torch.zeros_like(parameter)
        direction = _muon if matrix else _adam
        parameter.sub_(direction(parameter.grad, state, group) * group['lr'])


def _is_matrix(parameter: Tensor) -> bool:
    """Whether a parameter says enough as a matrix; see :class:`ConvMuon`."""
    return parameter.ndim == 4 and parameter.shape[0] > 4 and \
        parameter.shape[1] > 1


def _muon(gradient: Tensor, state: dict, group: dict) -> Tensor:
    average = state['average'].lerp_(gradient, 1 - group['momentum'])
    direction = gradient.lerp(average, group['momentum']).flatten(1)
    size = 0.2 * max(direction.shape)**0.5
    return orthogonalize(direction).mul_(size).view_as(gradient)


def _adam(gradient: Tensor, state: dict, group: dict) -> Tensor:
    first, second = group['betas']
    state['step'] += 1
    average = state['average'].lerp_(gradient, 1 - first)
    squares = state['squares'].lerp_(gradient * gradient, 1 - second)
    average = average / (1 - first**state['step'])
    squares = squares / (1 - second**state['step'])
    step = average.div_(squares.sqrt_().add_(group['eps']))
    return step.mul_(group['adam_ratio'])


def orthogonalize(matrix: Tensor, steps: int = 5) -> Tensor:
    """The matrix with all its singular values near 1, between 0.7 and 1.2.

    Newton-Schulz iterations: products of matrices, no decomposition.

    Args:
        matrix (Tensor[m, n]): Any matrix; zeros stay zeros, and one whose
            norm is less than 1e-7 stays as small in proportion: the momentum
            of a layer without gradients (its ReLUs dead) fades, until the
            squares of its values are zero and a division by their root is
            not a number any more. That ended a training.
        steps (int): Iterations. Singular values below 0.003 of the matrix's
            norm are not quite there after five.

    Returns:
        Tensor[m, n]: A new matrix.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.T

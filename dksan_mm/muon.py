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
class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al., 2024) for convolutions, Adam for the rest.

    A convolution's step is the momentum of its gradient, as a matrix
    ``(out_channels, in_channels * kh * kw)``, with all singular values set to
    about 1, and of the size of Adam's steps (0.2 a weight in the root mean
    square, times the rate; Liu et al., 2025), so that one learning rate does
    for both. *Chosen here*, the paper has Adam: see the README for what it
    gained. torch's own ``Muon`` takes nothing but matrices.

    Biases, and convolutions with one input channel or at most 4 output
    channels (depthwise kernels, images, attention maps), whose matrices have
    too few rows to say anything, take Adam's steps.

    Args:
        params (Iterable): Parameters, or groups of them.
        lr (float): Learning rate.
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
                 momentum: float = 0.95,
                 betas: Tuple[float, float] = (0.9, 0.99),
                 eps: float = 1e-10) -> None:
        if lr < 0:
            raise ValueError(f'lr must be >= 0, got {lr}')
        if not all(0 <= value < 1 for value in (momentum, *betas)):
            raise ValueError('momentum and betas must be in [0, 1), got '
                             f'{momentum} and {betas}')
        super().__init__(params,
                         dict(lr=lr, momentum=momentum, betas=betas, eps=eps))

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
        if not state:
            state['average'] = torch.zeros_like(parameter)
            if not _is_matrix(parameter):
                state['step'] = 0
                state['squares'] = torch.zeros_like(parameter)
        direction = _muon if _is_matrix(parameter) else _adam
        parameter.sub_(direction(parameter.grad, state, group) * group['lr'])


def _is_matrix(parameter: Tensor) -> bool:
    """Whether a parameter is updated as a matrix; see :class:`Muon`."""
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
    return average.div_(squares.sqrt_().add_(group['eps']))


def orthogonalize(matrix: Tensor, steps: int = 5) -> Tensor:
    """The matrix with all its singular values near 1, between 0.7 and 1.2.

    Newton-Schulz iterations: products of matrices, no decomposition.

    Args:
        matrix (Tensor[m, n]): Any matrix; zeros stay zeros.
        steps (int): Iterations. Singular values below 0.003 of the matrix's
            norm are not quite there after five.

    Returns:
        Tensor[m, n]: A new matrix.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-30)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.T

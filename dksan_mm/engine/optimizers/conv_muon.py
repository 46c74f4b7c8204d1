# Copyright (c) DKSAN-MM contributors.
"""Optimizer with orthogonalized steps for convolutions."""
from collections.abc import Iterable
from typing import Any

import torch
from mmagic.registry import OPTIMIZERS
from torch import Tensor

# Coefficients of x -> a x + b x^3 + c x^5: five iterations map all singular
# values in (0.003, 1] to about 1 (Jordan et al., 2024).
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


@OPTIMIZERS.register_module()
class ConvMuon(torch.optim.Optimizer):
    """Muon (Jordan et al., 2024) for convolutions, Adam for the rest.

    The step of a convolution is the momentum of its gradient as a matrix
    ``(out_channels, in_channels * kh * kw)`` with all singular values set to
    about 1. It is scaled to the size of Adam's steps (a root mean square of
    0.2 times the learning rate; Liu et al., 2025), so that one learning rate
    suits both. *Chosen here* for short trainings; the paper uses Adam. torch's
    ``Muon`` supports only matrices.

    Adam updates biases and convolutions with one input channel or at most 4
    output channels (depthwise kernels, images, attention maps), whose matrices
    have too few rows, and all parameters of groups with ``orthogonal=False``.

    Args:
        params (Iterable): Parameters or parameter groups.
        lr (float): Learning rate.
        adam_ratio (float): Ratio of Adam's learning rate to ``lr``. *Chosen
            here*: with 1, the gains of four consecutive deformable kernels
            multiplied, and the features of the alignment exploded.
        orthogonal (bool): Whether a group has orthogonalized steps.
        momentum (float): Nesterov momentum of convolutions.
        betas (tuple[float]): Betas of Adam.
        eps (float): Epsilon of Adam, far below the gradients of a mean squared
            error at the end of training, about 1e-6.

    Raises:
        ValueError: If ``lr`` is negative or a momentum is not in [0, 1).
    """

    def __init__(self,
                 params: Iterable,
                 lr: float = 1e-3,
                 *,
                 adam_ratio: float = 0.3,
                 orthogonal: bool = True,
                 momentum: float = 0.95,
                 betas: tuple[float, float] = (0.9, 0.99),
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
    def step(self, closure: Any = None) -> Any:
        """Update the parameters that have gradients.

        Args:
            closure (Callable[[], Tensor], optional): Function that computes
                the loss and gradients.

        Returns:
            Tensor: Result of the closure, if given.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameters in self._alike(group):
                self._update(parameters, group)
        return loss

    def _alike(self, group: dict) -> list[list[Tensor]]:
        """Group parameters with gradients that are updated together.

        These are convolutions of equal shape, and other parameters with equal
        numbers of steps. On a CPU, separate updates of a network's many small
        tensors took a quarter of a training step.
        """
        found: dict[tuple, list[Tensor]] = {}
        for parameter in group['params']:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                state['average'] = torch.zeros_like(parameter)
                if not _is_matrix(parameter, group):
                    state['step'] = 0
                    state['squares'] = torch.zeros_like(parameter)
            alike = (state['step'], ) if 'step' in state else parameter.shape
            found.setdefault(alike, []).append(parameter)
        return list(found.values())

    def _update(self, parameters: list[Tensor], group: dict) -> None:
        states = [self.state[parameter] for parameter in parameters]
        direction = _adam if 'step' in states[0] else _muon
        grads = [p.grad for p in parameters if p.grad is not None]
        steps = direction(grads, states, group)
        torch._foreach_add_(parameters, steps, alpha=-group['lr'])


def _is_matrix(parameter: Tensor, group: dict) -> bool:
    """Return whether a parameter gets orthogonalized steps."""
    return group['orthogonal'] and parameter.ndim == 4 and \
        parameter.shape[0] > 4 and parameter.shape[1] > 1


def _muon(gradients: list[Tensor], states: list[dict],
          group: dict) -> list[Tensor]:
    """Compute the steps of convolutions of one shape."""
    averages = [state['average'] for state in states]
    torch._foreach_lerp_(averages, gradients, 1 - group['momentum'])
    directions = torch.stack(gradients).lerp_(
        torch.stack(averages), group['momentum']).flatten(2)
    size = 0.2 * max(directions.shape[1:])**0.5
    steps = orthogonalize(directions).mul_(size)
    return list(steps.unflatten(2, gradients[0].shape[1:]).unbind())


def _adam(gradients: list[Tensor], states: list[dict],
          group: dict) -> list[Tensor]:
    """Compute Adam's steps of parameters with equal numbers of steps."""
    first, second = group['betas']
    gradient = _flat(gradients)
    average = _flat([state['average'] for state in states])
    squares = _flat([state['squares'] for state in states])
    average.lerp_(gradient, 1 - first)
    squares.lerp_(gradient * gradient, 1 - second)
    for state, *parts in zip(states, _parts(average, gradients),
                             _parts(squares, gradients)):
        state['step'] += 1
        state['average'].copy_(parts[0])
        state['squares'].copy_(parts[1])
    average /= 1 - first**states[0]['step']
    squares /= 1 - second**states[0]['step']
    step = average.div_(squares.sqrt_().add_(group['eps']))
    return _parts(step.mul_(group['adam_ratio']), gradients)


def _flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def _parts(values: Tensor, like: list[Tensor]) -> list[Tensor]:
    """Split a vector into parts with the shapes of the given tensors."""
    parts = values.split([tensor.numel() for tensor in like])
    return [part.view(tensor.shape) for part, tensor in zip(parts, like)]


def orthogonalize(matrix: Tensor, steps: int = 5) -> Tensor:
    """Set the singular values of a matrix to about 1, between 0.7 and 1.2.

    Newton-Schulz iterations need matrix products, but no decomposition.

    Args:
        matrix (Tensor[..., m, n]): One or several matrices. Zeros remain
            zeros, and matrices with a norm below 1e-7 remain proportionally
            small: the momentum of a layer without gradients (dead ReLUs)
            decays until the squares of its values are 0, and dividing by
            their root gave NaN, which ended a training.
        steps (int): Number of iterations. After five, singular values below
            0.003 of the matrix norm have not fully converged.

    Returns:
        Tensor[..., m, n]: New matrix or matrices.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrix.shape[-2] <= matrix.shape[-1]
    x = matrix if wide else matrix.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    # x and x @ x.T are multiplied with polynomials of x @ x.T, which is
    # smaller than x.
    square = x @ x.mT
    eye = torch.eye(square.shape[-1], dtype=x.dtype, device=x.device)
    product = eye
    for _ in range(steps):
        factor = a * eye + b * square + c * square @ square
        product = factor @ product
        square = factor @ square @ factor
    x = product @ x
    return x if wide else x.mT

# Copyright (c) DKSAN-MM contributors.
"""An optimizer that turns all directions of a convolution at one pace."""
from typing import Callable, Dict, Iterable, List, Optional, Tuple, Union

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
            for matrices, parameters in _alike(group).items():
                self._update(parameters, group, matrices is not None)
        return loss

    def _update(self, parameters: List[Tensor], group: dict,
                matrices: bool) -> None:
        """Update parameters that are worked on together."""
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states):
            if not state:
                state['average'] = torch.zeros_like(parameter)
                if not matrices:
                    state['step'] = 0
                    state['squares'] = torch.zeros_like(parameter)
        direction = _muon if matrices else _adam
        steps = direction([p.grad for p in parameters], states, group)
        torch._foreach_add_(parameters, steps, alpha=-group['lr'])


def _alike(group: dict) -> Dict[Optional[torch.Size], List[Tensor]]:
    """A group's parameters that have gradients; see :class:`ConvMuon`.

    Returns:
        dict: Convolutions by their shape, the rest under None. A network has
        many small tensors: one by one, their updates took a quarter of a
        training step on a CPU.
    """
    found: Dict[Optional[torch.Size], List[Tensor]] = {}
    for parameter in group['params']:
        if parameter.grad is not None:
            matrix = group['orthogonal'] and _is_matrix(parameter)
            found.setdefault(parameter.shape if matrix else None,
                             []).append(parameter)
    return found


def _is_matrix(parameter: Tensor) -> bool:
    """Whether a parameter says enough as a matrix; see :class:`ConvMuon`."""
    return parameter.ndim == 4 and parameter.shape[0] > 4 and \
        parameter.shape[1] > 1


def _muon(gradients: List[Tensor], states: List[dict],
          group: dict) -> List[Tensor]:
    """Steps of convolutions of one shape."""
    averages = [state['average'] for state in states]
    torch._foreach_lerp_(averages, gradients, 1 - group['momentum'])
    directions = torch.stack(gradients).lerp_(
        torch.stack(averages), group['momentum']).flatten(2)
    size = 0.2 * max(directions.shape[1:])**0.5
    steps = orthogonalize(directions).mul_(size)
    return list(steps.unflatten(2, gradients[0].shape[1:]).unbind())


def _adam(gradients: List[Tensor], states: List[dict],
          group: dict) -> List[Tensor]:
    """Steps of any parameters, as one vector."""
    first, second = group['betas']
    sizes = [gradient.numel() for gradient in gradients]
    for state in states:
        state['step'] += 1
    gradient = _flat(gradients)
    average = _flat([state['average'] for state in states])
    squares = _flat([state['squares'] for state in states])
    average.lerp_(gradient, 1 - first)
    squares.lerp_(gradient * gradient, 1 - second)
    for name, values in dict(average=average, squares=squares).items():
        torch._foreach_copy_([state[name] for state in states],
                             _parts(values, gradients))
    # Each parameter's averages have as many gradients as it had steps.
    counts = [state['step'] for state in states]
    steps = average.new_tensor(counts).repeat_interleave(
        torch.tensor(sizes, device=average.device))
    average = average / (1 - first**steps)
    squares = squares / (1 - second**steps)
    step = average.div_(squares.sqrt_().add_(group['eps']))
    return _parts(step.mul_(group['adam_ratio']), gradients)


def _flat(tensors: List[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def _parts(values: Tensor, like: List[Tensor]) -> List[Tensor]:
    """A vector's parts in the shapes of some tensors."""
    parts = values.split([tensor.numel() for tensor in like])
    return [part.view(tensor.shape) for part, tensor in zip(parts, like)]


def orthogonalize(matrix: Tensor, steps: int = 5) -> Tensor:
    """The matrix with all its singular values near 1, between 0.7 and 1.2.

    Newton-Schulz iterations: products of matrices, no decomposition.

    Args:
        matrix (Tensor[..., m, n]): Any matrix, or several; zeros stay zeros,
            and one whose norm is less than 1e-7 stays as small in proportion:
            the momentum of a layer without gradients (its ReLUs dead) fades,
            until the squares of its values are zero and a division by their
            root is not a number any more. That ended a training.
        steps (int): Iterations. Singular values below 0.003 of the matrix's
            norm are not quite there after five.

    Returns:
        Tensor[..., m, n]: A new matrix, or as many.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrix.shape[-2] <= matrix.shape[-1]
    x = matrix if wide else matrix.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.mT

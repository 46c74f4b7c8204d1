# Copyright (c) DKSAN-MM contributors.
"""Inputs for the tests of ``deform_kernel_conv2d``, and their checks."""
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from helpers.op_reference import (deform_kernel_conv2d_gradients,
                                  deform_kernel_conv2d_reference, output_size,
                                  pair)
from torch import Tensor

Inputs = dict[str, Tensor | None]
NAMES = ('x', 'weight', 'image_offset', 'kernel_offset', 'mask')


@dataclass(frozen=True)
class Case:
    """One setting of the operator, from which inputs are drawn.

    Attributes:
        image_reach, kernel_reach: Offsets lie in [-reach, reach + 1], or are
            absent if None.
        mask: Whether there is one.
    """
    batch: int = 2
    c_in: int = 4
    c_out: int = 4
    groups: int = 4
    scope: int = 4
    kernel_size: object = 3
    stride: object = 1
    padding: object = 1
    dilation: object = 1
    size: tuple[int, int] = (5, 4)
    image_reach: int | None = 1
    kernel_reach: int | None = 1
    mask: bool = True

    @property
    def settings(self) -> dict:
        """Return the keyword arguments of the operator and its reference."""
        return dict(
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation)

    @property
    def out_size(self) -> tuple[int, int]:
        """Return the rows and columns of the output."""
        return output_size(self.size, **self.settings)

    def but(self, **changes) -> 'Case':
        """Return the same case with some settings changed."""
        return replace(self, **changes)

    def inputs(self, dtype: torch.dtype = torch.float64) -> Inputs:
        """Draw random inputs whose sampling positions avoid the kinks.

        Bilinear interpolation has a kink where a position crosses a grid line,
        and clamping has one at the edge of the scope (also a grid line). The
        derivative does not exist there, so finite differences are meaningless.
        Every position drawn here is at least 0.1 away from any line.
        """
        k_h, k_w = pair(self.kernel_size)
        taps = k_h * k_w
        drawn = dict.fromkeys(NAMES)
        drawn['x'] = torch.randn(self.batch, self.c_in, *self.size)
        drawn['weight'] = torch.randn(self.c_out, self.c_in // self.groups,
                                      self.scope, self.scope)
        if self.image_reach is not None:
            drawn['image_offset'] = self._offsets(taps, self.image_reach)
        if self.kernel_reach is not None:
            # Tap centres lie between grid lines where S - K is odd.
            centres = torch.tensor([(self.scope - k) % 2 / 2
                                    for k in (k_h, k_w)])
            drawn['kernel_offset'] = (
                self._offsets(taps, self.kernel_reach) -
                centres.repeat(taps).view(-1, 1, 1))
        if self.mask:
            drawn['mask'] = torch.rand(self.batch, taps, *self.out_size)
        return {
            name: value if value is None else value.to(dtype)
            for name, value in drawn.items()
        }

    def _offsets(self, taps: int, reach: int) -> Tensor:
        shape = (self.batch, 2 * taps, *self.out_size)
        whole = torch.randint(-reach, reach + 1, shape)
        return whole + torch.rand(shape) * .8 + .1


def gradients(op: Callable, inputs: Inputs, grad_out: Tensor,
              **settings) -> dict[str, Tensor]:
    """Compute gradients of ``sum(grad_out * op(...))`` by every input."""
    leaves = {
        name: value.detach().requires_grad_()
        for name, value in inputs.items() if value is not None
    }
    out = op(**{**inputs, **leaves}, **settings)
    return dict(
        zip(leaves, torch.autograd.grad(out, list(leaves.values()), grad_out)))


def as_arrays(inputs: Inputs) -> dict:
    """Convert inputs for the numpy reference."""
    return {
        name: value if value is None else value.detach().numpy()
        for name, value in inputs.items()
    }


def defined_output(case: Case, inputs: Inputs) -> Tensor:
    """Compute the output from the definition, a float64 tensor."""
    return torch.from_numpy(
        deform_kernel_conv2d_reference(**as_arrays(inputs), **case.settings))


def defined_gradients(case: Case, inputs: Inputs,
                      grad_out: Tensor) -> dict[str, Tensor]:
    """Compute gradients from the definition, in float64."""
    grads = deform_kernel_conv2d_gradients(grad_out.numpy(),
                                           **as_arrays(inputs),
                                           **case.settings)
    return {
        name: torch.from_numpy(grads[name])
        for name, value in inputs.items() if value is not None
    }

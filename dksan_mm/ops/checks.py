# Copyright (c) DKSAN-MM contributors.
"""Argument checks of the operators, shared by all implementations."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

IntOrPair = int | tuple[int, int]
# x, weight, image offsets, kernel offsets and mask.
Inputs = tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None]
# The last three of them, per pixel.
PixelInputs = tuple[Tensor | None, Tensor | None, Tensor | None]


@dataclass(frozen=True)
class Geometry:
    """Settings that determine which sample each tap reads.

    Attributes:
        kernel_size (tuple[int, int]): Rows and columns of taps.
        stride (tuple[int, int]): Vertical and horizontal stride.
        padding (tuple[int, int]): Zero rows and columns around the input.
        dilation (tuple[int, int]): Distance between taps in pixels.
        groups (int): Number of channel groups.
        out_shape (tuple[int, int, int]): n, h_out, w_out.
        offset_groups (int): Number of channel groups with their own offsets.
        flat_edge (bool): Whether the gradient of a sample exactly one pixel
            above or left of the image is 0, as in mmcv, instead of the
            right-hand derivative.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    out_shape: tuple[int, int, int]
    offset_groups: int = 1
    flat_edge: bool = False

    @property
    def taps(self) -> int:
        """Number of taps."""
        return self.kernel_size[0] * self.kernel_size[1]

    def settings(self, scope: int) -> list[int]:
        """Return the numbers that compiled operators take.

        :func:`~dksan_mm.ops.differentiable.plain_terms` converts them back.

        Args:
            scope (int): Columns of the weight.

        Returns:
            list[int]: Rows and columns of the kernel size, stride, padding,
            dilation and output size; then scope, flat edge, channel groups
            and offset groups.
        """
        return [
            *self.kernel_size, *self.stride, *self.padding, *self.dilation,
            *self.out_shape[1:], scope,
            int(self.flat_edge), self.groups, self.offset_groups
        ]


def pair(name: str, value: IntOrPair, least: int) -> tuple[int, int]:
    """Convert an int or a pair of ints to a pair, each at least ``least``.

    Args:
        name (str): Name for the error message.
        value (int | tuple[int, int]): One number, or rows and columns.
        least (int): Minimum value.

    Returns:
        tuple[int, int]: Rows and columns.

    Raises:
        TypeError: If ``value`` is neither an int nor a pair of ints.
        ValueError: If a number is too small.
    """
    values = tuple(value) if isinstance(value,
                                        (tuple, list)) else (value, ) * 2
    try:
        rows, cols = map(operator.index, values)
    except (TypeError, ValueError):
        raise TypeError(f'{name} must be an int or two ints, got {value!r}') \
            from None
    if min(rows, cols) < least:
        raise ValueError(f'{name} must be at least {least}, got {value!r}')
    return rows, cols


def check_arguments(x: Tensor, weight: Tensor, image_offset: Tensor | None,
                    kernel_offset: Tensor | None, mask: Tensor | None,
                    kernel_size: IntOrPair, stride: IntOrPair,
                    padding: IntOrPair, dilation: IntOrPair) -> Geometry:
    """Check the arguments of ``deform_kernel_conv2d``.

    Returns:
        Geometry: Settings as pairs, number of groups and output shape.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If shapes, devices or numbers are inconsistent.
    """
    named = dict(
        x=x,
        weight=weight,
        image_offset=image_offset,
        kernel_offset=kernel_offset,
        mask=mask)
    _check_tensors(named, x)
    kernel_size = pair('kernel_size', kernel_size, 1)
    stride = pair('stride', stride, 1)
    padding = pair('padding', padding, 0)
    dilation = pair('dilation', dilation, 1)
    size = output_size(x, kernel_size, stride, padding, dilation)
    geometry = Geometry(kernel_size, stride, padding, dilation,
                        _count_groups(x, weight), (x.shape[0], *size))
    taps = geometry.taps
    for name, channels in (('image_offset', 2 * taps),
                           ('kernel_offset', 2 * taps), ('mask', taps)):
        check_shape(name, named[name], (x.shape[0], channels, *size))
    return geometry


def _check_tensors(named: dict[str, Any], x: Tensor) -> None:
    """Check that all are 4D float tensors on the device of ``x``."""
    for name, tensor in named.items():
        if tensor is None and name not in ('x', 'weight'):
            continue
        if not isinstance(tensor, Tensor):
            raise TypeError(f'{name} must be a tensor, got {type(tensor)}')
        if not torch.is_floating_point(tensor):
            raise TypeError(f'{name} must be a float tensor, got '
                            f'{tensor.dtype}')
        if tensor.ndim != 4:
            raise ValueError(f'{name} must have 4 axes, got shape '
                             f'{tuple(tensor.shape)}')
        if tensor.device != x.device:
            raise ValueError(f'{name} is on {tensor.device}, but x is on '
                             f'{x.device}')


def _count_groups(x: Tensor, weight: Tensor) -> int:
    """Return the number of groups, given the input and weight shapes."""
    out_channels, group_channels, rows, cols = weight.shape
    if rows != cols or rows < 1:
        raise ValueError('weight must have a square scope, got shape '
                         f'{tuple(weight.shape)}')
    channels = x.shape[1]
    if group_channels < 1 or channels % group_channels:
        raise ValueError(f'x has {channels} channels, no multiple of '
                         f'weight.shape[1] = {group_channels}')
    groups = channels // group_channels
    if groups < 1 or out_channels < 1 or out_channels % groups:
        raise ValueError(f'weight.shape[0] = {out_channels} is no multiple '
                         f'of the {groups} groups of x with {channels} '
                         'channels')
    return groups


def output_size(x: Tensor, kernel_size: tuple[int, int],
                stride: tuple[int, int], padding: tuple[int, int],
                dilation: tuple[int, int]) -> tuple[int, int]:
    """Compute the output height and width as in ``torch.nn.Conv2d``.

    Args:
        x (Tensor[n, c, h, w]): Input.
        kernel_size (tuple[int, int]): Rows and columns of taps.
        stride (tuple[int, int]): Vertical and horizontal stride.
        padding (tuple[int, int]): Zero rows and columns around the input.
        dilation (tuple[int, int]): Distance between taps in pixels.

    Raises:
        ValueError: If the input is too small for one output pixel.
    """
    rows, cols = ((length + 2 * p - d * (k - 1) - 1) // s + 1
                  for length, k, s, p, d in zip(x.shape[2:], kernel_size,
                                                stride, padding, dilation))
    # Not min(), which would fix the order of the sizes in torch.export.
    if any(length < 1 for length in (*x.shape[2:], rows, cols)):
        raise ValueError(
            f'x of {x.shape[2]} x {x.shape[3]} pixels is too small for '
            f'kernel_size {kernel_size}, padding {padding}, dilation '
            f'{dilation}')
    return rows, cols


def check_shape(name: str, tensor: Tensor | None,
                shape: Sequence[int]) -> None:
    """Check the shape of a tensor.

    Args:
        name (str): Name for the error message.
        tensor (Tensor, optional): None passes the check.
        shape (Sequence[int]): Required shape.

    Raises:
        ValueError: If the tensor has another shape.
    """
    if tensor is not None and tuple(tensor.shape) != tuple(shape):
        raise ValueError(f'{name} must have shape {shape}, got '
                         f'{tuple(tensor.shape)}')

# Copyright (c) DKSAN-MM contributors.
"""Comparison of arrays that says how far apart they are, and where."""

import numpy as np
import torch

Array = np.ndarray | torch.Tensor


def to_numpy(array: Array) -> np.ndarray:
    """The same numbers as a float64 array on the CPU."""
    if isinstance(array, torch.Tensor):
        array = array.detach().cpu().double().numpy()
    return np.asarray(array, np.float64)


def assert_close(actual: Array,
                 expected: Array,
                 *,
                 atol: float,
                 rtol: float = 0.,
                 what: str = 'arrays') -> None:
    """Fail if an element differs by more than ``atol + rtol * |expected|``.

    Args:
        actual (ndarray or Tensor): What was computed.
        expected (ndarray or Tensor): What it should be, of the same shape.
        atol (float): Absolute tolerance; no default, so that each test says
            what it accepts.
        rtol (float): Tolerance relative to ``expected``.
        what (str): Name for the message.

    Raises:
        AssertionError: Names the largest excess, its place, the two values
            and the share of elements out of tolerance. NaN and infinities
            never count as close.
    """
    actual, expected = to_numpy(actual), to_numpy(expected)
    assert actual.shape == expected.shape, (
        f'{what}: shape {actual.shape}, expected {expected.shape}')
    with np.errstate(invalid='ignore'):
        error = np.abs(actual - expected)
        excess = error - (atol + rtol * np.abs(expected))
    excess = np.where(np.isfinite(excess), excess, np.inf)
    wrong = int((excess > 0).sum())
    if not wrong:
        return
    place = np.unravel_index(excess.argmax(), excess.shape)
    raise AssertionError(
        f'{what}: {wrong} of {excess.size} elements '
        f'({wrong / excess.size:.1%}) are out of tolerance (atol {atol:g}, '
        f'rtol {rtol:g}); the worst is at {tuple(map(int, place))}: '
        f'{actual[place]!r}, expected {expected[place]!r}, '
        f'error {error[place]:.3g}')


def assert_same(one, other, where=''):
    """Fail if two checkpoints, or parts of them, differ in any bit."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f'{where}.{key}')
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for number, pair in enumerate(zip(one, other)):
            assert_same(*pair, f'{where}.{number}')
    else:
        tensors = isinstance(one, torch.Tensor)
        same = torch.equal(one, other) if tensors else one == other
        assert same, f'{where}: {one}, {other}'

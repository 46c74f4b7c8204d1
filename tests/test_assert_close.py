# Copyright (c) DKSAN-MM contributors.
"""The helper that compares arrays must notice what is wrong."""
import numpy as np
import pytest
import torch
from helpers.closeness import assert_close, assert_same


def test_equal_within_tolerance():
    assert_close(torch.tensor([1., 2.]), np.array([1., 2.1]), atol=.11)
    assert_close(torch.tensor([100.]), [101.], atol=0., rtol=.01)


def test_message_names_error_place_and_share():
    actual, expected = torch.zeros(2, 3), torch.zeros(2, 3)
    actual[1, 2], actual[0, 1] = .5, -.2
    with pytest.raises(
            AssertionError,
            match=r'twin: 2 of 6 elements \(33\.3%\).*\(1, 2\).*error 0\.5'):
        assert_close(actual, expected, atol=.1, what='twin')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_not_finite_is_never_close(value):
    bad = torch.tensor([value])
    for actual, expected in ((bad, bad), (bad, [0.]), ([0.], bad)):
        with pytest.raises(AssertionError, match='1 of 1'):
            assert_close(actual, expected, atol=1e9)


def test_shapes_do_not_broadcast():
    with pytest.raises(AssertionError, match=r'\(1, 3\).*\(3,\)'):
        assert_close(torch.zeros(1, 3), torch.zeros(3), atol=1.)


@pytest.mark.parametrize('other', [
    dict(a=[torch.tensor([1., 2.])]),
    dict(a=[torch.tensor([1., 2. + 2e-7]), 3]),
    dict(a=[torch.tensor([1., 2.]), 3.]),
    dict(b=[torch.tensor([1., 2.]), 3]),
    [torch.tensor([1., 2.]), 3],
])
def test_a_bit_of_difference_is_not_the_same(other):
    one = dict(a=[torch.tensor([1., 2.]), 3])
    assert_same(one, dict(a=[torch.tensor([1., 2.]), 3]))
    with pytest.raises(AssertionError):
        assert_same(one, other)

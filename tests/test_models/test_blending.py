# Copyright (c) DKSAN-MM contributors.
"""Interpolation between the weights of two trainings."""
import pytest
import torch

from dksan_mm.models.blending import blend_weights

FIRST = dict(a=torch.tensor([0., 1.]), b=torch.full((2, 2), 4.))
SECOND = dict(a=torch.tensor([1., 1.]), b=torch.full((2, 2), -4.))


def test_a_share_lies_between_both():
    found = blend_weights(FIRST, SECOND, 0.25)
    assert found['a'].tolist() == [0.25, 1.]
    assert found['b'].tolist() == [[2., 2.], [2., 2.]]


def test_the_ends_are_exact():
    first = dict(a=torch.randn(1000) * 1e3)
    second = dict(a=torch.randn(1000) * 1e-3)
    assert torch.equal(blend_weights(first, second, 0)['a'], first['a'])
    assert torch.equal(blend_weights(first, second, 1)['a'], second['a'])


@pytest.mark.parametrize('share', [-0.1, 1.1, float('nan')])
def test_other_shares_are_refused(share):
    with pytest.raises(ValueError, match=f'0 to 1, got {share}'):
        blend_weights(FIRST, SECOND, share)


@pytest.mark.parametrize('other, message', [
    (dict(a=FIRST['a']), 'b is in only one'),
    (dict(FIRST, c=FIRST['a']), 'c is in only one'),
    (dict(FIRST, b=torch.zeros(2, 3)), r'b is \(2, 2\) .* \(2, 3\)'),
])
def test_weights_of_other_networks_are_refused(other, message):
    with pytest.raises(ValueError, match=message):
        blend_weights(FIRST, other, 0.5)

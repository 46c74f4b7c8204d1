# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dksan_mm.models import DKSA, LightDKSA


@pytest.mark.parametrize('module, count', [(DKSA, 825_161),
                                           (LightDKSA, 43_685)])
def test_parameters_are_those_of_the_paper_s_table(module, count):
    # 3 * 825,161 + 43,685 = 29,512,268 - 26,993,100.
    assert sum(p.numel() for p in module(128).parameters()) == count


@pytest.mark.parametrize('module', [DKSA, LightDKSA])
@pytest.mark.parametrize('size', [(8, 6), (7, 5), (1, 1), (1, 4)])
def test_output_is_the_input_times_one_factor_a_pixel(module, size):
    x = torch.rand(2, 4, *size) + 0.5
    factor = module(4)(x) / x
    assert factor.shape == x.shape
    torch.testing.assert_close(factor, factor[:, :1].expand_as(x))
    assert (factor > 0).all() and (factor < 1).all()


@pytest.mark.parametrize('module', [DKSA, LightDKSA])
def test_every_parameter_gets_a_gradient(module):
    torch.manual_seed(0)
    module = module(4)
    module(torch.randn(2, 4, 8, 6)).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize('size', [(6, 5), (1, 1), (7, 4)])
def test_factor_is_that_of_all_its_layers(size):
    module = DKSA(8).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=.1)
    x = torch.randn(2, 8, *size, dtype=torch.float64)
    last = module.attention[6]
    unfolded = nn.Sequential(*module.attention[:6], last.expand, last.shuffle,
                             last.merge, nn.Sigmoid())
    factor = unfolded(x)[..., :size[0], :size[1]]
    assert_close(module(x), x * factor, rtol=0, atol=1e-13)
    expected = torch.autograd.grad((x * factor).sum(),
                                   list(module.parameters()))
    actual = torch.autograd.grad(module(x).sum(), list(module.parameters()))
    for a, b in zip(actual, expected):
        assert_close(a, b, rtol=0, atol=1e-11)

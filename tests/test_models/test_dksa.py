# Copyright (c) DKSAN-MM contributors.
import pytest
import torch

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

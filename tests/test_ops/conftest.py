# Copyright (c) DKSAN-MM contributors.
"""Tests of values and gradients with every implementation."""
import pytest

from dksan_mm.ops import set_backend

BOTH = ('test_deform_kernel', 'test_deform_kernel_grad')


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition('.')[2] in BOTH:
        metafunc.parametrize('backend', ['torch', 'cpp'], indirect=True)


@pytest.fixture(autouse=True)
def backend(request: pytest.FixtureRequest):
    """Run with the implementation that the parameter names, or 'auto'."""
    name = getattr(request, 'param', 'auto')
    with set_backend(name):
        yield name

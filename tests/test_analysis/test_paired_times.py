# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from torch import nn

from dksan_mm.analysis import paired_times
from dksan_mm.analysis.paired_times import (UNIT, Operator, forward,
                                            peak_memory, time_paired,
                                            training_step)
from dksan_mm.utils.process_memory import forget_peak


def test_medians_of_the_rounds_after_the_warm_up():
    """The clock only advances while an operator runs."""
    now, seconds = [0.], iter([9, 9, 9, 9, 1, 3, 2, 8, 5, 5])

    def run(x):
        now[0] += next(seconds)
        return x

    operators = {
        name: Operator(run, [torch.zeros(1)])
        for name in (UNIT, 'other')
    }
    times = time_paired(operators, forward, 3, lambda: now[0])
    assert times[UNIT] == (2000, 1)
    assert times['other'] == (5000, 3)  # median of 3, 4 and 1
    assert next(seconds, None) is None


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_a_training_step_has_the_gradients_of_inputs_and_parameters(dtype):
    layer = nn.Linear(3, 2).to(dtype)
    x = torch.randn(4, 3, dtype=dtype, requires_grad=True)
    operator = Operator(layer, [x, *layer.parameters()])
    out, grads = training_step(operator)
    assert torch.equal(out, layer(x))
    assert [grad.shape for grad in grads] == [(4, 3), (2, 3), (2, )]
    torch.testing.assert_close(grads[0], layer.weight.sum(0).expand(4, 3))
    [kept] = paired_times._grads_out.values()
    assert kept.dtype == dtype


@pytest.mark.skipif(not forget_peak(), reason='the peak cannot be reset')
def test_the_memory_of_a_step_includes_what_it_returns():
    operator = Operator(lambda x: x.repeat(64), [torch.zeros(2**18)])

    def step(operator):
        return operator.run(*operator.inputs)

    assert 60 < peak_memory(step, operator) < 80

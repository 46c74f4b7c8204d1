# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from torch import nn

from dksan_mm.engine.optimizers import StepOptimWrapper, step_optim_wrapper


def test_every_iteration_is_an_update_to_the_last():
    weight = nn.Linear(1, 1, bias=False).requires_grad_()
    nn.init.zeros_(weight.weight)
    wrapper = StepOptimWrapper(
        torch.optim.SGD(weight.parameters(), lr=1.), accumulative_counts=2)
    wrapper.initialize_count_status(weight, 0, 3)
    seen = []
    for slope in (1., 3., 2., 4., 0., 10.):  # three batches of two parts
        wrapper.update_params(slope * weight.weight.sum())
        seen.append(weight.weight.item())
    assert seen == [0., -2., -2., -5., -5., -10.]


def test_gradients_are_sent_with_the_last_part_only():
    wrapper = StepOptimWrapper(
        torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.),
        accumulative_counts=2)
    wrapper.initialize_count_status(nn.Linear(1, 1), 5, 9)
    assert not wrapper.should_sync()
    wrapper._inner_count += 1
    assert wrapper.should_sync()


def test_the_gradient_norm_is_known_without_clipping_too():
    linear = nn.Linear(1, 1, bias=False)
    wrapper = StepOptimWrapper(torch.optim.SGD(linear.parameters(), lr=1.))
    before = linear.weight.item()
    wrapper.update_params(1e6 * linear.weight.sum())
    assert linear.weight.item() == pytest.approx(before - 1e6)
    scalars = wrapper.message_hub.log_scalars
    assert scalars['train/grad_norm'].current() == 1e6


def test_autocast_is_for_the_forward_pass_alone():
    linear = nn.Linear(4, 4)
    wrapper = StepOptimWrapper(
        torch.optim.Adam(linear.parameters()), dtype='bfloat16')
    with wrapper.optim_context(linear):
        out = linear(torch.rand(1, 4))
    assert out.dtype == torch.bfloat16
    assert not torch.is_autocast_enabled('cpu')
    wrapper.update_params(out.float().sum())
    assert linear.weight.dtype == torch.float32
    assert not wrapper.skips_updates
    assert 'loss_scaler' not in wrapper.state_dict()


@pytest.mark.parametrize('dtype, quick', [('bfloat16', True), (None, False)])
def test_convolutions_in_float32_may_multiply_in_bfloat16(dtype, quick):
    seen = []

    def note(*_):
        seen.append(torch.backends.mkldnn.conv.fp32_precision)

    conv = nn.Conv2d(2, 2, 3)
    conv.register_forward_hook(note)
    conv.register_full_backward_hook(note)
    wrapper = StepOptimWrapper(
        torch.optim.Adam(conv.parameters()), dtype=dtype)
    before = torch.backends.mkldnn.conv.fp32_precision
    with wrapper.optim_context(conv):
        out = conv(torch.rand(1, 2, 4, 4, requires_grad=True))
    assert torch.backends.mkldnn.conv.fp32_precision == before != 'bf16'
    wrapper.update_params(out.float().sum())
    assert torch.backends.mkldnn.conv.fp32_precision == before
    assert seen == ['bf16' if quick else before] * 2


@pytest.mark.parametrize('fast', [True, False])
@pytest.mark.parametrize('dtype', ['auto', 'bfloat16', 'float16', None])
def test_auto_is_what_the_device_multiplies_in(monkeypatch, dtype, fast):
    said = []
    monkeypatch.setattr(step_optim_wrapper, 'has_fast_bfloat16',
                        lambda device: fast)
    monkeypatch.setattr(step_optim_wrapper, 'print_log',
                        lambda text, *_: said.append(text))
    linear = nn.Linear(1, 1)
    wrapper = StepOptimWrapper(
        torch.optim.Adam(linear.parameters()), dtype=dtype)
    wanted = {
        'auto': torch.bfloat16 if fast else None,
        None: None
    }.get(dtype, getattr(torch, dtype or '', None))
    assert wrapper.dtype is wanted
    slow = {
        'auto':
        ['this CPU does not multiply in bfloat16: training in '
         'float32'],
        'bfloat16': ['this CPU emulates bfloat16: float32 is faster']
    }
    assert said == ([] if fast else slow.get(dtype, []))


def test_float16_leaves_out_infinite_gradients_until_the_scale_fits():
    linear = nn.Linear(1, 1, bias=False)
    wrapper = StepOptimWrapper(
        torch.optim.SGD(linear.parameters(), lr=1.), dtype='float16')
    wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=4.)
    before = linear.weight.item()
    for scale in (2., 1., .5):
        assert wrapper.skips_updates
        wrapper.update_params(float('inf') * linear.weight.sum())
        assert wrapper.loss_scaler.get_scale() == scale
    assert not wrapper.skips_updates
    assert linear.weight.item() == before
    wrapper.update_params(linear.weight.sum())
    assert linear.weight.item() == before - 1


def test_a_run_goes_on_in_another_precision():
    linear = nn.Linear(1, 1)
    states = []
    for dtype in ('float16', None, 'bfloat16', 'float16'):
        wrapper = StepOptimWrapper(
            torch.optim.Adam(linear.parameters()), dtype=dtype)
        for state in states[-1:]:
            wrapper.load_state_dict(state)
        wrapper.update_params(linear.weight.sum())
        states.append(wrapper.state_dict())
    assert states[-1]['state'][0]['step'] == 4
    assert [set(state) - {'state', 'param_groups'}
            for state in states] == [{'loss_scaler'},
                                     set(),
                                     set(), {'loss_scaler'}]
    with pytest.raises(ValueError, match="got 'half'"):
        StepOptimWrapper(torch.optim.Adam(linear.parameters()), dtype='half')

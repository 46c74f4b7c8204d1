# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from helpers.tool_runs import ROOT, load_tool

from dksan_mm.apis import init_model
from dksan_mm.utils.running import run_tool

pytest_plugins = ['helpers.tool_runs']  # the fixtures
RELEASED = ROOT / 'weights' / 'dksan-s_vid3oc_x16.pth'
CONFIG = ROOT / 'configs' / 'dksan-m_open_x16.py'


def widen(*arguments):
    try:
        return run_tool(
            load_tool('widen_weights').main, list(map(str, arguments)))
    except SystemExit as stop:
        return stop.code


def test_dksan_m_starts_where_dksan_s_has_ended(tmp_path):
    out = tmp_path / 'wide.pth'
    assert widen(RELEASED, CONFIG, out) in (None, 0)
    small = init_model(ROOT / 'configs' / 'dksan-s_vid3oc_x16.py', RELEASED)
    large = init_model(CONFIG, out)
    frames = torch.rand(1, 7, 3, 4, 5)
    with torch.no_grad():
        torch.testing.assert_close(
            large.generator(frames),
            small.generator(frames),
            rtol=0,
            atol=1e-4)


def test_blocks_are_added(tmp_path):
    config, first, again = (
        tmp_path / name for name in ('deep.py', 'first.pth', 'again.pth'))
    config.write_text(f'_base_ = {str(CONFIG)!r}\n'
                      'model = dict(generator=dict(num_blocks=(8, 4, 4, 2)))')
    for out in (first, again):
        assert widen(RELEASED, config, out, '--seed', 3) in (None, 0)
    deep = init_model(config, first)
    wide = tmp_path / 'wide.pth'
    assert widen(RELEASED, CONFIG, wide, '--seed', 3) in (None, 0)
    frames = torch.rand(1, 7, 3, 4, 5)
    with torch.no_grad():
        assert torch.equal(
            deep.generator(frames),
            init_model(CONFIG, wide).generator(frames))
    other = init_model(config, again).state_dict()
    assert all(
        torch.equal(one, other[name])
        for name, one in deep.state_dict().items())


@pytest.mark.parametrize('checkpoint, config, said', [
    ('none.pth', CONFIG, 'there is no checkpoint file'),
    (RELEASED, 'none.py', 'none.py'),
    (RELEASED, ROOT / 'configs' / 'edvr-s_vid3oc_x16.py',
     'in only one of the'),
])
def test_wrong_input(tmp_path, sentence, checkpoint, config, said):
    assert widen(checkpoint, config, tmp_path / 'wide.pth') == 2
    assert said in sentence()
    assert not list(tmp_path.iterdir())


def test_a_network_that_cannot_be_built(tmp_path, sentence):
    config = tmp_path / 'mine.py'
    config.write_text("model = dict(type='DKSANNett')")
    assert widen(RELEASED, config, tmp_path / 'wide.pth') == 2
    said = sentence()
    assert said.startswith(f'{config} does not describe a network')
    assert said.endswith('did you mean DKSANNet?')
    assert list(tmp_path.iterdir()) == [config]

# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from helpers.tool_runs import ROOT, load_tool

from dksan_mm.cli import launch
from dksan_mm.engine.runner.checkpoint import read_checkpoint

pytest_plugins = ['helpers.tool_runs']  # the fixtures
RELEASED = ROOT / 'weights' / 'dksan-s_vid3oc_x16.pth'


def publish(*arguments):
    try:
        return launch.run_tool(
            load_tool('publish_weights').main, list(map(str, arguments)))
    except SystemExit as stop:
        return stop.code


@pytest.fixture
def checkpoint(tmp_path):
    """Write a training's checkpoint; one weight is a view of a tensor."""
    path = tmp_path / 'iter_3.pth'
    weights = dict({'discriminator.conv_0.weight': torch.ones(4)},
                   step_counter=torch.tensor(3),
                   part=torch.arange(1000.)[:4],
                   last=torch.ones(2, 3, 4,
                                   4).to(memory_format=torch.channels_last))
    torch.save(
        dict(state_dict=weights, optimizer=torch.ones(9), meta=dict(iter=3)),
        path)
    return path


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_alone_are_written(checkpoint, tmp_path, suffix):
    out = tmp_path / f'mine{suffix}'
    assert publish(checkpoint, out) in (None, 0)
    found = read_checkpoint(str(out))['state_dict']
    assert found.keys() == {'part', 'last'}
    assert torch.equal(found['part'], torch.arange(4.))
    assert torch.equal(found['last'], torch.ones(2, 3, 4, 4))
    assert out.stat().st_size < 4000


def test_both_forms_of_the_released_weights_are_the_same(tmp_path):
    out = tmp_path / 'a.safetensors'
    assert publish(RELEASED, out) in (None, 0)
    found = read_checkpoint(str(out))['state_dict']
    expected = read_checkpoint(str(RELEASED))['state_dict']
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_weights_between_two(tmp_path, sentence):
    for name, value in (('a', 1.), ('b', 3.)):
        torch.save(dict(weight=torch.full((2, ), value)), tmp_path / name)
    torch.save(dict(weight=torch.ones(3)), tmp_path / 'c')
    options = ['--from', tmp_path / 'a', '--detail', 0.25]
    assert publish(tmp_path / 'b', tmp_path / 'd.pth', *options) in (None, 0)
    found = read_checkpoint(str(tmp_path / 'd.pth'))['state_dict']
    assert found['weight'].tolist() == [1.5, 1.5]
    assert publish(tmp_path / 'c', tmp_path / 'e.pth', *options) == 2
    assert 'weights of the same network: weight is (2,) in one' in sentence()
    assert publish(tmp_path / 'b', tmp_path / 'e.pth', *options[:2]) == 2
    assert not (tmp_path / 'e.pth').exists()


def test_what_is_there_stays(checkpoint, tmp_path, sentence):
    out = tmp_path / 'mine.pth'
    out.write_text('mine')
    assert publish(checkpoint, out) == 2
    assert 'exists; use --overwrite to replace it' in sentence()
    assert out.read_text() == 'mine'
    assert publish(checkpoint, out, '--overwrite') in (None, 0)


@pytest.mark.parametrize('name, out, said', [
    ('none.pth', 'a.pth', 'there is no checkpoint file'),
    ('iter_3.pth', 'a.onnx', 'the suffix is one of'),
    ('iter_3.pth', 'none/a.pth', 'there is no folder'),
])
def test_wrong_input(checkpoint, tmp_path, capsys, name, out, said):
    assert publish(tmp_path / name, tmp_path / out) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['iter_3.pth']

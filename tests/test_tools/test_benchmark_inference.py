# Copyright (c) DKSAN-MM contributors.
import re

import numpy as np
import pytest
import torch
from helpers.tool_runs import load_tool

from dksan_mm.apis import init_model, restore_frames
from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.inference.tiles import Tiles

pytest_plugins = ['helpers.tiny_network']  # the fixture

ROW = re.compile('  (.*?) +at most +([0-9]+) .* apart, ([0-9.]+) on average, '
                 'PSNR ([+-][0-9.]+) dB')


@pytest.fixture(scope='module')
def tool():
    return load_tool('benchmark_inference')


def run(tool, network, *options):
    config, checkpoint = network
    tool.main([
        config, '--checkpoint', checkpoint, '--threads', '1',
        *map(str, options)
    ])


def test_differences_are_those_of_the_frames(tool, tiny_checkpoint,
                                             tiny_vid3oc, capsys, monkeypatch):
    shared, reconstruct = [], Tiles.reconstruct

    def noted(tiles, *inputs):
        shared.append(tiles.shared)
        return reconstruct(tiles, *inputs)

    clip = tool.Path(tiny_vid3oc, 'train', 'HR', 'egret-lake')
    with monkeypatch.context() as patched:
        patched.setattr(Tiles, 'reconstruct', noted)
        run(tool, tiny_checkpoint, '--compare', clip, '--frames', 1, '--tile',
            20)
    assert shared == [True, False]
    name, *rows = capsys.readouterr().out.splitlines()
    assert name == 'egret-lake, 1 frames'
    found = {row[0]: row[1:] for row in map(ROW.findall, rows) for row in row}
    assert list(found) == ['bfloat16', 'tiles of 20', 'without shared means']
    # As a user of the package would compare them.
    model = init_model(*tiny_checkpoint)
    half = init_model(*tiny_checkpoint, dtype=torch.bfloat16)
    (lr, ), (hr, ) = (
        tool.read_frames(path, 1) for path in (tool.lr_folder(clip), clip))
    [whole] = restore_frames(model, [lr], tile=None)
    [tiled] = restore_frames(model, [lr], tile=20)
    [rough] = restore_frames(half, [lr], tile=None)
    assert (rough != whole).any()
    for name, frame in (('bfloat16', rough), ('tiles of 20', tiled)):
        apart = np.abs(frame.astype(float) - whole)
        most, mean, change = map(float, found[name])
        assert most == apart.max()
        assert mean == pytest.approx(apart.mean(), abs=1e-4)
        assert change == pytest.approx(
            psnr(frame, hr) - psnr(whole, hr), abs=1e-5)


def test_time_and_memory_are_measured(tool, tiny_checkpoint, capsys):
    run(tool, tiny_checkpoint, '--size', '4x5', '--frames', 1)
    text = capsys.readouterr().out
    assert 'LR 4x5, float32, 1 threads' in text
    names = ('stream', 'its convolutions', 'plain forward')
    assert all(
        float(re.search(f'^{name} +([0-9.]+) s', text, re.M)[1]) >= 0
        for name in names)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize('options, match', [
    (['none.py'], 'there is no config none.py'),
    (['--compare', 'none/HR/a'], '--compare: there is no folder none/HR/a'),
    (['--tile', '0'], '--tile: must be at least 1, got 0'),
])
def test_wrong_arguments_are_named(tool, capsys, options, match):
    with pytest.raises(SystemExit) as exit:
        tool.main(options)
    assert exit.value.code == 2 and match in capsys.readouterr().err

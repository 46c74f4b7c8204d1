# Copyright (c) DKSAN-MM contributors.
import json

import cv2
import numpy as np
import pytest
from helpers.tool_runs import load_tool


@pytest.fixture(scope='module')
def tool():
    return load_tool('plot_training')


def log(folder, name, *entries):
    path = folder / name / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(json.dumps(entry) for entry in entries))


@pytest.fixture
def run(tmp_path):
    log(tmp_path, '20260101_100000', dict(loss=1., step=50),
        dict(PSNR=20., step=50), dict(PSNR=25., step=100))
    # Resumed after iteration 50.
    log(tmp_path, '20260101_110000', dict(PSNR=21., step=100),
        dict(PSNR=22., step=150))
    return tmp_path


def test_a_resumed_run_s_latest_values_count(tool, run):
    assert tool.read_values(str(run), 'PSNR') == {50: 20., 100: 21., 150: 22.}


def test_every_name_has_its_colour(tool, run):
    out = run / 'curves.png'
    tool.main([
        f'a={run}', f'b={run}', f'a={run}', '--line', 'bicubic=20.5', '--out',
        str(out)
    ])
    image = cv2.imread(str(out)).reshape(-1, 3)
    # The second name's curve lies on the first's; its colour is on top, the
    # first's in the legend.
    for colour in ((180, 119, 31), (14, 127, 255)):
        assert np.all(image == colour, axis=1).sum() > 20


@pytest.mark.parametrize('arguments, said', [
    (['a={run}', '--value', 'LPIPS'], 'has LPIPS'),
    (['a={run}/none'], 'none has PSNR'),
    (['{run}'], 'expected NAME=VALUE'),
    (['a={run}', '--line', 'bicubic=high'], 'high'),
    (['a={run}', '--out', '{run}/none/curves.png'], 'there is no folder'),
    (['a={run}', '--out', '{run}/curves.gif2'], 'cannot be written'),
])
def test_what_cannot_be_drawn_is_one_sentence(tool, run, arguments, said):
    arguments = ['--out', f'{run}/curves.png'
                 ] + [argument.format(run=run) for argument in arguments]
    with pytest.raises(tool.UserError, match=said):
        tool.main(arguments)
    assert not (run / 'curves.png').exists()


def test_an_unfinished_last_line_is_left_out(tool, run):
    path = next(run.glob('*11*/vis_data/scalars.json'))
    path.write_text(path.read_text() + '\n{"PSNR": 2')
    assert tool.read_values(str(run), 'PSNR') == {50: 20., 100: 21., 150: 22.}


@pytest.mark.parametrize('line', [
    b'{"PSNR": 1, "step"', b'{"PSNR": 1}', b'{"PSNR": "x", "step": 1}', b'7',
    b'\xff\xfe'
])
def test_a_damaged_log_is_named(tool, run, line):
    path = next(run.glob('*11*/vis_data/scalars.json'))
    path.write_bytes(line + b'\n' + path.read_bytes())
    with pytest.raises(tool.UserError, match='scalars.json: line 1 is not'):
        tool.read_values(str(run), 'PSNR')

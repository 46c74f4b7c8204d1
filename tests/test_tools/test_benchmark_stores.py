# Copyright (c) DKSAN-MM contributors.
"""The benchmark of formats of HR frames."""
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.tool_runs import load_tool

from dksan_mm.io.stores.stores import open_store, write_store

pytest_plugins = ['helpers.tool_runs']  # the fixtures
pytestmark = pytest.mark.usefixtures('own_environment')


@pytest.fixture(scope='module')
def tool():
    return load_tool('benchmark_stores')


@pytest.fixture
def data(tiny_vid3oc, tmp_path):
    shutil.copytree(Path(tiny_vid3oc) / 'train', tmp_path / 'data' / 'train')
    for kind in ('HR', 'LRx16'):
        for folder in list((tmp_path / 'data' / 'train' / kind).iterdir()):
            write_store(str(folder), '.npy')
    return tmp_path / 'data'


def test_every_form_is_measured(tool, data, capsys):
    assert tool.main([str(data), '--samples', '2', '--frames', '1']) == 0
    text = capsys.readouterr().out
    rows = re.findall('^(.{14}) +[0-9.]+ +[0-9.]+ +([0-9.]+) +[0-9]+$', text,
                      re.MULTILINE)
    sizes = {name.strip(): float(size) for name, size in rows}
    assert list(sizes) == list(tool.candidates())
    # Frames of 512x544 and 512x512 in MB.
    assert sizes['array'] == round(3 * 512 * 528 / 1e6, 2)
    assert sizes['tiles of 112'] < sizes['PNG frames'] < sizes['array']


def test_every_form_gives_the_pixels(tool, data):
    boxes = [(0, 0, 512, 544), (16, 32, 256, 512), (500, 100, 12, 444)]
    with open_store(str(data / 'train/HR/egret-lake.npy')) as array:
        for name, form in tool.candidates().items():
            with form(array, 2).open() as clip:
                for box in boxes:
                    np.testing.assert_array_equal(
                        clip.read(1, box), array.read(1, box), err_msg=name)


def test_arrays_are_needed(tool, tiny_vid3oc, capsys):
    assert tool.main([tiny_vid3oc]) == 1
    assert '.npy: no such file; tools/prep' in capsys.readouterr().err


@pytest.mark.parametrize('args, match', [
    (['nowhere'], 'nowhere: no such folder'),
    (['--samples', '0'], '--samples: must be at least 1, got 0'),
    (['--frames', '-1'], '--frames: must be at least 1, got -1'),
    (['--config', 'no.py'], 'no.py: no such config'),
])
def test_wrong_arguments_are_named(tool, capsys, args, match):
    with pytest.raises(SystemExit) as exit:
        tool.parse_args(args)
    assert exit.value.code == 2 and match in capsys.readouterr().err

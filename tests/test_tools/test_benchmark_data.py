# Copyright (c) DKSAN-MM contributors.
"""The benchmark of reading training samples."""
import importlib.util
import os
import re
import shutil
from pathlib import Path

import pytest

from dksan_mm.prepare.arrays import write_array

TOOL = Path(__file__).parents[2] / 'tools' / 'benchmark_data.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('benchmark_data', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    # What the tool sets for its own process is not to outlive the test.
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
        monkeypatch.setenv(name, '1')


def test_both_stores_are_measured(tool, tiny_vid3oc, tmp_path, capsys):
    data = tmp_path / 'data'
    shutil.copytree(tiny_vid3oc, data)
    assert tool.main([str(data), '--samples', '4']) == 1
    assert '.npy: no such file; tools/prepare_data' in capsys.readouterr().err
    for kind in ('HR', 'LRx16'):
        for folder in list((data / 'train' / kind).iterdir()):
            write_array(str(folder))
    assert tool.main([str(data), '--samples', '4']) == 0
    lines = capsys.readouterr().out.splitlines()[-6:]
    rows = {line.split()[0]: line.split() for line in lines[1:3]}
    assert [rows[store][1] for store in ('png', 'array')] == ['4', '4']
    # An array of 512x544 and 512x512 frames and their LR, in MB.
    assert float(rows['array'][5]) == round(3 * 512 * 528 * 257 / 256e6, 2)
    assert float(re.match('array: (.*) times as', lines[3])[1]) > 1
    assert lines[4].startswith('Vid3oC as png: 7920 frames')


def test_data_are_made_at_1080p(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, 'CLIPS', ('plaza-dog', ))
    tool.make_data(str(tmp_path), 1)
    data = tool.build_dataset(
        str(TOOL.parents[1] / 'configs' / 'dksan_vid3oc_x16.py'),
        str(tmp_path), 'array')
    sample = data[0, 1]
    assert sample['inputs'].shape == (7, 3, 32, 32)
    assert sample['data_samples'].ori_gt_shape == (1072, 1920, 3)


@pytest.mark.parametrize('args, match', [
    (['nowhere'], 'nowhere: no such folder; tools/prepare_data.py'),
    (['--samples', '0'], '--samples must be at least 1, got 0'),
    (['--frames', '-1'], '--frames must be at least 1, got -1'),
    (['--config', 'no.py'], 'no.py: no such config'),
])
def test_wrong_arguments_are_named(tool, tmp_path, monkeypatch, capsys, args,
                                   match):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit:
        tool.parse_args(args)
    assert exit.value.code == 2 and match in capsys.readouterr().err
    assert os.listdir(tmp_path) == []

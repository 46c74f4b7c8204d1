# Copyright (c) DKSAN-MM contributors.
"""The benchmark of reading training samples."""
import os
import re
import shutil

import cv2
import numpy as np
import pytest
from helpers.tool_runs import ROOT, load_tool

from dksan_mm.io.stores.stores import write_store

pytest_plugins = ['helpers.tool_runs']  # the fixtures
pytestmark = pytest.mark.usefixtures('own_environment')


@pytest.fixture(scope='module')
def tool():
    return load_tool('benchmark_data')


def test_both_stores_are_measured(tool, tiny_vid3oc, tmp_path, capsys):
    data = tmp_path / 'data'
    shutil.copytree(tiny_vid3oc, data)
    assert tool.main([str(data), '--samples', '4']) == 1
    assert '.npy: no such file; tools/prepare_data' in capsys.readouterr().err
    for kind in ('HR', 'LRx16'):
        for folder in list((data / 'train' / kind).iterdir()):
            write_store(str(folder), '.npy')
    assert stores(tool, data, capsys) == ['png', 'array']
    for folder in list((data / 'train' / 'HR').iterdir()):
        if folder.is_dir():
            write_store(str(folder), '.tiles')
    assert stores(tool, data, capsys) == ['png', 'tiles', 'array']


def stores(tool, data, capsys):
    assert tool.main([str(data), '--samples', '4']) == 0
    text = capsys.readouterr().out
    rows = re.findall(r'^(\w+) +4 (.*)$', text, re.MULTILINE)
    for store, values in rows:
        assert len(re.findall(f'^Vid3oC as {store}: 7920', text, re.M)) == 1
        if store == 'array':
            # Frames of 512x544 and 512x512 with their LR, in MB.
            megabytes = 3 * 512 * 528 * 257 / 256e6
            assert float(values.split()[3]) == round(megabytes, 2)
            speedup = re.search('array: (.*) times as many', text)
            assert float(speedup[1]) > 1
    return [store for store, _ in rows]


def test_data_are_made_at_1080p(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, 'CLIPS', ('plaza-dog', ))
    seconds = tool.make_data(str(tmp_path), 1)
    assert list(seconds) == ['png', 'tiles', 'array']
    assert all(0 < value < 10 for value in seconds.values())
    data = tool.build_dataset(
        str(ROOT / 'configs' / 'dksan_vid3oc_x16.py'), str(tmp_path), 'array')
    assert [path.suffix for path in sorted((tmp_path / 'train/HR').iterdir())
            ] == ['', '.npy', '.tiles']
    hr = cv2.imread(str(tmp_path / 'source/plaza-dog/000000.png'))
    assert hr.shape == (1080, 1920, 3)
    # Continued by its mirror image, pixel for pixel.
    np.testing.assert_array_equal(hr[720:, :1280], hr[719:359:-1, :1280])
    sample = data[0]
    assert sample['inputs'].shape == (7, 3, 32, 32)
    assert sample['data_samples'].ori_gt_shape == (1072, 1920, 3)


@pytest.mark.parametrize('args, match', [
    (['nowhere'], 'nowhere: no such folder; tools/prepare_data.py'),
    (['--samples', '0'], '--samples: must be at least 1, got 0'),
    (['--frames', '-1'], '--frames: must be at least 1, got -1'),
    (['--config', 'no.py'], 'no.py: no such config'),
])
def test_wrong_arguments_are_named(tool, tmp_path, monkeypatch, capsys, args,
                                   match):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit:
        tool.parse_args(args)
    assert exit.value.code == 2 and match in capsys.readouterr().err
    assert os.listdir(tmp_path) == []

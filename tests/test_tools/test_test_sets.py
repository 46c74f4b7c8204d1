# Copyright (c) DKSAN-MM contributors.
"""Vid4, UDM10, SPMCS and REDS4, from the download to the scores.

Frames of the sample clips replace theirs, in their sizes, folders and names.
"""
import json
import subprocess
import sys

import numpy as np
import pytest
from helpers.data_fixtures import sample_frames, write_frames
from helpers.tool_runs import ROOT, run
from test_tools import test_test

from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.io.images import read_image
from dksan_mm.io.layout import list_frames
from dksan_mm.utils.resize import matlab_resize

pytest_plugins = ['helpers.tool_runs']  # the fixtures

WEIGHTS = ROOT / 'weights' / 'dksan-s_vid3oc_x16.pth'
# Of each set: the folders of a clip's HR and LR frames, their names, and two
# of its clips with sizes (rows, columns).
SETS = dict(
    vid4=('GT/{}', 'BIx4/{}', '%08d.png',
          dict(calendar=(576, 720), walk=(480, 720))),
    udm10=('{}/truth', '{}/blur4', '%04d.png', dict(archpeople=(720, 1272))),
    spmcs=('{}/truth', '{}/input4', '%04d.png', dict(car05_001=(540, 960))),
    reds4=('train_sharp/{}', 'train_sharp_bicubic/X4/{}', '%08d.png',
           dict.fromkeys(('000', '011', '015', '020'), (160, 240))))
# As mmagic lays out what its configs read at x4.
MMAGIC = dict(
    SETS,
    udm10=('GT/{}', 'BIx4/{}', 'Frame %03d.png', dict(archpeople=0)),
    spmcs=('GT/{}', 'BIx4/{}', '%03d.png', dict(car05_001=0)))


def download(root, layout, size=None, count=2):
    """Write a set's folders of frames; return the names of its clips."""
    hr, lr, template, clips = layout
    for clip, own in clips.items():
        images = sample_frames('val', 'dashcam-highway', count, size or own)
        write_frames(root / hr.format(clip), images, template)
        small = [matlab_resize(image, 1 / 4) for image in images]
        write_frames(root / lr.format(clip), small, template)
    return list(clips)


def prepare(*arguments):
    """Run tools/prepare_data.py in its own process."""
    tool = ROOT / 'tools' / 'prepare_data.py'
    done = subprocess.run(
        [sys.executable, tool, *map(str, arguments), '--jobs', '1'],
        capture_output=True,
        text=True,
        timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def evaluate(name, data, folder):
    """Return the scores of each video with the released weights."""
    config = ROOT / 'configs' / 'dksan' / f'{name}.py'
    assert test_test.evaluate(
        data, folder, WEIGHTS, config=config, options=()) == 0
    return test_test.results(folder)['videos']


def bicubic(lr_folder, hr_folder, scale):
    """Compute the mean PSNR of MATLAB's bicubic over a clip."""
    pairs = zip(list_frames(str(lr_folder)), list_frames(str(hr_folder)))
    return np.mean([
        psnr(read_image(hr), matlab_resize(read_image(lr), scale))
        for lr, hr in pairs
    ])


def check(videos, clips, folder, kinds, scale):
    """Check that every clip is scored, and better than bicubic."""
    assert list(videos) == clips
    for clip, scores in videos.items():
        lr, hr = (folder / kind.format(clip) for kind in kinds)
        gain = scores['PSNR'] - bicubic(lr, hr, scale)
        assert 0.1 < gain < 4, (clip, gain)
        assert scores['TE'] > 0


@pytest.mark.parametrize('name, cropped', [
    ('vid4', [(576, 720), (480, 720)]),
    ('udm10', [(720, 1264)]),
    ('spmcs', [(528, 960)]),
    ('reds4', [(160, 240)] * 4),
])
def test_x16(tmp_path, name, cropped):
    source, out = tmp_path / name, tmp_path / 'prepared'
    clips = download(source, SETS[name])
    split, chosen = 'test', ()
    if name == 'reds4':
        split, chosen = 'train', ('--clips', *clips)
        write_frames(source / 'train_sharp' / '239',
                     [np.zeros((16, 16, 3), np.uint8)])
    said = prepare(source, out, '--split', split, *chosen)
    assert f'layout vid3oc: {len(clips)} train\n' in said or \
        f'layout videos: {len(clips)} test\n' in said  # LR is made
    manifest = json.loads((out / split / 'manifest.json').read_text())['clips']
    assert [tuple(manifest[clip]['hr_size']) for clip in clips] == cropped
    videos = evaluate(f'dksan-s_{name}_x16', out, tmp_path)
    check(videos, clips, out / split, ('LRx16/{}', 'HR/{}'), 16)


@pytest.mark.parametrize('name', SETS)
def test_x4_without_preparation(tmp_path, name):
    hr, lr, *_ = layout = MMAGIC[name]
    clips = download(tmp_path / 'in', layout, size=(160, 240))
    videos = evaluate(f'dksan-s_{name}_x4', tmp_path / 'in', tmp_path)
    check(videos, clips, tmp_path / 'in', (lr, hr), 4)


def test_x4_of_prepared_clips_has_the_scores_of_mmagic_s_folders(tmp_path):
    """`prepare_data.py --scale 4` and `test.py --scale 4`, other layouts."""
    layouts = SETS['udm10'], ('GT/{}', 'BIx4/{}', '%04d.png',
                              dict(archpeople=0))
    for number, layout in enumerate(layouts):
        download(tmp_path / f'in{number}', layout, size=(160, 240))
    prepare(tmp_path / 'in0', tmp_path / 'out', '--split', 'test', '--scale',
            4)
    scores = evaluate('dksan-s_udm10_x4', tmp_path / 'in1', tmp_path)
    code = run(
        'test',
        ROOT / 'configs' / 'dksan' / 'dksan-s_udm10_x16.py',
        WEIGHTS,
        '--scale',
        4,
        '--data-root',
        tmp_path / 'out',
        '--work-dir',
        tmp_path / 'w',
        '--out',
        tmp_path / 'other.json',
        options=())
    assert code == 0
    other = json.loads((tmp_path / 'other.json').read_text())['videos']
    assert other == scores

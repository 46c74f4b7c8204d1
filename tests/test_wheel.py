# Copyright (c) DKSAN-MM contributors.
"""A wheel, installed without OpenMMLab, upscales a video."""
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers.light_environment import FOREIGN, link_light_packages
from helpers.video_files import make_video, moving, read_video

from dksan_mm.apis import init_model, restore_frames
from dksan_mm.io.video.readers import open_source

pytestmark = [pytest.mark.slow, pytest.mark.processes]

ROOT = Path(__file__).resolve().parents[1]


def run(*command, cwd, **variables):
    environment = {
        name: value
        for name, value in os.environ.items() if not name.startswith('PYTHON')
    }
    return subprocess.run([*map(str, command)],
                          cwd=cwd,
                          env=dict(environment, **variables),
                          capture_output=True,
                          text=True,
                          timeout=300)


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Build a wheel from a copy, to which the build may write."""
    folder = tmp_path_factory.mktemp('wheel')
    shutil.copytree(
        ROOT,
        folder / 'source',
        symlinks=True,
        ignore=shutil.ignore_patterns('.git', '.venv', 'work_dirs', 'data',
                                      'build', 'tests'))
    done = run(
        *(sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps'),
        *('--no-build-isolation', '--no-index', '-w', folder, './source'),
        cwd=folder)
    assert done.returncode == 0, done.stderr
    path, = folder.glob('*.whl')
    return path


@pytest.fixture(scope='module')
def installed(wheel, tmp_path_factory):
    """Return the folder of an environment's commands with the wheel."""
    folder = tmp_path_factory.mktemp('light')
    venv.create(folder / 'env', with_pip=False)
    (folder / 'packages').mkdir()
    link_light_packages(folder / 'packages')
    site, = (folder / 'env').glob('lib/python3*/site-packages')
    (site / 'packages.pth').write_text(str(folder / 'packages'))
    commands = folder / 'env' / 'bin'
    done = run(
        *(sys.executable, '-m', 'pip', '--python', commands / 'python'),
        *('install', '-q', '--no-deps', '--no-index', wheel),
        cwd=folder)
    assert done.returncode == 0, done.stderr
    return commands


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    return make_video(
        tmp_path_factory.mktemp('video') / 'small.mkv', moving(3), rate=24)


def test_it_holds_what_is_released(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for name in ('configs/dksan-s_vid3oc_x16.py', 'model-index.yml',
                 'configs/_base_/models/dksan.py', 'tools/train.py',
                 'weights/dksan-s_vid3oc_x16.pth'):
        assert f'dksan_mm/.mim/{name}' in names
    assert 'dksan_mm/ops/csrc/dense.cpp' in names
    assert 'dksan_mm/py.typed' in names
    assert not any(name.startswith('tests') for name in names)


def test_nothing_else_can_be_imported_there(installed):
    code = ('from importlib.util import find_spec\n'
            f'print(*(one for one in {FOREIGN} if find_spec(one)))')
    done = run(installed / 'python', '-c', code, cwd='/')
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_it_upscales_a_video_to_the_full_stack_s_pixels(
        installed, small, tmp_path):
    done = run(
        *(installed / 'dksan-mm', 'upscale', small, 'big/'), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    model = init_model(ROOT / 'configs' / 'dksan-s_vid3oc_x16.py',
                       ROOT / 'weights' / 'dksan-s_vid3oc_x16.pth')
    expected = restore_frames(
        model, [frame.image for frame in open_source(str(small))])
    found = [frame.image for frame in open_source(str(tmp_path / 'big'))]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_can_be_used_from_python(installed, small, tmp_path):
    code = ('from dksan_mm import load_model, restore_frames, restore_video\n'
            "model = load_model('bicubic')\n"
            f"print(restore_video(model, '{small}', 'big.mp4').num_frames)")
    done = run(installed / 'python', '-c', code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, '3\n'), done.stderr
    assert [image.shape for _, image in read_video(tmp_path / 'big.mp4')
            ] == [(192, 320, 3)] * 3


@pytest.mark.parametrize('arguments, said', [
    (['upscale', 'none.mp4', 'big.mp4'], 'none.mp4'),
    (['upscale', 'text.mp4', 'big.mp4'], 'text.mp4'),
    (['upscale', 'small.mkv', 'none/big.mp4'], 'there is no folder none'),
    (['upscale', 'image.png', 'big.png'
      ], "needs OpenCV, .*'dksan_mm.images.'"),
    (['upscale', 'a.mp4', 'b.mp4', '--config', 'c.py'], 'needs mmagic'),
    (['train', 'config.py'], 'needs mmagic'),
])
def test_what_is_wrong_is_said_in_one_sentence(installed, small, tmp_path,
                                               arguments, said):
    shutil.copy(small, tmp_path / 'small.mkv')
    (tmp_path / 'text.mp4').write_text('no video')
    (tmp_path / 'image.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    done = run(installed / 'dksan-mm', *arguments, cwd=tmp_path)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    *usage, sentence = done.stderr.splitlines()
    assert not usage or '--config' in arguments
    assert sentence.startswith('dksan-mm')
    assert re.search(said, sentence)

# Copyright (c) DKSAN-MM contributors.
"""The README's examples do what it says, as they stand there."""
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from helpers.data_fixtures import write_frames
from helpers.tool_runs import ROOT, load_tool
from helpers.video_files import make_video, moving, read_video
from mmagic.apis.inferencers.video_restoration_inferencer import \
    VideoRestorationInferencer
from mmengine.config import Config

README = (Path(__file__).resolve().parents[2] / 'README.md').read_text()
EXAMPLES = [
    code for code in re.findall(r'```python\n(.*?)```', README, re.DOTALL)
    if 'apis' in code or 'load_model' in code
]


@pytest.fixture
def folder(tmp_path, tiny_checkpoint, monkeypatch):
    """Working folder with the files that the examples name."""
    monkeypatch.chdir(tmp_path)
    for name in ('configs', 'weights'):
        (tmp_path / name).mkdir(parents=True)
    config, checkpoint = tiny_checkpoint
    shutil.copy(config, 'configs/dksan-s_vid3oc_x16.py')
    shutil.copy(checkpoint, 'weights/dksan-s_vid3oc_x16.pth')
    make_video('small.mp4', moving(2), codec='mpeg4', pix_fmt='yuv420p')
    write_frames('data/Vid3oC-sample/val/LRx16/puppy-grass', moving(2))
    saved = dict(VideoRestorationInferencer.extra_parameters)
    yield tmp_path
    VideoRestorationInferencer.extra_parameters.update(saved)


def run(code):
    exec(code, {})


def test_restore_video(folder, capsys):
    run(EXAMPLES[0])
    assert '2 frames in large.mp4 []' in capsys.readouterr().out
    assert len(read_video('large.mp4')) == 2


def test_restore_frames(folder, capsys):
    """On smaller frames: the network is tiny here, and they are not."""
    run(EXAMPLES[1].replace('(45, 80, 3)', '(9, 16, 3)'))
    assert capsys.readouterr().out == '(144, 256, 3)\n' * 10


@pytest.mark.parametrize('code', EXAMPLES[2:], ids=['dksan', 'restoration'])
def test_mmagic(folder, code):
    run(code)
    assert sorted(os.listdir('puppy_x16')) == ['000000.png', '000001.png']


def test_nothing_else_is_shown():
    assert len(EXAMPLES) == 4


def test_commands_have_the_tool_s_options():
    tool = load_tool('super_resolve')
    commands = re.findall(r'tools/super_resolve.py (.*?)(?: #.*)?\n', README)
    assert len(commands) == 9
    for command in commands:
        args = tool.parse_args(shlex.split(command))
        assert args.input != args.output


def test_configs_and_weights_of_commands_are_there():
    paths = re.findall(r'\s((?:configs|weights)/[\w./-]+\.(?:py|pth))', README)
    assert 'configs/dksan/dksan-s_vid4_x4.py' in paths
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_own_data_are_trained_on_validated_and_tested(tmp_path):
    """No split of the example reads the paper's data."""
    code, = [
        code for code in re.findall(r'```python\n(.*?)```', README, re.DOTALL)
        if 'data/mine' in code
    ]
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    (tmp_path / 'configs' / 'mine.py').write_text(code)
    config = Config.fromfile(
        tmp_path / 'configs' / 'mine.py', import_custom_modules=False)
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        assert dataset.data_root == 'data/mine', split

# Copyright (c) DKSAN-MM contributors.
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from helpers.data_fixtures import write_frames
from helpers.films import make_rich
from helpers.interlaced_files import write_interlaced
from helpers.tiny_network import tiny_config
from helpers.tool_runs import CONFIG, ROOT, TINY, load_tool
from helpers.video_files import (H264, make_video, moving, read_packets,
                                 read_video)
from PIL import Image
from test_tools.test_test import evaluate, results

from dksan_mm.cli import launch
from dksan_mm.cli.job_checks import plan_jobs
from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.io.images import read_image

pytest_plugins = ['helpers.tool_runs', 'helpers.tiny_network']  # the fixtures

BICUBIC = str(ROOT / 'configs' / 'bicubic_vid3oc_x16.py')


def upscale(*arguments, config=BICUBIC):
    """Return the exit code of the tool, run in this process."""
    tool = load_tool('super_resolve')
    try:
        options = ['--config', config] if config else []
        return launch.run_tool(tool.main, [*map(str, arguments), *options])
    except SystemExit as stop:
        return stop.code


@pytest.fixture
def small(tmp_path):
    return make_video(
        tmp_path / 'small.mkv', moving(3), rate=24, audio='pcm_s16le')


@pytest.fixture
def said(capfd, monkeypatch):
    """Return a function for the lines that the tool wrote to stderr."""
    monkeypatch.setattr(sys, 'argv', ['super_resolve.py'])

    def read():
        lines = capfd.readouterr().err.splitlines()
        return [
            line.removeprefix('super_resolve.py: ') for line in lines
            if line.startswith('super_resolve.py: ')
        ]

    return read


def test_a_video(small, tmp_path, capsys):
    assert upscale(small, tmp_path / 'big.mkv') == 0
    assert [image.shape for _, image in read_video(tmp_path / 'big.mkv')
            ] == [(192, 320, 3)] * 3
    assert read_packets(tmp_path / 'big.mkv') == read_packets(small)
    out = capsys.readouterr().out
    assert 'upscale: 1/1 clips, 3/3 frames, ' in out
    assert f'{tmp_path}/big.mkv: 3 frames' in out


def test_images_with_a_rate_to_a_video(tmp_path):
    write_frames(tmp_path / 'frames', moving(3))
    assert upscale(tmp_path / 'frames', tmp_path / 'a.mp4', '--fps',
                   '30000/1001', '--crf', 40) == 0
    times = [time for time, _ in read_video(tmp_path / 'a.mp4')]
    assert times[1] - times[0] == pytest.approx(1001 / 30000, abs=1e-5)


def test_options_reach_the_network(small, tmp_path):
    torch.manual_seed(0)
    from dksan_mm.apis import init_model
    model = init_model(tiny_config())
    torch.save(model.state_dict(), tmp_path / 'c.pth')
    results = {}
    for name, options in dict(
            plain=[],
            ensemble=['--ensemble'],
            early=['--ensemble-scale', '4'],
            bf16=['--dtype', 'bfloat16']).items():
        assert upscale(
            small,
            tmp_path / name,
            '--checkpoint',
            tmp_path / 'c.pth',
            '--cfg-options',
            *TINY,
            *options,
            config=CONFIG) == 0
        results[name] = (tmp_path / name / '000000.png').read_bytes()
    assert len(set(results.values())) == 4


def test_a_smaller_scale(small, tmp_path, said, tiny_checkpoint):
    config, weights = tiny_checkpoint
    assert upscale(
        small,
        tmp_path / 'big.mkv',
        '--checkpoint',
        weights,
        '--scale',
        4,
        config=config) == 0
    assert [image.shape for _, image in read_video(tmp_path / 'big.mkv')
            ] == [(48, 80, 3)] * 3
    said()
    other = str(ROOT / 'configs' / 'edvr-s_vid3oc_x16.py')
    assert upscale(
        small,
        tmp_path / 'b.mkv',
        '--scale',
        4,
        '--checkpoint',
        tiny_checkpoint,
        config=other) != 0


@pytest.mark.parametrize('size, shape', [('x100', (100, 166)),
                                         ('100x', (60, 100)),
                                         ('100x100', (60, 100))])
def test_a_size(small, tmp_path, said, size, shape):
    target = tmp_path / 'big.mkv'
    assert upscale(small, target, '--size', size) == 0 and said() == []
    assert [image.shape[:2] for _, image in read_video(target)] == [shape] * 3


def test_sizes_that_are_refused(small, tmp_path, said):
    target = tmp_path / 'big.mkv'
    assert upscale(small, target, '--size', 'x12') == 2
    assert said() == ['the frames are 20x12, and x12 is not larger']
    assert upscale(small, target, '--size', '1920x1080') == 2
    assert said() == [
        'the frames are 20x12, which the network upscales to at most 320x192, '
        'not 1800x1080'
    ]
    assert upscale(small, target, '--size', 'x31') == 2
    assert 'even numbers of rows and columns' in said()[0]
    assert upscale(small, target, '--size', 'x24', '--scale', 2) == 2
    assert said() == ['error: --scale and --size: use only one of them']
    assert not target.exists()


def test_frames_that_are_too_large_for_a_video(tmp_path, said):
    wide = make_video(tmp_path / 'wide.mkv', moving(2, (2, 1026)))
    assert upscale(wide, tmp_path / 'big.mp4') == 2
    assert said() == [
        f'{tmp_path}/big.mp4: H.264 supports at most 16384 pixels per side, '
        'but the frames are 16416x32; use a smaller scale or size, or name a '
        'folder, for PNGs'
    ]
    assert upscale(wide, tmp_path / 'big') == 0
    assert sorted(os.listdir(tmp_path)) == ['big', 'wide.mkv']


def test_a_video_without_any_frame(small, tmp_path, said):
    """Its header is intact, and its frames are not."""
    content = b'YUV4MPEG2 W20 H12 F25:1 Ip A1:1 C420jpeg\n'
    (tmp_path / 'videos').mkdir()
    bad = tmp_path / 'videos' / 'bad.y4m'
    bad.write_bytes(content)
    assert upscale(bad, tmp_path / 'big.mp4') == 2
    wanted = f'{bad}: no frame in the video that can be decoded'
    [sentence] = said()
    assert sentence.startswith(wanted)
    os.rename(small, tmp_path / 'videos' / 'good.mkv')
    assert upscale(tmp_path / 'videos', tmp_path / 'large') == 1
    assert any(sentence.startswith(wanted) for sentence in said())
    assert os.listdir(tmp_path / 'large') == ['good.mkv']


def test_models_have_names(small, tmp_path, said):
    target = tmp_path / 'big.mkv'
    assert upscale(
        small, target, '--model', 'bicubic', '--scale', 2, config=None) == 0
    assert read_video(target)[0][1].shape == (24, 40, 3)
    assert upscale(small, target, '--model', 'bicubic') == 2
    assert said() == ['error: --model and --config: use only one of them']
    assert not (tmp_path / 'other.mkv').exists()


def test_detail_is_of_the_network_for_the_eye(small, tmp_path, said):
    frames = {}
    for name, model, *options in (('soft', 'dksan-s'), ('none', 'dksan-s-gan',
                                                        '--detail', 0),
                                  ('some', 'dksan-s-gan', '--detail',
                                   0.75), ('all', 'dksan-s-gan', '--detail',
                                           1), ('default', 'dksan-s-gan')):
        options = ['--model', model, *options]
        assert upscale(small, tmp_path / name, *options, config=None) == 0
        frames[name] = (tmp_path / name / '000000.png').read_bytes()
    assert frames['some'] == frames['default']
    assert len(set(frames.values())) == 4
    said()
    options = ['--model', 'dksan-s-gan', '--scale', 4]
    assert upscale(small, tmp_path / 'x', *options, config=None) == 2
    assert said() == ['--scale: DKSANNet upscales by 16, got scale=4']


def test_an_output_that_exists(small, tmp_path, said):
    (tmp_path / 'big.mp4').write_text('mine')
    assert upscale(small, tmp_path / 'big.mp4') == 2
    assert said() == [
        f'{tmp_path}/big.mp4 exists; use --overwrite to replace it'
    ]
    assert (tmp_path / 'big.mp4').read_text() == 'mine'
    assert upscale(small, tmp_path / 'big.mp4', '--overwrite') == 0
    [note] = said()
    assert 'pcm_s16le sound (track 1) is left out, a .mp4 file' in note
    assert len(read_video(tmp_path / 'big.mp4')) == 3


def test_inputs_that_are_none(tmp_path, said):
    (tmp_path / 'a.mp4').write_text('no video')
    (tmp_path / 'b.mp4').touch()
    (tmp_path / 'empty').mkdir()
    for name, match in [('a.mp4', 'not a video'), ('b.mp4', 'empty file'),
                        ('empty', 'no image and no video in this folder'),
                        ('nothing', 'there is no file or folder')]:
        assert upscale(tmp_path / name, tmp_path / 'out.mp4') == 2
        [sentence] = said()
        assert str(tmp_path / name) in sentence and match in sentence
    assert sorted(os.listdir(tmp_path)) == ['a.mp4', 'b.mp4', 'empty']


def test_several_frames_for_one_image_are_refused_at_once(tmp_path, said):
    write_frames(tmp_path / 'frames', moving(2))
    for source in ('frames', 'frames/*.png'):
        target = tmp_path / 'x%03d.png'
        assert upscale(tmp_path / source, target) == 2
        assert said() == [
            f'{target} is one image, and {tmp_path / source} has more frames; '
            'name a folder or a video'
        ]
    gif = str(tmp_path / 'a.gif')
    first, second = (Image.fromarray(image) for image in moving(2))
    first.save(gif, save_all=True, append_images=[second])
    assert upscale(gif, tmp_path / 'one.png') == 2
    assert said() == [
        f'{tmp_path}/one.png is one image, and {gif} has more frames; name a '
        'folder or a video'
    ]
    assert sorted(os.listdir(tmp_path)) == ['a.gif', 'frames']


def test_a_path_that_begins_with_a_dash(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / '-v.mkv', moving(2))
    assert upscale('-v.mkv', 'big.mkv') == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(
        'error: -v.mkv: a path that begins with a dash is written ./-v.mkv')
    assert upscale('./-v.mkv', '-big.mkv') == 2  # no option, and not there
    assert upscale('./-v.mkv', './-big.mkv') == 0
    assert len(read_video('-big.mkv')) == 2


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_what_a_rate_costs_is_said(small, tmp_path, said, suffix):
    path = make_rich(tmp_path / 'rich.mkv', tmp_path)
    target = tmp_path / f'big{suffix}'
    assert upscale(path, target, '--fps', 50) == 0
    assert said() == [
        f'{path}: sound and chapters are left out, as its frames are shown '
        'at another rate'
    ]
    with av.open(str(target)) as container:
        assert container.metadata['title'] == 'My film'
        assert not container.streams.audio and not container.chapters()
    times = [time for time, _ in read_video(target)]
    np.testing.assert_allclose([float(t) for t in times],
                               np.arange(25) / 50,
                               atol=1e-3)
    assert upscale(small, tmp_path / f'more{suffix}', '--fps', 50) == 0
    assert said() == [
        f'{small}: sound is left out, as its frames are shown at another rate'
    ]


def test_a_truncated_video(tmp_path, said):
    path = make_video(tmp_path / 'v.mkv', moving(40, (24, 32)))
    Path(path).write_bytes(Path(path).read_bytes()[:-20000])
    assert upscale(path, tmp_path / 'big.mp4') == 1
    assert 0 < len(read_video(tmp_path / 'big.mp4')) < 40
    assert any('cut short' in sentence for sentence in said())


def test_a_video_codec_that_is_not_known(tmp_path, said):
    path = Path(make_video(tmp_path / 'v.mp4', moving(2, (48, 64)), **H264))
    path.write_bytes(path.read_bytes().replace(b'avc1', b'xyzw'))
    assert upscale(path, tmp_path / 'out.mp4') == 2
    assert said() == [
        f'{path}: its video codec xyzw is unknown, so no frame can be decoded'
    ]
    assert sorted(os.listdir(tmp_path)) == ['v.mp4']


def test_what_is_not_as_in_the_video_is_said(tmp_path, said):
    path = write_interlaced(tmp_path / 'v.mkv', count=2)
    assert upscale(path, tmp_path / 'a') == 0
    assert said() == [f'{path} is interlaced: it is deinterlaced']
    assert upscale(path, tmp_path / 'b', '--no-deinterlace') == 0
    assert said() == [f'{path} is interlaced: it is not deinterlaced']


def test_many_videos(small, tmp_path, said, capfd):
    """A damaged one does not prevent the others from being upscaled, once."""
    folder = tmp_path / 'in'
    folder.mkdir()
    for name in ('a', 'c'):
        make_video(folder / f'{name}.mkv', moving(2))
    (folder / 'b.mkv').write_text('no video')
    assert upscale(folder, tmp_path / 'out') == 1
    assert sorted(os.listdir(tmp_path / 'out')) == ['a.mkv', 'c.mkv']
    [sentence] = said()
    assert sentence.startswith(f'{folder}/b.mkv: not a video')
    before = (tmp_path / 'out' / 'a.mkv').stat().st_mtime_ns
    (folder / 'b.mkv').write_bytes(Path(small).read_bytes())
    assert upscale(folder, tmp_path / 'out') == 0
    assert '2 of 3 videos are in' in capfd.readouterr().out
    assert sorted(os.listdir(tmp_path / 'out')) == ['a.mkv', 'b.mkv', 'c.mkv']
    assert (tmp_path / 'out' / 'a.mkv').stat().st_mtime_ns == before


def test_the_frames_are_those_that_are_scored(finished_run, tiny_vid3oc,
                                              tmp_path):
    """PSNR of the PNGs equals that of tools/test.py, with clip ends."""
    checkpoint = finished_run / 'iter_4.pth'
    val = Path(tiny_vid3oc, 'val')
    assert evaluate(tiny_vid3oc, tmp_path, checkpoint) == 0
    assert upscale(
        val / 'LRx16',
        tmp_path / 'out',
        '--checkpoint',
        checkpoint,
        '--cfg-options',
        *TINY,
        config=CONFIG) == 0
    for video, values in results(tmp_path)['videos'].items():
        scores = [
            psnr(*(read_image(str(folder / video / path.name))
                   for folder in (tmp_path / 'out', val / 'HR')))
            for path in (val / 'HR' / video).iterdir()
        ]
        assert len(scores) == 3
        assert np.mean(scores) == pytest.approx(values['PSNR'], abs=1e-4)


def test_not_enough_memory(small, tmp_path, said, monkeypatch):
    from dksan_mm.models import BicubicNet

    def fail(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(BicubicNet, 'forward', fail)
    assert upscale(small, tmp_path / 'big.mp4') == 1
    assert said() == [
        f'{small}: not enough memory; use smaller tiles (--tile)'
    ]
    assert os.listdir(tmp_path) == ['small.mkv']


def test_processes_share_the_videos(tmp_path, monkeypatch):
    folder = tmp_path / 'in'
    folder.mkdir()
    for name in 'abc':
        make_video(folder / f'{name}.mkv', moving(2))
    done = []
    for rank in range(2):
        monkeypatch.setenv('RANK', str(rank))
        monkeypatch.setenv('WORLD_SIZE', '2')
        tool = load_tool('super_resolve')
        args = tool.parse_args([
            str(folder),
            str(tmp_path / 'out'), '--config', BICUBIC, '--overwrite'
        ])
        done += [Path(job.target).name for job in plan_jobs(args).jobs]
        assert tool.process(args) == 0
    assert sorted(done) == ['a.mkv', 'b.mkv', 'c.mkv']
    assert sorted(os.listdir(tmp_path / 'out')) == sorted(done)


def test_torchrun_waits_for_all_and_reports_each_bad_file_once(tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()
    for name in 'abc':
        (folder / f'{name}.mkv').write_text('no video')
    run = subprocess.run([
        sys.executable, '-m', 'torch.distributed.run', '--standalone',
        '--nproc_per_node', '2',
        str(ROOT / 'tools' / 'super_resolve.py'),
        str(folder),
        str(tmp_path / 'out'), '--config', BICUBIC
    ],
                         capture_output=True,
                         text=True,
                         timeout=120)
    assert run.returncode == 1
    for name in 'abc':
        assert run.stderr.count(f'{name}.mkv: not a video') == 1


def test_ctrl_c(small, tmp_path, said):
    path = make_video(tmp_path / 'v.mkv', moving(2000))
    part = tmp_path / 'big.part.mp4'

    def press():
        while not list(tmp_path.glob('.big.mp4.*')):
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    assert upscale(path, tmp_path / 'big.mp4') == 130
    thread.join()
    [sentence] = said()
    frames = len(read_video(part))
    assert sentence == f'stopped; the {frames} frames done so far: {part}'
    assert 0 < frames < 2000 and not (tmp_path / 'big.mp4').exists()


def test_the_released_weights_are_the_default(small, tmp_path, capsys):
    assert upscale(small, tmp_path / 'a.mp4', config=None) == 0
    assert 'weights/dksan-s_vid3oc_x16.pth' in capsys.readouterr().out


def test_without_weights_it_says_how_to_get_some(small, tmp_path, said):
    other = str(ROOT / 'configs' / 'dksan_vid3oc_x16.py')
    options = ['--cfg-options', *TINY, 'model.generator.reduction=4']
    assert upscale(small, tmp_path / 'a.mp4', *options, config=other) == 2
    assert 'configs/dksan_vid3oc_x16.py: pass your own' in said()[0]


def test_checkpoints_that_are_refused(small, tmp_path, said):
    torch.save(dict(state_dict=np.zeros(3)), tmp_path / 'array.pth')
    torch.save(dict(a=torch.zeros(2)), tmp_path / 'other.pth')
    torch.save({1: torch.zeros(2)}, tmp_path / 'numbers.pth')
    for name, match in [('none.pth', 'there is no checkpoint file'),
                        ('numbers.pth', 'contains no state dict'),
                        ('array.pth', 'contains no state dict'),
                        ('other.pth', 'is a checkpoint of another model')]:
        assert upscale(small, tmp_path / 'a.mp4', '--checkpoint',
                       tmp_path / name) == 2
        [sentence] = said()
        assert name in sentence and match in sentence
    assert not (tmp_path / 'a.mp4').exists()


@pytest.mark.parametrize('options, match', [
    (['--tile', '0'], "'auto', 'none' or a number of pixels, got '0'"),
    (['--tile', 'all'], "got 'all'"),
    (['--fps', '0'], "at most 1000, got '0'"),
    (['--fps', '25/0'], "got '25/0'"),
    (['--crf', '52'], '--crf'),
    (['--dtype', 'int8'], '--dtype'),
    (['--detail', '1.5'], "from 0 to 1, got '1.5'"),
    (['--detail', '0.5'], '--detail needs --model dksan-s-gan'),
])
def test_wrong_arguments_are_refused(options, match, capsys):
    assert upscale('a', 'b', *options) == 2
    assert match in capsys.readouterr().err


def test_a_device_that_is_not_there(small, tmp_path, said):
    if torch.cuda.is_available():
        pytest.skip('it is there')
    assert upscale(small, tmp_path / 'a.mp4', '--device', 'cuda') == 2
    assert said()[0].startswith('--device cuda')

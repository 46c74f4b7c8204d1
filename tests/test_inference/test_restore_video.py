# Copyright (c) DKSAN-MM contributors.
import errno
import os
import resource
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.child_functions import upscaling_memory
from helpers.data_fixtures import SAMPLE, write_frames
from helpers.video_files import make_video, moving, read_packets, read_video

from dksan_mm.analysis.peak_memory import in_new_process
from dksan_mm.apis import init_model, restore_frames, restore_video
from dksan_mm.io.images import read_image


def pngs(folder):
    return [
        read_image(str(path))[..., ::-1]
        for path in sorted(Path(folder).iterdir())
    ]


@pytest.mark.parametrize('count', [1, 3, 7, 30])
def test_the_frames_are_those_of_restore_frames(bicubic, tmp_path, count):
    images = moving(count, (11, 19))
    path = make_video(tmp_path / 'v.mkv', images)
    report = restore_video(bicubic, path, tmp_path / 'out')
    assert (report.num_frames, report.complaints) == (count, [])
    np.testing.assert_array_equal(
        pngs(tmp_path / 'out'), list(restore_frames(bicubic, images)))


def test_a_network_too(tiny_checkpoint, tmp_path):
    model = init_model(*tiny_checkpoint)
    folder = write_frames(tmp_path / 'in', [i[..., ::-1] for i in moving(4)])
    restore_video(model, folder, tmp_path / 'out')
    np.testing.assert_array_equal(
        pngs(tmp_path / 'out'), list(restore_frames(model, moving(4))))


def test_frames_that_are_too_large_are_refused_before_any_is_made(
        bicubic, tmp_path, monkeypatch):
    path = make_video(tmp_path / 'v.mkv', moving(2, (2, 1026)))
    monkeypatch.setattr(bicubic.generator, 'forward', pytest.fail)
    with pytest.raises(ValueError, match='the frames are 16416x32'):
        restore_video(bicubic, path, tmp_path / 'big.mp4')
    assert os.listdir(tmp_path) == ['v.mkv']


def test_a_video_has_the_source_s_times_and_sound(bicubic, tmp_path):
    times = [0, 20, 100, 300, 340]
    path = make_video(
        tmp_path / 'v.mkv', moving(5), pts=times, audio='pcm_s16le')
    seen = []
    report = restore_video(
        bicubic,
        path,
        tmp_path / 'big.mkv',
        progress=lambda *x: seen.append(x))
    frames = read_video(report.path)
    assert [round(1000 * time) for time, _ in frames] == times
    assert {image.shape for _, image in frames} == {(192, 320, 3)}
    assert read_packets(report.path) == read_packets(path)
    assert [done for done, _ in seen] == [1, 2, 3, 4, 5]


def test_scenes_are_restored_apart(tiny_checkpoint, tmp_path):
    """Two joined clips give the frames of the separate clips."""
    model = init_model(*tiny_checkpoint)
    scenes = []
    for name in ('dashcam-highway', 'puppy-grass'):
        frames = read_video(SAMPLE / 'val' / f'{name}.mp4')[:5]
        scenes.append([
            cv2.resize(image, (20, 12), interpolation=cv2.INTER_AREA)
            for _, image in frames
        ])
    path = make_video(tmp_path / 'v.mkv', scenes[0] + scenes[1])
    alone = [f for scene in scenes for f in restore_frames(model, scene)]
    restore_video(model, path, tmp_path / 'cut')
    np.testing.assert_array_equal(pngs(tmp_path / 'cut'), alone)
    restore_video(model, path, tmp_path / 'uncut', cuts=False)
    differ = [(a != b).any() for a, b in zip(pngs(tmp_path / 'uncut'), alone)]
    assert differ == [False] * 2 + [True] * 6 + [False] * 2


def test_a_broken_tail_is_written_and_said(bicubic, tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(40, (24, 32)))
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:len(content) // 2])
    report = restore_video(bicubic, path, tmp_path / 'big.mp4')
    assert 10 < len(read_video(report.path)) == report.num_frames < 40
    assert any('cut short' in text for text in report.complaints)


@pytest.mark.parametrize('target', ['big.mp4', 'big'])
def test_nothing_is_left_of_a_source_without_frames(bicubic, tmp_path, target):
    (tmp_path /
     'v.y4m').write_bytes(b'YUV4MPEG2 W20 H12 F25:1 Ip A1:1 C420jpeg\n')
    with pytest.raises(ValueError, match='no frame in the video'):
        restore_video(bicubic, tmp_path / 'v.y4m', tmp_path / target)
    assert os.listdir(tmp_path) == ['v.y4m']


@pytest.mark.parametrize('target', ['big.mp4', 'big.mkv', 'big'])
def test_no_space_left(bicubic, tmp_path, target):
    path = make_video(tmp_path / 'v.mkv', moving(50, (24, 32)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            restore_video(bicubic, path, tmp_path / target, crf=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert Path(caught.value.filename).is_relative_to(tmp_path)
    assert os.listdir(tmp_path) == ['v.mkv']


def test_an_error_of_the_source_names_the_source(bicubic, tmp_path,
                                                 monkeypatch):
    """This includes errors before the first frame of the target."""
    path = make_video(tmp_path / 'v.mkv', moving(2))

    def fail(*_):
        raise OSError(errno.EIO, 'Input/output error', path)

    monkeypatch.setattr('dksan_mm.inference.video_copy._copy', fail)
    with pytest.raises(OSError) as caught:
        restore_video(bicubic, path, tmp_path / 'big')
    assert caught.value.filename == path
    assert os.listdir(tmp_path) == ['v.mkv']


def test_a_source_that_is_removed_while_it_is_read(bicubic, tmp_path):
    """The open file is read to its end; its tags are read again."""
    path = make_video(tmp_path / 'v.mkv', moving(12), audio='pcm_s16le')
    report = restore_video(
        bicubic,
        path,
        tmp_path / 'big.mkv',
        progress=lambda done, _: done == 8 and os.remove(path))
    assert report.num_frames == len(read_video(tmp_path / 'big.mkv')) == 12
    assert any('not be checked that all sound' in note
               for note in report.notes)


@pytest.mark.parametrize('target, said',
                         [('big.mp4', 'the unfinished file has been removed'),
                          ('big', 'No such file or directory')])
def test_a_target_s_folder_that_is_removed(bicubic, tmp_path, target, said):
    """It is noticed at the next frame, not at the end."""
    path = make_video(tmp_path / 'v.mkv', moving(60))
    (tmp_path / 'out').mkdir()
    seen = []

    def remove(done, _):
        seen.append(done)
        while done == 8 and (tmp_path / 'out').exists():
            shutil.rmtree(tmp_path / 'out', ignore_errors=True)

    with pytest.raises(FileNotFoundError) as caught:
        restore_video(
            bicubic, path, tmp_path / 'out' / target, progress=remove)
    assert caught.value.strerror == said
    assert caught.value.filename == str(tmp_path / 'out' / target)
    assert len(seen) < 30
    assert os.listdir(tmp_path) == ['v.mkv']


def test_frames_that_are_written_survive_a_full_disk(bicubic, tmp_path):
    flat = [np.full((24, 32, 3), 90, np.uint8)] * 6
    path = make_video(tmp_path / 'v.mkv', flat + moving(20, (24, 32)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(
                OSError,
                match='the 6 frames done so far: .*big.part') as caught:
            restore_video(bicubic, path, tmp_path / 'big')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(tmp_path / 'big')
    assert sorted(os.listdir(tmp_path)) == ['big.part', 'v.mkv']
    kept = pngs(tmp_path / 'big.part')
    assert len(kept) == 6
    assert all(np.ptp(image) <= 2 for image in kept)


@pytest.mark.parametrize('target, part', [('big.mp4', 'big.part.mp4'),
                                          ('big', 'big.part')])
def test_ctrl_c_leaves_what_is_done(bicubic, tmp_path, target, part):
    path = make_video(tmp_path / 'v.mkv', moving(30), audio='aac')

    def interrupt(done, _):
        if done == 8:
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(
            KeyboardInterrupt, match=f'8 frames done so far: .*{part}'):
        restore_video(bicubic, path, tmp_path / target, progress=interrupt)
    assert threading.active_count() == threads
    assert sorted(os.listdir(tmp_path)) == [part, 'v.mkv']
    frames = pngs(tmp_path /
                  part) if part == 'big.part' else read_video(tmp_path / part)
    assert len(frames) == 8
    restore_video(bicubic, path, tmp_path / target)  # the part is the user's
    assert sorted(os.listdir(tmp_path)) == sorted([part, target, 'v.mkv'])


def test_the_input_is_not_replaced(bicubic, tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(1))
    with pytest.raises(ValueError, match='would replace the input'):
        restore_video(bicubic, path, path, overwrite=True)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_frames(tmp_path):
    """250 more upscaled frames are 46 MB, 250 more small ones 0.2 MB.

    In a new process: the memory that other tests freed would hide a part.
    """
    few, many = (
        make_video(tmp_path / f'{n}.mkv', moving(n)) for n in (50, 300))
    target = tmp_path / 'big.mp4'
    _, *least, most = in_new_process(upscaling_memory, target, few, few, few,
                                     many)
    assert most < min(least) + 20e6
    assert len(read_video(target)) == 300

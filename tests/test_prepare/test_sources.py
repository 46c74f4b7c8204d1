# Copyright (c) DKSAN-MM contributors.
"""Finding clips, reading them to the end, and error messages."""
import struct
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.data_fixtures import SAMPLE, write_frames
from helpers.video_files import H264, LOSSLESS, make_video, moving

from dksan_mm.prepare.layouts import Source
from dksan_mm.prepare.sources import Clip, count_frames, iter_frames, summarize

DASHCAM = SAMPLE / 'val' / 'dashcam-highway.mp4'
MPEG4 = dict(codec='mpeg4', pix_fmt='yuv420p')
IMAGE = np.zeros((20, 24, 3), np.uint8)


def images(count, size=(20, 24)):
    return list(np.random.randint(0, 256, (count, *size, 3), dtype=np.uint8))


def write_video(path, frames, codec='ffv1', pix_fmt='bgr0'):
    """Write a video; losslessly coded by default."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for frame in frames:
            frame = av.VideoFrame.from_ndarray(frame, format='bgr24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def find_clips(source, splits, scale, **kwargs):
    return Source(source, scale, **kwargs).select(splits)


def read(path):
    return [(n, load()) for n, load in iter_frames(Clip('c', 'train', path))]


def found(source, splits=()):
    return [(c.split, c.name, str(Path(c.path).relative_to(source)), c.has_hr)
            for c in find_clips(str(source), splits, 16)]


def test_videos_and_frame_folders_side_by_side(tmp_path):
    write_frames(tmp_path / 'b.1', [IMAGE])
    for name in ('a.mp4', 'ç d.MOV', 'notes.txt', '.hidden.mp4'):
        (tmp_path / name).write_bytes(b'')
    assert found(tmp_path) == [('train', 'a', 'a.mp4', True),
                               ('train', 'b.1', 'b.1', True),
                               ('train', 'ç d', 'ç d.MOV', True)]
    assert [c[0] for c in found(tmp_path, ['val'])] == ['val'] * 3


def test_split_folders_with_and_without_hr(tmp_path):
    write_frames(tmp_path / 'train' / 'HR' / '000', [IMAGE])
    write_frames(tmp_path / 'train' / 'LRx16' / '000', [IMAGE])
    (tmp_path / 'val').mkdir()
    (tmp_path / 'val' / 'x.mkv').write_bytes(b'')
    write_frames(tmp_path / 'test' / 'LR' / '066', [IMAGE])
    train, val, test = (('train', '000', 'train/HR/000',
                         True), ('val', 'x', 'val/x.mkv', True),
                        ('test', '066', 'test/LR/066', False))
    assert found(tmp_path) == [train, val, test]
    assert found(tmp_path, ['test', 'val']) == [val, test]


def test_one_folder_of_frames_or_one_video_is_one_clip(tmp_path):
    folder = write_frames(tmp_path / 'my clip', [IMAGE])
    assert found(folder) == [('train', 'my clip', '.', True)]
    clips = find_clips(str(DASHCAM), ['test'], 16)
    assert clips == [Clip('dashcam-highway', 'test', str(DASHCAM))]


def test_what_cannot_be_found_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere: no such'):
        find_clips(str(tmp_path / 'nowhere'), [], 16)
    with pytest.raises(ValueError, match='no video file and no folder'):
        find_clips(str(tmp_path), [], 16)
    (tmp_path / 'a.mp4').write_bytes(b'')
    with pytest.raises(ValueError, match='one split.*not train, val'):
        find_clips(str(tmp_path), ['train', 'val'], 16)
    (tmp_path / 'a.mkv').write_bytes(b'')
    with pytest.raises(ValueError, match='a.mp4: .*same clip name as .*a.mkv'):
        find_clips(str(tmp_path), [], 16)
    (tmp_path / 'val').mkdir()
    with pytest.raises(FileNotFoundError, match='train: no such folder'):
        find_clips(str(tmp_path), ['train'], 16)


@pytest.mark.parametrize('name', ['a\tb', 'a\nb.mp4'])
def test_names_that_no_list_can_hold_are_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match='unprintable'):
        find_clips(str(tmp_path), [], 16)


@pytest.mark.parametrize('template, first', [('%03d.png', 7),
                                             ('050_%08d.png', 0),
                                             ('f %d.png', 9)])
def test_frames_keep_their_numbers(tmp_path, template, first):
    frames = images(3)
    folder = write_frames(tmp_path / 'c', frames, template, first)
    out = read(str(folder))
    assert [n for n, _ in out] == [first, first + 1, first + 2]
    np.testing.assert_array_equal([img for _, img in out], frames)


@pytest.mark.parametrize('suffix, codec', [('mkv', 'ffv1'), ('avi', 'ffv1'),
                                           ('mov', 'png')])
def test_video_frames_are_exact(tmp_path, suffix, codec):
    frames = images(5)
    path = write_video(tmp_path / f'v.{suffix}', frames, codec,
                       'bgr0' if codec == 'ffv1' else 'rgb24')
    out = read(path)
    assert [n for n, _ in out] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal([img for _, img in out], frames)


@pytest.mark.parametrize('suffix, codec', [('mp4', 'mpeg4'), ('webm', 'vp9'),
                                           ('y4m', 'wrapped_avframe')])
def test_other_kinds_of_video_are_read_to_the_end(tmp_path, suffix, codec):
    frames = images(5, (32, 48))
    if suffix == 'y4m':
        codec = 'rawvideo'
    path = write_video(tmp_path / f'v.{suffix}', frames, codec, 'yuv420p')
    out = read(path)
    assert len(out) == 5 and out[0][1].shape == (32, 48, 3)


def test_frames_are_counted_without_decoding(tmp_path):
    assert count_frames(Clip('c', 'val', str(DASHCAM))) == 38
    folder = write_frames(tmp_path / 'c', images(3))
    assert count_frames(Clip('c', 'val', str(folder))) == 3
    (tmp_path / 'a.mp4').write_bytes(b'')
    assert count_frames(Clip('c', 'val', str(tmp_path / 'a.mp4'))) == 0


@pytest.mark.parametrize('matrix, turns', [
    ((0, 1, 0, -1, 0, 0, 0, 0), -1),
    ((0, -1, 0, 1, 0, 0, 0, 0), 1),
    ((-1, 0, 0, 0, -1, 0, 0, 0), 2),
])
def test_display_rotation_is_applied(tmp_path, matrix, turns):
    content = bytearray(DASHCAM.read_bytes())
    start = content.find(b'tkhd') + 44  # version 0: the matrix lies there
    fixed = [value << 16 for value in matrix] + [1 << 30]
    content[start:start + 36] = struct.pack('>9i', *fixed)
    path = tmp_path / 'turned.mp4'
    path.write_bytes(content)
    (_, plain), (_, turned) = (
        next(iter_frames(Clip('c', 'val', str(p)))) for p in (DASHCAM, path))
    np.testing.assert_array_equal(turned(), np.rot90(plain(), turns))


def halve(content):
    return content[:len(content) // 2]


def blank(content):
    middle = len(content) // 2
    return content[:middle] + bytes(20000) + content[middle + 20000:]


@pytest.mark.parametrize('damage, match', [
    (lambda content: b'', 'empty file'),
    (lambda content: b'no pictures' * 50, 'not a video'),
    (halve, 'without its index'),
    (blank, 'frame [0-9]+ is damaged'),
])
def test_damaged_videos_are_named(tmp_path, damage, match):
    path = tmp_path / 'bad one.mp4'
    path.write_bytes(damage(DASHCAM.read_bytes()))
    with pytest.raises(ValueError, match=f'bad one.mp4: .*({match})'):
        read(str(path))


@pytest.mark.parametrize('audio', [None, 'aac'])
@pytest.mark.parametrize('suffix, settings, reason', [
    ('mkv', LOSSLESS, 'cut short, .* of 2.[012]. s'),
    ('mkv', H264, 'cut short, .* of 2.[012]. s'),
    ('avi', MPEG4, 'cut short, .* of 2.[01]. s|frame [0-9]+ is damaged'),
])
def test_a_video_that_was_cut_short_is_named(tmp_path, suffix, settings,
                                             reason, audio):
    # Most decode without an error up to where they were cut.
    whole = Path(
        make_video(
            tmp_path / f'v.{suffix}',
            moving(50, (64, 64)),
            audio=audio,
            **settings))
    assert len(read(str(whole))) == 50
    path = tmp_path / f'cut.{suffix}'
    content = whole.read_bytes()
    path.write_bytes(content[:len(content) * 4 // 5])
    with pytest.raises(ValueError, match=f'cut.{suffix}: ({reason})'):
        read(str(path))


@pytest.mark.parametrize('suffix', ['mkv', 'mp4', 'mov'])
@pytest.mark.parametrize('count, rate', [(1, 25), (1, 5), (2, 25), (3, 1)])
def test_a_short_video_with_longer_sound_is_whole(tmp_path, suffix, count,
                                                  rate):
    path = make_video(
        tmp_path / f'v.{suffix}',
        moving(count),
        rate=rate,
        audio='aac',
        sound_seconds=2 + count / rate,
        **H264)
    assert len(read(path)) == count


def test_a_y4m_that_ends_within_a_frame_is_named(tmp_path):
    frames = images(5, (32, 48))
    path = Path(write_video(tmp_path / 'v.y4m', frames, 'rawvideo', 'yuv420p'))
    path.write_bytes(path.read_bytes()[:-2000])  # a frame has 2304
    with pytest.raises(ValueError, match='v.y4m: cut short.* after frame 3'):
        read(str(path))


def test_sound_without_pictures_is_named(tmp_path):
    path = tmp_path / 'sound.mkv'
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, 8000, 0, 'NONE', ''))
        file.writeframes(bytes(8000))
    with pytest.raises(ValueError, match='sound.mkv: no video stream'):
        read(str(path))


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match='no image in this folder'):
        read(str(tmp_path))


def test_preparing_needs_neither_torch_nor_mmagic():
    code = ('import sys; import dksan_mm.prepare.writer, '
            'dksan_mm.prepare.verify, dksan_mm.prepare.parallel; '
            'print([m for m in ("torch", "mmagic", "mmcv", "mmengine") '
            'if m in sys.modules])')
    root = Path(__file__).parents[2]
    out = subprocess.run([sys.executable, '-c', code],
                         capture_output=True,
                         text=True,
                         cwd=root,
                         check=True)
    assert out.stdout.strip() == '[]'


def test_clips_are_counted_by_split():
    lr = Clip('a', 'train', 'lr/a')
    clips = [
        Clip('a', 'train', 'hr/a', lr=lr),
        Clip('b', 'train', 'hr/b'),
        Clip('c', 'test', 'lr/c', has_hr=False)
    ]
    assert summarize(clips) == '2 train (1 with LR), 1 test (1 LR only)'

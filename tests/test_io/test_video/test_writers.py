# Copyright (c) DKSAN-MM contributors.
import errno
import os
import os.path as osp
from fractions import Fraction

import av
import numpy as np
import pytest
from helpers.video_files import (H264, make_video, moving, read_packets,
                                 read_video)

from dksan_mm.io.images import read_image
from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.targets import check_target
from dksan_mm.io.video.writers import open_writer


def copy(source, target, *, times=2, whole=True, **kwargs):
    """Write a source's frames, pixels repeated; return the writer."""
    source = open_source(source)
    writer = open_writer(target, source, **kwargs)
    for frame in source:
        image = frame.image.repeat(times, 0).repeat(times, 1)
        writer.write(image, frame.pts, frame.duration)
    writer.close(whole=whole)
    return writer


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.mov'])
def test_times_of_frames_are_kept(tmp_path, suffix):
    times = [0, 40, 130, 140, 1000, 1010]
    path = make_video(tmp_path / 'v.mkv', moving(6), pts=times)
    copy(path, tmp_path / f'big{suffix}')
    frames = read_video(tmp_path / f'big{suffix}')
    assert [round(time * 1000) for time, _ in frames] == times


def test_pixels_and_what_a_player_needs_to_know(tmp_path):
    images = moving(4)
    path = make_video(tmp_path / 'v.mkv', images)
    copy(path, tmp_path / 'big.mp4', times=16, crf=0)
    frames = read_video(tmp_path / 'big.mp4')
    for (_, found), image in zip(frames, images, strict=True):
        expected = image.repeat(16, 0).repeat(16, 1)
        inner = (slice(4, -4, 16), slice(4, -4, 16))  # colours are halved
        error = expected[inner].astype(int) - found[inner]
        assert np.abs(error).max() <= 4
    with av.open(str(tmp_path / 'big.mp4')) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert stream.average_rate == 25
        frame = next(container.decode(stream))
        assert frame.format.name == 'yuv420p'
        assert [frame.colorspace, frame.color_range] == [1, 1]  # BT.709


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.mov'])
def test_the_shape_of_pixels_is_kept(tmp_path, suffix):
    path = make_video(
        tmp_path / 'v.mp4', moving(2), aspect=Fraction(8, 9), **H264)
    copy(path, tmp_path / f'big{suffix}', times=16)
    source = open_source(tmp_path / f'big{suffix}')
    assert source.sample_aspect == Fraction(8, 9)


@pytest.mark.parametrize('sound, suffix', [('aac', '.mp4'), ('aac', '.mkv'),
                                           ('pcm_s16le', '.mkv'),
                                           ('libopus', '.mp4')])
def test_sound_is_copied(tmp_path, sound, suffix):
    path = make_video(tmp_path / 'v.mkv', moving(25), audio=sound)
    writer = copy(path, tmp_path / f'big{suffix}')
    found, expected = read_packets(tmp_path /
                                   f'big{suffix}'), read_packets(path)
    assert [packet[:2] for packet in found] == [p[:2] for p in expected]
    np.testing.assert_allclose([p[2] for p in found], [p[2] for p in expected],
                               atol=1e-3)
    assert len(expected) > 5 and writer.notes == []


def test_sound_that_the_container_cannot_hold(tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(5), audio='flac')
    writer = copy(path, tmp_path / 'big.mov')
    assert len(read_video(tmp_path / 'big.mov')) == 5
    [note] = writer.notes
    assert note == (f'{path}: flac sound (track 1) is left out, a .mov file '
                    'cannot hold it; name the output .mkv to keep it')


@pytest.mark.parametrize('target', ['big.mp4', 'big', 'big.png'])
def test_the_target_appears_when_it_is_finished(tmp_path, target):
    path = make_video(tmp_path / 'v.mkv', moving(1))
    source, target = open_source(path), tmp_path / target
    writer = open_writer(target, source)
    for frame in source:
        writer.write(frame.image, frame.pts, frame.duration)
    assert not target.exists()
    writer.close(whole=True)
    assert {p.name for p in tmp_path.iterdir()} == {'v.mkv', target.name}


def test_an_unfinished_video_plays_under_its_other_name(tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(5), audio='aac')
    copy(path, tmp_path / 'big.mp4', whole=False)
    assert len(read_video(tmp_path / 'big.part.mp4')) == 5
    assert sorted(os.listdir(tmp_path)) == ['big.part.mp4', 'v.mkv']


def test_a_folder_of_frames(tmp_path):
    images = moving(3)
    path = make_video(tmp_path / 'v.mkv', images)
    check_target(tmp_path / 'big')
    writer = copy(path, tmp_path / 'big')
    assert writer.num_frames == 3
    names = sorted(p.name for p in (tmp_path / 'big').iterdir())
    assert names == ['000000.png', '000001.png', '000002.png']
    for name, image in zip(names, images):
        found = read_image(str(tmp_path / 'big' / name))[::2, ::2, ::-1]
        np.testing.assert_array_equal(found, image)
    check_target(tmp_path / 'big', overwrite=True)
    copy(
        make_video(tmp_path / 'w.mkv', images[:1]),
        tmp_path / 'big',
        overwrite=True)
    assert len(list((tmp_path / 'big').iterdir())) == 1


def test_one_image_holds_one_frame(tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(2))
    with pytest.raises(ValueError, match='v.mkv has more frames'):
        copy(path, tmp_path / 'big.png')


def test_sides_that_h264_does_not_have(tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(1, (16, 1040)))
    with pytest.raises(ValueError, match='16640x256; .* name a folder'):
        copy(path, tmp_path / 'big.mp4', times=16)


@pytest.mark.parametrize('overwrite', [False, True])
@pytest.mark.parametrize('name', ['big.mp4', 'big'])
def test_frames_are_kept_when_they_cannot_be_moved(tmp_path, monkeypatch, name,
                                                   overwrite):
    path = make_video(tmp_path / 'v.mkv', moving(1))
    target = tmp_path / name
    if name == 'big':
        target.mkdir()
    elif overwrite:
        target.write_text('old')

    def failing(function):

        def move(old, new, **kwargs):
            if 'big' in (osp.basename(old)[:3], osp.basename(new)[:3]):
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            function(old, new, **kwargs)

        return move

    before = target.read_text() if target.is_file() else None
    for name_of in ('link', 'replace', 'rename'):
        monkeypatch.setattr(os, name_of, failing(getattr(os, name_of)))
    with pytest.raises(
            OSError, match='Device or resource busy.*frames are '
            'in ') as error:
        copy(path, target, overwrite=overwrite)
    [kept] = tmp_path.glob('.big*')
    assert str(error.value).endswith(str(kept))
    if name == 'big':
        assert [p.name for p in kept.iterdir()] == ['000000.png']
        assert target.is_dir()
    else:
        assert len(read_video(kept)) == 1
        assert (target.read_text() if before else None) == before


def test_h264_sources_with_their_reordered_frames(tmp_path):
    path = make_video(tmp_path / 'v.mp4', moving(30, (16, 32)), **H264)
    copy(path, tmp_path / 'big.mp4')
    assert [t for t, _ in read_video(tmp_path / 'big.mp4')
            ] == [t for t, _ in read_video(path)]

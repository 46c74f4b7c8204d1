# Copyright (c) DKSAN-MM contributors.
from fractions import Fraction

import av
import numpy as np
import pytest
from helpers.films import upscale
from helpers.video_files import (H264, make_video, moving, read_packets,
                                 read_video)

from dksan_mm.io.images import read_image
from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.targets import check_target


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.mov'])
def test_times_of_frames_are_kept(tmp_path, suffix):
    times = [0, 40, 130, 140, 1000, 1010]
    path = make_video(tmp_path / 'v.mkv', moving(6), pts=times)
    upscale(path, tmp_path / f'big{suffix}')
    frames = read_video(tmp_path / f'big{suffix}')
    assert [round(time * 1000) for time, _ in frames] == times


def test_pixels_and_what_a_player_needs_to_know(tmp_path):
    images = moving(4)
    path = make_video(tmp_path / 'v.mkv', images)
    upscale(path, tmp_path / 'big.mp4', times=16, crf=0)
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
    upscale(path, tmp_path / f'big{suffix}', times=16)
    source = open_source(tmp_path / f'big{suffix}')
    assert source.sample_aspect == Fraction(8, 9)


@pytest.mark.parametrize('sound, suffix', [('aac', '.mp4'), ('aac', '.mkv'),
                                           ('pcm_s16le', '.mkv'),
                                           ('libopus', '.mp4')])
def test_sound_is_copied(tmp_path, sound, suffix):
    path = make_video(tmp_path / 'v.mkv', moving(25), audio=sound)
    _, writer = upscale(path, tmp_path / f'big{suffix}')
    found, expected = read_packets(tmp_path /
                                   f'big{suffix}'), read_packets(path)
    assert [packet[:2] for packet in found] == [p[:2] for p in expected]
    np.testing.assert_allclose([p[2] for p in found], [p[2] for p in expected],
                               atol=1e-3)
    assert len(expected) > 5 and writer.notes == []


@pytest.mark.parametrize('sound, suffix, reason', [
    ('flac', '.mov',
     'a .mov file cannot hold it; name the output .mkv to keep it'),
    ('pcm_mulaw', '.mp4',
     'a .mp4 file cannot hold it; name the output .mov to keep it'),
    ('adpcm_ms', '.mp4', 'it cannot be copied to a .mp4, .mkv or .mov file'),
    ('adpcm_ms', '.mkv', 'it cannot be copied to a .mp4, .mkv or .mov file'),
])
def test_sound_that_the_container_cannot_hold(tmp_path, sound, suffix, reason):
    kind = '.mkv' if sound == 'flac' else '.avi'
    path = make_video(
        tmp_path / f'v{kind}',
        moving(5),
        audio=sound,
        codec='mpeg4',
        pix_fmt='yuv420p')
    _, writer = upscale(path, tmp_path / f'big{suffix}')
    assert len(read_video(tmp_path / f'big{suffix}')) == 5
    [note] = writer.notes
    assert note == f'{path}: {sound} sound (track 1) is left out, {reason}'


def test_sound_that_would_not_play_beside_another_video(tmp_path):
    """The length of TTA is taken from the duration of the whole file."""
    path = make_video(tmp_path / 'v.mkv', moving(50), audio='tta')
    _, writer = upscale(path, tmp_path / 'big.mkv')
    [note] = writer.notes
    assert note == (f'{path}: tta sound (track 1) is left out, it cannot be '
                    'copied to a .mp4, .mkv or .mov file')
    with av.open(str(tmp_path / 'big.mkv')) as container:
        assert len(container.streams) == 1


def test_a_folder_of_frames(tmp_path):
    images = moving(3)
    path = make_video(tmp_path / 'v.mkv', images)
    check_target(tmp_path / 'big')
    _, writer = upscale(path, tmp_path / 'big')
    assert writer.num_frames == 3
    names = sorted(p.name for p in (tmp_path / 'big').iterdir())
    assert names == ['000000.png', '000001.png', '000002.png']
    for name, image in zip(names, images):
        found = read_image(str(tmp_path / 'big' / name))[::2, ::2, ::-1]
        np.testing.assert_array_equal(found, image)
    check_target(tmp_path / 'big', overwrite=True)
    upscale(
        make_video(tmp_path / 'w.mkv', images[:1]),
        tmp_path / 'big',
        overwrite=True)
    assert len(list((tmp_path / 'big').iterdir())) == 1


def test_one_image_holds_one_frame(tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(2))
    with pytest.raises(ValueError, match='v.mkv has more frames'):
        upscale(path, tmp_path / 'big.png')


def test_sides_that_h264_does_not_have(tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(1, (16, 1040)))
    with pytest.raises(ValueError, match='16640x256; .* name a folder'):
        upscale(path, tmp_path / 'big.mp4', times=16)


def test_h264_sources_with_their_reordered_frames(tmp_path):
    path = make_video(tmp_path / 'v.mp4', moving(30, (16, 32)), **H264)
    upscale(path, tmp_path / 'big.mp4')
    assert [t for t, _ in read_video(tmp_path / 'big.mp4')
            ] == [t for t, _ in read_video(path)]

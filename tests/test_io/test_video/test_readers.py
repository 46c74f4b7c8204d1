# Copyright (c) DKSAN-MM contributors.
import errno
import os
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from helpers.video_files import H264, LOSSLESS, make_video, moving

from dksan_mm.io.video.readers import open_source


def images_of(source):
    return [frame.image for frame in source]


def write_images(folder, images, names):
    folder.mkdir(exist_ok=True)
    for name, image in zip(names, images):
        assert cv2.imwrite(str(folder / name), image[..., ::-1])
    return folder


def test_a_video_gives_its_frames_and_times(tmp_path):
    images, times = moving(5), [0, 40, 130, 140, 1000]
    path = make_video(tmp_path / 'v.mkv', images, pts=times, **LOSSLESS)
    source = open_source(path)
    frames = list(source)
    np.testing.assert_array_equal([f.image for f in frames], images)
    assert [f.pts * source.time_base * 1000 for f in frames] == times
    assert source.complaints == [] and source.tracks == path


def test_a_given_rate_replaces_the_times(tmp_path):
    path = make_video(
        tmp_path / 'v.mkv', moving(3), pts=[0, 5, 900], audio='aac')
    source = open_source(path, Fraction(30000, 1001))
    times = [f.pts * source.time_base for f in source]
    assert times == [0, Fraction(1001, 30000), Fraction(2002, 30000)]
    assert source.rate == Fraction(30000, 1001) and not source.keeps_time


def test_a_video_without_times(tmp_path):
    """Raw H.264 has no times; they follow from the rate."""
    path = make_video(tmp_path / 'v.h264', moving(4), rate=50, **H264)
    source = open_source(path)
    times = [f.pts * source.time_base for f in source]
    assert len(times) == 4
    assert {b - a for a, b in zip(times, times[1:])} == {1 / source.rate}


def test_rotation_and_pixel_shape(tmp_path):
    path = make_video(
        tmp_path / 'v.mp4',
        moving(2),
        rotation=90,
        aspect=Fraction(4, 3),
        **H264)
    source = open_source(path)
    [upright, _] = images_of(source)
    assert upright.shape == (20, 12, 3)
    assert source.sample_aspect == Fraction(3, 4)
    with av.open(path) as container:
        plain = next(container.decode(video=0))
    expected = np.rot90(plain.to_ndarray(format='rgb24'), plain.rotation // 90)
    np.testing.assert_array_equal(upright, expected)


def test_folders_patterns_and_single_images(tmp_path):
    images = moving(12)
    names = [f'img{n}.png' for n in range(12)]  # 10 after 9
    folder = write_images(tmp_path / 'in', images, names)
    (folder / 'notes.txt').touch()
    for path in (folder, f'{folder}/*.png', f'{folder}/img*'):
        source = open_source(path)
        np.testing.assert_array_equal(images_of(source), images)
        assert (source.num_frames, source.rate) == (12, 25)
    [image] = images_of(open_source(folder / 'img3.png'))
    np.testing.assert_array_equal(image, images[3])


def test_a_photograph_is_turned_upright(tmp_path):
    from PIL import Image
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise
    image = moving(1, (24, 40))[0]
    Image.fromarray(image).save(
        tmp_path / 'a.jpg', exif=exif, quality=100, subsampling=0)
    [found] = images_of(open_source(tmp_path / 'a.jpg'))
    error = np.rot90(image, -1).astype(int) - found
    assert np.abs(error).mean() < 4


def test_another_size_ends_the_frames(tmp_path):
    folder = write_images(tmp_path / 'in',
                          moving(2) + moving(1, (14, 20)),
                          ['0.png', '1.png', '2.png'])
    source = open_source(folder)
    assert len(images_of(source)) == 2
    [complaint] = source.complaints
    assert 'frame 2 is 20x14, the frames before it are 20x12' in complaint


def test_a_video_that_changes_its_size(tmp_path):
    small, large = (make_video(tmp_path / f'{n}.h264', moving(6, size), **H264)
                    for n, size in enumerate([(16, 32), (32, 48)]))
    both = tmp_path / 'both.h264'
    both.write_bytes(open(small, 'rb').read() + open(large, 'rb').read())
    source = open_source(both)
    assert len(images_of(source)) == 6
    assert 'is 48x32, the frames before it are 32x16' in source.complaints[0]


def test_a_video_that_was_cut_short(tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(40, (48, 64)), **LOSSLESS)
    content = open(path, 'rb').read()
    cut = tmp_path / 'cut.mkv'
    cut.write_bytes(content[:len(content) * 6 // 10])
    source = open_source(cut)
    assert 20 < len(images_of(source)) < 30
    assert any('cut short' in text for text in source.complaints)


def test_damage_in_the_middle_is_passed_over(tmp_path):
    path = make_video(tmp_path / 'v.mkv', moving(40, (48, 64)), **LOSSLESS)
    content = bytearray(open(path, 'rb').read())
    middle = len(content) // 2
    content[middle:middle + 900] = np.random.default_rng(0).bytes(900)
    (tmp_path / 'bad.mkv').write_bytes(content)
    source = open_source(tmp_path / 'bad.mkv')
    assert 30 < len(images_of(source)) < 41
    assert source.complaints


@pytest.mark.parametrize('content, match', [
    (b'', 'empty file'),
    (b'no video at all' * 99, 'not a video'),
])
def test_what_is_no_video(tmp_path, content, match):
    path = tmp_path / 'v.mp4'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f'v.mp4: {match}'):
        open_source(path)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / 'a.mka'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=8000)
        frame = av.AudioFrame(format='s16', layout='mono', samples=800)
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(ValueError, match='a.mka: no video stream'):
        open_source(path)


def test_a_video_without_frames(tmp_path):
    path = tmp_path / 'v.y4m'
    path.write_bytes(b'YUV4MPEG2 W20 H12 F25:1 Ip A1:1 C420jpeg\n')
    with pytest.raises(ValueError, match='v.y4m: no frame'):
        list(open_source(path))


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='no file or folder'):
        open_source(tmp_path / 'nothing.mp4')
    with pytest.raises(FileNotFoundError) as caught:
        open_source(tmp_path / 'f%03d.png')
    assert str(caught.value) == (
        f'there is no file or folder {tmp_path}/f%03d.png; write a '
        f'pattern of frames as {tmp_path}/f*.png')
    with pytest.raises(ValueError, match='no image and no video'):
        open_source(tmp_path)
    (tmp_path / 'a.txt').touch()
    with pytest.raises(ValueError, match='a.txt is neither'):
        open_source(tmp_path / '*.txt')
    (tmp_path / 'a.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match='a.png: not a readable image'):
        list(open_source(tmp_path / 'a.png'))


def test_a_video_with_longer_sound_that_was_cut_short(tmp_path):
    """Its frames may end before its sound."""
    path = make_video(
        tmp_path / 'v.mkv', moving(40, (48, 64)), audio='pcm_s16le')
    source = open_source(path)
    assert len(images_of(source)) == 40 and source.complaints == []
    content = open(path, 'rb').read()
    (tmp_path / 'cut.mkv').write_bytes(content[:len(content) // 2])
    source = open_source(tmp_path / 'cut.mkv')
    assert 10 < len(images_of(source)) < 30
    assert 'cut short' in source.complaints[-1]


@pytest.mark.parametrize('suffix', ['.mkv', '.mp4', '.mov'])
@pytest.mark.parametrize('count, rate', [(1, 25), (3, 1), (8, 24)])
def test_whole_files_are_not_called_cut_short(tmp_path, suffix, count, rate):
    """The length of the last packet may be unknown."""
    path = make_video(
        tmp_path / f'v{suffix}', moving(count), rate=rate, audio='aac', **H264)
    source = open_source(path)
    assert len(images_of(source)) == count and source.complaints == []


def test_a_y4m_file_that_was_cut_short(tmp_path):
    path = make_video(
        tmp_path / 'v.y4m',
        moving(4, (12, 20)),
        codec='wrapped_avframe',
        pix_fmt='yuv444p')
    source = open_source(path)
    assert len(images_of(source)) == 4 and source.complaints == []
    content = open(path, 'rb').read()
    (tmp_path / 'cut.y4m').write_bytes(content[:-100])
    source = open_source(tmp_path / 'cut.y4m')
    assert len(images_of(source)) == 3
    assert 'cut short' in source.complaints[0]


def test_what_cannot_be_reached_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / 'dead.mp4').symlink_to('gone.mp4')
    with pytest.raises(ValueError, match='is a link to gone.mp4, which does'):
        open_source(tmp_path / 'dead.mp4')
    (tmp_path / 'loop.mp4').symlink_to('loop.mp4')
    with pytest.raises(OSError, match='loop.mp4') as caught:
        open_source(tmp_path / 'loop.mp4')
    assert caught.value.errno == errno.ELOOP

    def refuse(path):  # the superuser, who may run the tests, reads all
        raise PermissionError(errno.EACCES, 'Permission denied', path)

    for name in ('a.mp4', '*.mp4'):
        path = str(tmp_path / 'private' / name)
        with monkeypatch.context() as patch:
            patch.setattr(os, 'stat', refuse)
            with pytest.raises(PermissionError) as caught:
                open_source(path)
        assert caught.value.filename == path


def test_frames_before_one_that_is_gone_are_taken(tmp_path):
    folder = write_images(tmp_path / 'in', moving(3),
                          ['0.png', '1.png', '2.png'])
    source = open_source(folder)
    (folder / '2.png').unlink()  # or its drive, or the network
    np.testing.assert_array_equal(images_of(source), moving(2))
    assert source.complaints == [f'{folder}/2.png: No such file or directory']
    (folder / '0.png').unlink()
    with pytest.raises(FileNotFoundError):
        images_of(source)

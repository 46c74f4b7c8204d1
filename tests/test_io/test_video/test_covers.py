# Copyright (c) DKSAN-MM contributors.
"""Cover images."""

import av
import pytest
from av.stream import Disposition
from helpers.films import make_rich, seconds_of, upscale
from helpers.video_files import H264, make_video, moving
from PIL import Image

from dksan_mm.io.video.covers import can_hold, read_covers


def make_with_cover(path, image, tmp_path):
    """Make an MP4 video with a cover image."""
    video = make_video(tmp_path / 'v.mp4', moving(5, (16, 32)), **H264)
    with av.open(video) as first, av.open(f'file:{image}') as second, \
            av.open(str(path), 'w') as target:
        copy = target.add_stream_from_template(first.streams[0])
        cover = target.add_stream_from_template(second.streams[0], opaque=True)
        cover.disposition = Disposition.attached_pic
        for source, stream in ((second, cover), (first, copy)):
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
    return str(path)


def covers_of(path):
    with av.open(str(path)) as container:
        streams = [
            stream for stream in container.streams.video
            if stream.disposition & Disposition.attached_pic
        ]
        return [bytes(next(container.demux(stream))) for stream in streams]


@pytest.mark.parametrize('kind', ['png', 'jpg'])
@pytest.mark.parametrize('suffix', ['.mp4', '.m4v', '.mkv'])
def test_covers_are_kept(tmp_path, suffix, kind):
    image = tmp_path / f'cover.{kind}'
    Image.fromarray(moving(1, (40, 40))[0]).save(image)
    path = make_with_cover(tmp_path / 'film.mp4', image, tmp_path)
    source, writer = upscale(path, tmp_path / f'big{suffix}')
    assert source.complaints == source.notes + writer.notes == []
    assert covers_of(tmp_path / f'big{suffix}') == [image.read_bytes()]
    _, writer = upscale(tmp_path / f'big{suffix}', tmp_path / 'again.mp4')
    assert writer.notes == []
    assert covers_of(tmp_path / 'again.mp4') == [image.read_bytes()]
    assert len(seconds_of(tmp_path / 'again.mp4')) == 5


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_beside_a_cover_the_tags_of_sound_are_not_called_lost(
        tmp_path, suffix):
    image = tmp_path / 'cover.png'
    Image.fromarray(moving(1, (40, 40))[0]).save(image)
    path = tmp_path / 'film.mkv'
    with av.open(make_rich(tmp_path / 'rich.mkv', tmp_path)) as source, \
            av.open(str(path), 'w') as target:
        copies = [target.add_stream_from_template(s) for s in source.streams]
        for stream, copy in zip(source.streams, copies):
            copy.metadata.update(stream.metadata)
            copy.disposition = stream.disposition
        target.add_attachment('cover.png', 'image/png', image.read_bytes())
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    _, writer = upscale(path, tmp_path / f'big{suffix}')
    assert writer.notes == []
    with av.open(str(tmp_path / f'big{suffix}')) as container:
        assert [s.metadata['language']
                for s in container.streams.audio] == ['eng', 'fra']
    assert covers_of(tmp_path / f'big{suffix}') == [image.read_bytes()]


def test_covers_that_cannot_be_copied_are_named(tmp_path):
    """QuickTime supports none, and no container supports GIF."""
    image = tmp_path / 'cover.png'
    Image.fromarray(moving(1, (40, 40))[0]).save(image)
    path = make_with_cover(tmp_path / 'film.mp4', image, tmp_path)
    _, writer = upscale(path, tmp_path / 'big.mov')
    assert writer.notes == [f'{path}: a cover image is left out']
    Image.open(image).save(tmp_path / 'cover.gif')
    path = tmp_path / 'film.mkv'
    with av.open(str(tmp_path / 'v.mp4')) as source, \
            av.open(str(path), 'w') as target:
        copy = target.add_stream_from_template(source.streams[0])
        target.add_attachment('cover.gif', 'image/gif',
                              (tmp_path / 'cover.gif').read_bytes())
        for packet in source.demux():
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    _, writer = upscale(path, tmp_path / 'big.mp4')
    assert writer.notes == [f'{path}: a cover image is left out']


@pytest.mark.parametrize('kind, codec', [('png', 'png'), ('jpg', 'mjpeg')])
def test_covers_are_read_as_they_are(tmp_path, kind, codec):
    image = tmp_path / f'cover.{kind}'
    Image.fromarray(moving(1, (40, 40))[0]).save(image)
    path = make_with_cover(tmp_path / 'film.mp4', image, tmp_path)
    [cover] = read_covers(path)
    with av.open(path) as container:
        stream = container.streams[cover.index]
        assert stream.disposition & Disposition.attached_pic
    assert (cover.codec, cover.content) == (codec, image.read_bytes())


def test_a_video_without_covers(tmp_path):
    assert read_covers(make_video(tmp_path / 'v.mkv', moving(2))) == []


@pytest.mark.parametrize('suffix, can', [('mp4', True), ('mkv', True),
                                         ('mov', False), ('avi', False)])
def test_containers_with_a_place_for_covers(tmp_path, suffix, can):
    target = av.open(str(tmp_path / f'v.{suffix}'), 'w')
    assert can_hold(target) == can

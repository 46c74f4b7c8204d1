# Copyright (c) DKSAN-MM contributors.
"""Tracks of a video that are copied, and notes on the others."""
from pathlib import Path

import av
import pytest
from av.stream import Disposition
from helpers.films import SUBTITLES, join, make_sound, seconds_of, upscale
from helpers.video_files import H264, make_video, moving, read_packets

from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.writers import open_writer


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_sound_of_an_unknown_codec_costs_itself_alone(tmp_path, suffix):
    video = make_video(tmp_path / 'v.mkv', moving(25, (16, 32)), **H264)
    sounds = [make_sound(tmp_path / f'{n}.mka', frequency=n) for n in (9, 17)]
    path = join(
        tmp_path / 'phone.mov', [video, *sounds],
        tags=[({}, Disposition.default), ({}, Disposition.default),
              ({}, Disposition(0))])
    content = Path(path).read_bytes()
    place = content.rindex(b'stsd')  # of the last track
    Path(path).write_bytes(
        content[:place] +
        content[place:].replace(b'mp4a', b'xapc').replace(b'esds', b'xsds'))
    source, writer = upscale(path, tmp_path / f'big{suffix}')
    assert source.complaints == []
    [note] = writer.notes
    assert note == (f'{path}: sound (track 2) is left out, its codec xapc is '
                    'not known')
    assert len(seconds_of(tmp_path / f'big{suffix}')) == 25
    with av.open(str(tmp_path / f'big{suffix}')) as container:
        assert len(container.streams.audio) == 1
    found = [packet[1] for packet in read_packets(tmp_path / f'big{suffix}')]
    with av.open(str(sounds[0])) as container:
        assert found == [bytes(p) for p in container.demux() if p.size]


def test_a_pause_is_kept(tmp_path):
    """The container does not allow recordings to be joined."""
    times = [0, 40, 80, 30_000, 30_040]
    path = make_video(tmp_path / 'v.mkv', moving(5), pts=times)
    upscale(path, tmp_path / 'big.mp4')
    assert [round(1000 * t) for t in seconds_of(tmp_path / 'big.mp4')] == times


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.mov'])
def test_the_last_frame_lasts_as_long(tmp_path, suffix):
    path = make_video(tmp_path / 'v.mkv', moving(3), pts=[0, 40, 80])
    source = open_source(path)
    writer = open_writer(tmp_path / f'big{suffix}', source)
    for frame in source:
        lasts = 1920 if frame.pts == 80 else 40
        writer.write(frame.image.repeat(2, 0).repeat(2, 1), frame.pts, lasts)
    writer.close(whole=True)
    with av.open(str(tmp_path / f'big{suffix}')) as container:
        assert abs(container.duration / av.time_base - 2) < 2e-3
    assert seconds_of(tmp_path / f'big{suffix}') == [0, .04, .08]


def test_a_rotation_is_not_kept_twice(tmp_path):
    path = make_video(tmp_path / 'v.mp4', moving(2), rotation=90, **H264)
    upscale(path, tmp_path / 'big.mp4')
    with av.open(str(tmp_path / 'big.mp4')) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (24, 40, 0)


def test_other_streams_are_named(tmp_path):
    (tmp_path / 's.srt').write_text(SUBTITLES)
    small, large = (make_video(tmp_path / f'{n}.mkv', moving(5, size), **H264)
                    for n, size in enumerate([(16, 32), (32, 48)]))
    path = join(
        tmp_path / 'two.mkv', [small, large],
        tags=[({}, Disposition(0)), ({}, Disposition.default)])
    source, writer = upscale(path, tmp_path / 'big.mkv')
    assert writer.notes == [f'{path}: 1 more video track is left out']


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_attached_files(tmp_path, suffix):
    """Such as fonts of subtitles."""
    video = make_video(tmp_path / 'v.mkv', moving(5, (16, 32)), **H264)
    path = tmp_path / 'film.mkv'
    with av.open(video) as source, av.open(str(path), 'w') as target:
        copy = target.add_stream_from_template(source.streams[0])
        target.add_attachment('Serif.ttf', 'font/ttf', b'letters')
        for packet in source.demux():
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    _, writer = upscale(path, tmp_path / f'big{suffix}')
    if suffix == '.mp4':
        assert writer.notes == [f'{path}: 1 attached file is left out']
        return
    assert writer.notes == []
    with av.open(str(tmp_path / 'big.mkv')) as container:
        [_, file] = container.streams
        assert (file.name, file.mimetype,
                bytes(file.data)) == ('Serif.ttf', 'font/ttf', b'letters')


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_tracks_without_packets(tmp_path, suffix):
    """MP4 files drop them; tags of others are not taken for theirs."""
    video = make_video(tmp_path / 'v.mkv', moving(25, (16, 32)), **H264)
    sound = make_sound(tmp_path / 's.mka')
    path = tmp_path / 'film.mkv'
    with av.open(video) as first, av.open(str(sound)) as second, \
            av.open(str(path), 'w') as target:
        copies = [
            target.add_stream_from_template(source.streams[0])
            for source in (first, second, second)
        ]
        copies[2].metadata.update(language='fra', title='Second')
        for source, copy in ((first, copies[0]), (second, copies[2])):
            for packet in source.demux():
                if packet.size:
                    packet.stream = copy
                    target.mux(packet)
    _, writer = upscale(path, tmp_path / f'big{suffix}')
    assert writer.notes == [
        f'{path}: aac sound (track 1) is left out, there is nothing in it'
    ] * (
        suffix == '.mp4')
    with av.open(str(tmp_path / f'big{suffix}')) as container:
        assert container.streams.audio[-1].metadata['language'] == 'fra'

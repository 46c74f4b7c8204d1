# Copyright (c) DKSAN-MM contributors.
"""Files with several video streams, unknown ones, or none."""
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from helpers.video_files import H264, LOSSLESS, make_video, moving

from dksan_mm.io.video.decoder import Decoder
from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.streams import has_mp4_index, open_video
from dksan_mm.prepare.sources import Clip, count_frames, iter_frames


def add_sound(container, codec):
    stream = container.add_stream(codec, rate=8000)
    frame = av.AudioFrame.from_ndarray(
        np.zeros((1, 2304), np.int16), format='s16', layout='mono')
    frame.sample_rate, frame.time_base = 8000, Fraction(1, 8000)
    frame.pts = 0
    resampler = av.AudioResampler(stream.codec_context.format, 'mono', 8000,
                                  stream.codec_context.frame_size or None)
    return stream, [frame], resampler


def write_streams(path, streams, audio=None):
    """Write one-grey videos from (grey, size, codec, disposition)."""
    with av.open(str(path), 'w') as container:
        made = []
        for grey, (width, height), codec, disposition in streams:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height = width, height
            stream.pix_fmt = 'rgb24' if codec == 'png' else 'yuv420p'
            stream.disposition = disposition
            made.append((stream, np.full((height, width, 3), grey, np.uint8)))
        sound = add_sound(container, audio) if audio else None
        for stream, image in made:
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            is_cover = stream.disposition & Disposition.attached_pic
            for _ in range(1 if is_cover else 3):
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if sound:
            stream, frames, resampler = sound
            for frame in frames + [None]:
                for part in resampler.resample(frame):
                    container.mux(stream.encode(part))
            container.mux(stream.encode())
    return str(path)


def replace(path, old, new):
    content = Path(path).read_bytes()
    assert old in content and len(old) == len(new)
    Path(path).write_bytes(content.replace(old, new))


def greys(path):
    """Return the grey of each frame; both tools use the same."""
    upscaled = [frame.image.mean().round() for frame in open_source(path)]
    prepared = [
        load().mean().round() for _, load in iter_frames(Clip('c', '', path))
    ]
    assert upscaled == prepared
    assert len(prepared) == count_frames(Clip('c', '', path))
    return upscaled


SMALL, LARGE = (64, 48), (128, 96)
DEFAULT, NONE = Disposition.default, Disposition(0)


@pytest.mark.parametrize('streams, grey', [
    ([(90, SMALL, 'mpeg4', NONE), (180, LARGE, 'mpeg4', NONE)], 180),
    ([(90, LARGE, 'mpeg4', NONE), (180, SMALL, 'mpeg4', NONE)], 90),
    ([(90, LARGE, 'mpeg4', NONE), (180, SMALL, 'mpeg4', DEFAULT)], 180),
    ([(90, SMALL, 'mpeg4', DEFAULT), (180, SMALL, 'mpeg4', DEFAULT)], 90),
])
def test_the_stream_that_players_show(tmp_path, streams, grey):
    assert greys(write_streams(tmp_path / 'v.mkv', streams)) == [grey] * 3


def test_a_cover_is_no_video(tmp_path):
    """It comes first and is larger."""
    path = write_streams(tmp_path / 'v.mp4',
                         [(90, LARGE, 'png', Disposition.attached_pic),
                          (180, SMALL, 'mpeg4', DEFAULT)])
    with av.open(path) as container:
        assert len(container.streams.video) == 2
    assert greys(path) == [180] * 3


@pytest.mark.parametrize('name, audio', [('a.mp4', 'aac'), ('a.m4a', 'aac'),
                                         ('a.mp3', 'mp3')])
def test_sound_with_a_cover_is_no_video(tmp_path, name, audio):
    made = tmp_path / name.replace('m4a', 'mp4')
    write_streams(
        made, [(90, SMALL, 'png', Disposition.attached_pic)], audio=audio)
    path = str(made.rename(tmp_path / name))
    for function in (open_source, greys, Decoder):
        with pytest.raises(
                ValueError,
                match=f'{name}: no video stream, only a cover image'):
            function(path)


def test_sound_alone(tmp_path):
    path = write_streams(tmp_path / 'a.mp4', [], audio='aac')
    with pytest.raises(ValueError, match='no video stream, only sound'):
        open_source(path)


@pytest.mark.parametrize('name, settings, old, new, said', [
    ('v.mp4', H264, b'avc1', b'xyzw', 'codec xyzw is unknown'),
    ('v.mov', H264, b'avc1', b'Q7v0', 'codec Q7v0 is unknown'),
    ('v.avi', dict(codec='mpeg4',
                   pix_fmt='yuv420p'), b'FMP4', b'QQ99', 'codec QQ99 is unk'),
    ('v.mkv', H264, b'V_MPEG4/ISO/AVC', b'V_MPEG9/ISO/AVC', 'codec is unk'),
])
def test_an_unknown_codec_is_named(tmp_path, name, settings, old, new, said):
    path = make_video(
        tmp_path / name,
        moving(3, (48, 64)),
        audio='pcm_s16le' if name == 'v.avi' else 'aac',
        **settings)
    replace(path, old, new)
    for function in (open_source, Decoder,
                     lambda p: next(iter_frames(Clip('c', '', p)))):
        with pytest.raises(ValueError, match=f'{name}: its video {said}'):
            function(path)
    assert count_frames(Clip('c', '', path)) == 0


def test_beside_an_unknown_stream_the_known_one_is_taken(tmp_path):
    path = write_streams(tmp_path / 'v.mp4', [(90, LARGE, 'libx264', DEFAULT),
                                              (180, SMALL, 'mpeg4', NONE)])
    replace(path, b'avc1', b'xyzw')
    assert greys(path) == [180] * 3


@pytest.mark.parametrize('content, match', [
    (b'', 'empty file'),
    (b'just a text\n' * 50, 'not a video'),
    (bytes(4000), 'not a video'),
    (b'\x89PNG\r\n\x1a\n' + bytes(100), 'not a video|no frame|no video'),
])
def test_other_files(tmp_path, content, match):
    path = tmp_path / 'v.mp4'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f'v.mp4: ({match})'):
        list(open_source(path))


def test_a_fragment_alone_has_no_index(tmp_path):
    path = tmp_path / 'v.mp4'
    path.write_bytes(b'\0\0\0\x10stypmsdh\0\0\0\0' + bytes(900))
    with pytest.raises(ValueError, match='v.mp4: an MP4 file without'):
        open_source(path)


def test_an_mp4_without_its_index(tmp_path):
    path = Path(make_video(tmp_path / 'v.mp4', moving(9, (48, 64)), **H264))
    content = path.read_bytes()
    assert has_mp4_index(str(path)) is True
    start = content.index(b'moov') - 4
    for end in (start, start + 60):
        path.write_bytes(content[:end])
        assert has_mp4_index(str(path)) is False
        with pytest.raises(
                ValueError, match='v.mp4: an MP4 file without its '
                'index'):
            open_source(path)
    path = make_video(tmp_path / 'v.mkv', moving(2), **LOSSLESS)
    assert has_mp4_index(path) is None


def test_names_are_no_addresses_and_tags_may_be_damaged(tmp_path):
    path = make_video(tmp_path / 'pipe:1, 12:30.mkv', moving(2), **LOSSLESS)
    with av.open(path) as before, av.open(str(tmp_path / 'b.mkv'),
                                          'w') as after:
        after.metadata['title'] = 'caf\u00e9'
        stream = after.add_stream_from_template(before.streams[0])
        for packet in before.demux():
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    replace(tmp_path / 'b.mkv', 'caf\u00e9'.encode(), b'caf\xe9\xff')
    for name in (path, tmp_path / 'b.mkv'):
        assert len(list(open_source(name))) == 2


def test_a_file_cut_short_in_its_header_is_no_error_of_the_disk(tmp_path):
    path = Path(make_video(tmp_path / 'v.mkv', moving(2)))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError) as caught:
        open_video(str(path))
    assert str(caught.value) == f'{path}: not a video (Input/output error)'

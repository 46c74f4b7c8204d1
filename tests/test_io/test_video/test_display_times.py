# Copyright (c) DKSAN-MM contributors.
"""Frames of files without presentation times are evenly spaced from zero."""
import av
import numpy as np
import pytest
from helpers.video_files import moving

from dksan_mm.io.video.readers import open_source

COUNT, RATE = 13, 25
B = 3  # FFmpeg's number of this type of frame


def write(path, codec, options, kind=None):
    """Write a video with B-frames; its file may drop presentation times."""
    images = moving(COUNT, (32, 48))
    with av.open(str(path), 'w', kind) as container:
        stream = container.add_stream(codec, rate=RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = 32, 48, 'yuv420p'
        stream.codec_context.max_b_frames = 2
        for image in images:
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path), images


def read_times(path):
    source = open_source(path)
    frames = list(source)
    assert not source.complaints
    return [frame.pts * source.time_base * RATE for frame in frames], frames


X264, MPEG = dict(crf='1', x264opts='b-adapt=0'), dict(qscale='2')


@pytest.mark.parametrize('name, codec, options, kind', [
    ('v.avi', 'libx264', X264, None),
    ('v.avi', 'mpeg4', MPEG, None),
    ('v.asf', 'libx264', X264, None),
    ('v.mxf', 'libx264', X264, None),
    ('v.mkv', 'libx264', X264, None),
    ('v.m1v', 'mpeg1video', MPEG, 'mpeg1video'),
    ('v.mpv', 'mpeg2video', MPEG, 'mpeg2video'),
])
def test_frames_are_evenly_spaced_from_zero(tmp_path, name, codec, options,
                                            kind):
    path, images = write(tmp_path / name, codec, options, kind)
    with av.open(path) as container:
        assert B in {frame.pict_type for frame in container.decode(video=0)}
    times, frames = read_times(path)
    assert times == list(range(COUNT))
    for number, frame in enumerate(frames):
        gaps = [
            abs(frame.image - image.astype(float)).sum() for image in images
        ]
        assert np.argmin(gaps) == number


def test_a_lost_packet_moves_no_other_frame(tmp_path):
    path, _ = write(tmp_path / 'v.avi', 'mpeg4', MPEG)
    with av.open(path) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    content = bytearray((tmp_path / 'v.avi').read_bytes())
    place, size = places[-2]
    content[place + 8:place + 8 + size] = bytes(size)
    (tmp_path / 'v.avi').write_bytes(content)
    source = open_source(path)
    times = [frame.pts * source.time_base * RATE for frame in source]
    assert source.complaints and len(times) >= COUNT - 2
    assert set(times) <= set(range(COUNT)) and times[:10] == list(range(10))

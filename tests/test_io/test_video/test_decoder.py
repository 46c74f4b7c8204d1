# Copyright (c) DKSAN-MM contributors.
"""Frames of complete files for upscaling and preparation."""

import av
import numpy as np
import pytest
from helpers.color_frames import (centers, encode, make_frame, patches,
                                  write_frames)
from helpers.video_files import H264, make_video, moving, read_video

from dksan_mm.io.video.color import Color
from dksan_mm.io.video.decoder import Decoder
from dksan_mm.io.video.readers import open_source
from dksan_mm.prepare.sources import Clip, iter_frames


def both(path):
    """Return the frames for a tagged target and for pictures."""
    source = open_source(path, keep_color=True)
    kept = [frame.image for frame in source]
    shown = [load()[..., ::-1] for _, load in iter_frames(Clip('c', '', path))]
    return kept, shown, source


def flat(value, matrix, bits=8, count=2, **tags):
    """Return frames of one colour, RGB from 0 to 1."""
    planes = encode(np.array([[value]], float), matrix, False, bits)
    name = 'yuv420p' if bits == 8 else f'yuv420p{bits}le'
    return [
        make_frame(name, planes, 64, colorspace=matrix, color_range=1, **tags)
        for _ in range(count)
    ]


@pytest.mark.parametrize('suffix, codec', [('mkv', 'ffv1'), ('mp4', 'libx264'),
                                           ('mov', 'libx264')])
def test_tags_of_files(tmp_path, suffix, codec):
    """PAL is kept for a video and converted for pictures."""
    rgb = np.array([0.8, 0.2, 0.3])
    path = write_frames(tmp_path / f'v.{suffix}',
                        flat(rgb, 5, color_primaries=5, color_trc=5), codec,
                        dict(qp='0') if codec == 'libx264' else None)
    kept, shown, source = both(path)
    assert source.color == Color(5, 5) and source.notes == []
    assert np.abs(kept[0] - rgb * 255).max() <= 2
    # EBU's primaries to BT.709's, gamma 2.8 to 2.4.
    ebu = np.array([[1.0440, -0.0440, 0], [0, 1, 0], [0, 0.0118, 0.9882]])
    wanted = 255 * (ebu @ (kept[0][0, 0] / 255)**2.8)**(1 / 2.4)
    assert np.abs(shown[0] - wanted).max() <= 1


def test_wide_colours_become_bt709_in_videos_too(tmp_path):
    rgb = np.array([0.5, 0.6, 0.55])
    path = write_frames(tmp_path / 'v.mkv',
                        flat(rgb, 9, 10, color_primaries=9, color_trc=14))
    kept, shown, source = both(path)
    matrix = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083],
                       [-0.0182, -0.1006, 1.1187]])
    wanted = 255 * (matrix @ rgb**2.4)**(1 / 2.4)
    assert np.abs(kept[0] - wanted).max() <= 1
    np.testing.assert_array_equal(kept, shown)
    assert source.color == Color()
    assert source.notes == [
        f'{path} has colours of BT.2020: they are converted to BT.709'
    ]


def with_peak(path, nits, level):
    """Write grey PQ with a content light level, as in HDR10."""
    grey = np.full((1, 1, 3), level)
    planes = encode(grey, 9, False, 10)
    frame = make_frame(
        'yuv420p10le',
        planes,
        64,
        colorspace=9,
        color_primaries=9,
        color_trc=16,
        color_range=1)
    options = {'x265-params': f'log-level=none:max-cll={nits},100:qp=1'}
    return write_frames(path, [frame] * 2, 'libx265', options)


@pytest.mark.parametrize('nits, grey', [(1000, 230), (4000, 210)])
def test_the_peak_that_a_file_states(tmp_path, nits, grey):
    """Diffuse white, 203 cd/m2, is darker below a higher peak."""
    path = with_peak(tmp_path / 'v.mkv', nits, 0.5807)
    kept, shown, source = both(path)
    assert len(kept) == 2
    assert np.abs(kept[0].astype(int) - grey).max() <= 1
    np.testing.assert_array_equal(kept, shown)
    assert source.notes == [
        f'{path} is HDR (PQ): it is tone-mapped to BT.709, from {nits} cd/m2'
    ]


def test_all_frames_get_the_colours_of_the_first(tmp_path):
    """The file is a broadcast of an SD and then an HD programme."""
    parts = []
    for primaries, matrix in ((1, 1), (6, 6)):
        frames = flat([0.2, 0.7, 0.3],
                      matrix,
                      color_primaries=primaries,
                      color_trc=primaries)
        path = write_frames(tmp_path / 'v.h264', frames, 'libx264',
                            dict(qp='0'))
        parts.append(open(path, 'rb').read())
    path = tmp_path / 'both.h264'
    path.write_bytes(b''.join(parts))
    kept, _, source = both(str(path))
    assert len(kept) == 4 and source.color == Color()
    assert np.abs(kept[0] - [51, 178.5, 76.5]).max() <= 2
    smpte_c = np.array([[0.9395, 0.0502, 0.0103], [0.0178, 0.9658, 0.0164],
                        [-0.0016, -0.0044, 1.0060]])
    wanted = 255 * (smpte_c @ np.array([0.2, 0.7, 0.3])**2.4)**(1 / 2.4)
    assert np.abs(kept[3] - wanted).max() <= 2
    assert np.abs(kept[3].astype(int) - kept[0]).max() > 10
    assert len(source.notes) == 1


@pytest.mark.parametrize('name, codec, pix_fmt', [
    ('v.webm', 'libvpx-vp9', 'yuva420p'),
    ('v.webm', 'libvpx', 'yuva420p'),
    ('v.mov', 'prores_ks', 'yuva444p10le'),
    ('v.mov', 'qtrle', 'argb'),
    ('v.mov', 'png', 'rgba'),
    ('v.mkv', 'ffv1', 'bgra'),
])
def test_alpha_of_videos(tmp_path, name, codec, pix_fmt):
    """The left half is half transparent; the encoders lose some precision."""
    image = np.full((64, 64, 4), 200, np.uint8)
    image[..., 3] = 255
    image[:, :32, 3] = 128
    with av.open(str(tmp_path / name), 'w') as container:
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = pix_fmt
        if codec == 'libvpx':
            stream.codec_context.options = {'auto-alt-ref': '0'}
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(image, format='rgba')
            container.mux(stream.encode(frame.reformat(format=pix_fmt)))
        container.mux(stream.encode())
    kept, shown, source = both(str(tmp_path / name))
    assert len(kept) == 3
    assert np.abs(kept[0][:, :28] - 100.4).max() <= 3
    assert np.abs(kept[0][:, 36:].astype(int) - 200).max() <= 3
    np.testing.assert_array_equal(kept, shown)
    assert source.notes == [
        f'{tmp_path / name} has transparent pixels: they are shown over black'
    ]


def test_a_last_frame_that_is_shown_for_long(tmp_path):
    """The file is not truncated."""
    path = make_video(
        tmp_path / 'v.mkv', moving(4), pts=[0, 40, 80, 120], **H264)
    with av.open(path) as before, av.open(str(tmp_path / 'l.mp4'),
                                          'w') as after:
        stream = after.add_stream_from_template(before.streams[0])
        packets = [p for p in before.demux() if p.size]
        packets[-1].duration = 9000
        for packet in packets:
            packet.stream = stream
            after.mux(packet)
    source = open_source(tmp_path / 'l.mp4')
    assert len(list(source)) == 4 and source.complaints == []


def test_the_tools_read_the_same(tmp_path):
    """This includes 10 bits, where plain conversions are off by one or two."""
    path = write_frames(
        tmp_path / 'v.mkv',
        [make_frame('yuv422p10le', encode(patches(), 1, False, 10), 16)] * 2)
    kept, shown, _ = both(path)
    np.testing.assert_array_equal(kept, shown)
    image = centers(kept[0])
    np.testing.assert_array_equal(image[0, -1], [255] * 3)
    np.testing.assert_array_equal(image[0, 0], [0] * 3)


def test_what_a_decoder_knows_beforehand(tmp_path):
    path = make_video(
        tmp_path / 'v.mp4', moving(5, (48, 64)), rate=10, audio='aac', **H264)
    decoder = Decoder(path)
    assert (decoder.rate, decoder.num_frames, decoder.has_tracks) == (10, 5,
                                                                      True)
    times = [picture.pts * decoder.time_base for picture in decoder]
    assert times == [seconds for seconds, _ in read_video(path)]


def test_the_rate_of_raw_dv_files(tmp_path):
    """FFmpeg states 60,000 frames per second."""
    path = make_video(
        tmp_path / 'v.dv',
        moving(3, (576, 720)),
        codec='dvvideo',
        pix_fmt='yuv420p')
    with av.open(path) as container:
        assert container.streams.video[0].average_rate != 25
    decoder = Decoder(path)
    assert (decoder.rate, decoder.num_frames) == (25, 3)


def test_a_matrix_that_is_not_known_names_the_input(tmp_path):
    """ICtCp is used in HDR files without a known base layer."""
    path = write_frames(tmp_path / 'v.mp4', flat([0.5, 0.5, 0.5], 1),
                        'libx264', {'x264-params': 'colormatrix=ictcp'})
    with av.open(path) as container:
        assert next(container.decode(video=0)).colorspace == 14
    for read in (lambda: list(open_source(path)),
                 lambda: next(iter_frames(Clip('c', '', path)))[1]()):
        with pytest.raises(ValueError, match='v.mp4: .*matrix.*ICtCp'):
            read()


def test_a_decoder_that_does_not_open(tmp_path):
    """MOV does not state which planar format its raw frames have."""
    path = write_frames(
        tmp_path / 'v.mov', flat([0.5, 0.5, 0.5], 1), codec='rawvideo')
    with pytest.raises(ValueError, match='v.mov: no frame in the video'):
        list(open_source(path))
    with pytest.raises(ValueError, match='v.mov: cannot be decoded'):
        next(iter_frames(Clip('c', '', path)))

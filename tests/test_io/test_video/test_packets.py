# Copyright (c) DKSAN-MM contributors.
"""Files that were truncated or joined."""

from pathlib import Path

import av
import pytest
from helpers.edit_lists import set_edits
from helpers.films import make_film, seconds_of, to_ts, upscale
from helpers.video_files import H264, LOSSLESS, make_video, moving

from dksan_mm.io.video.packets import Packets
from dksan_mm.io.video.streams import open_container


@pytest.mark.parametrize('suffix, shown', [('.flv', 1), ('.mp4', 1),
                                           ('.mkv', 2)])
def test_recordings_that_players_do_not_show_are_named(tmp_path, suffix,
                                                       shown):
    film = make_film(tmp_path)
    first = to_ts(film, tmp_path / f'a{suffix}').read_bytes()
    path = tmp_path / f'joined{suffix}'
    path.write_bytes(first * 3)
    source, writer = upscale(path, tmp_path / 'big.mp4')
    assert len(seconds_of(tmp_path / 'big.mp4')) == 25 * shown
    assert source.complaints == [] and source.notes + writer.notes == [
        f'{path}: another recording was appended at byte '
        f'{shown * len(first)}, which players do not show: it is left out'
    ]


def read(path):
    """Return frames, None for damaged packets, and the findings."""
    with open_container(path) as container:
        packets, stream = Packets(container), container.streams.video[0]
        frames = list(packets.decode(stream))
        good = [frame for frame in frames if frame is not None]
        packets.check_end(path, stream, good[-1])
        return frames, packets.find_second(path)


@pytest.mark.parametrize('name, settings', [
    ('v.mkv', LOSSLESS),
    ('v.mp4', H264),
    ('v.avi', dict(codec='mjpeg', pix_fmt='yuvj420p')),
    ('v.flv', dict(codec='flv', pix_fmt='yuv420p')),
    ('v.y4m', dict(codec='wrapped_avframe', pix_fmt='yuv420p')),
    ('v.gif', dict(codec='gif', pix_fmt='rgb8')),
    ('v.apng', dict(codec='apng', pix_fmt='rgb24')),
])
def test_whole_files_begin_at_zero(tmp_path, name, settings):
    frames, second = read(make_video(tmp_path / name, moving(5), **settings))
    assert second is None and len(frames) == 5
    times = [float(frame.pts * frame.time_base) for frame in frames]
    assert times == pytest.approx([.04 * n for n in range(5)], abs=2e-3)


@pytest.mark.parametrize('name, settings, share, said', [
    ('v.mkv', LOSSLESS, .6, 'cut short, .* s of 2.00 s'),
    ('v.avi', dict(codec='mjpeg', pix_fmt='yuvj420p'), .6, 'cut short, '),
    ('v.y4m', dict(codec='wrapped_avframe', pix_fmt='yuv420p'), .599,
     'cut short in the frame after frame 28'),
    ('v.gif', dict(codec='gif', pix_fmt='rgb8'), .6, 'cut short'),
    ('v.apng', dict(codec='apng', pix_fmt='rgb24'), .6, 'cut short'),
])
def test_files_that_were_cut_short_are_named(tmp_path, name, settings, share,
                                             said):
    path = make_video(tmp_path / name, moving(50), **settings)
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:round(share * len(content))])
    with pytest.raises(ValueError, match=f'{name}: {said}'):
        read(path)


def test_a_packet_that_cannot_be_decoded_is_none(tmp_path):
    path = make_video(
        tmp_path / 'v.avi', moving(5), codec='mjpeg', pix_fmt='yuvj420p')
    with av.open(path) as container:
        third = [bytes(p) for p in container.demux(0) if p.size][2]
    content = Path(path).read_bytes()
    assert content.count(third) == 1
    Path(path).write_bytes(content.replace(third, bytes(len(third))))
    frames, _ = read(path)
    assert [frame is None
            for frame in frames] == [False, False, True] + [False] * 2


@pytest.mark.parametrize('name, settings', [('v.mkv', LOSSLESS),
                                            ('v.mp4', H264)])
def test_where_another_recording_begins(tmp_path, name, settings):
    path = make_video(tmp_path / name, moving(5), **settings)
    content = Path(path).read_bytes()
    Path(path).write_bytes(2 * content)
    with open_container(path) as container:
        packets = Packets(container)
        count = len(list(packets.decode(container.streams.video[0])))
        # FFmpeg reads on in Matroska, not in MP4.
        assert (count,
                packets.find_second(path)) == ((10,
                                                None) if name == 'v.mkv' else
                                               (5, len(content)))


def test_an_empty_packet_shows_the_frame_before_on(tmp_path):
    """Theora uses it for still content; NUT, used here, has it too."""
    film, path = tmp_path / 'film.nut', tmp_path / 'still.nut'
    make_video(film, moving(6), rate=10, **LOSSLESS)
    with av.open(str(film)) as source, av.open(str(path), 'w') as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is None:
                continue
            if packet.pts // packet.duration in (2, 5):
                empty = av.Packet(0)
                for name in ('pts', 'dts', 'time_base', 'duration'):
                    setattr(empty, name, getattr(packet, name))
                packet = empty
            packet.stream = stream
            target.mux(packet)
    source, _ = upscale(path, tmp_path / 'big.mp4')
    assert source.complaints == []
    assert seconds_of(tmp_path / 'big.mp4') == pytest.approx([0, .1, .3, .4])


def test_edited_files_are_not_called_cut_short(tmp_path):
    """FFmpeg's duration counts a pause before the first frame twice."""
    film = make_film(tmp_path, seconds=2, video='mpeg4')
    with av.open(film) as container:
        base = container.streams.video[0].time_base
    set_edits(film, [[(400, -1), (1000, int(.4 / base))], [(1400, 0)]])
    source, _ = upscale(film, tmp_path / 'big.mp4')
    assert source.complaints == []
    times = seconds_of(tmp_path / 'big.mp4')
    assert times == pytest.approx([.4 + .04 * n for n in range(25)])


def test_an_mp4_file_that_was_cut_short_after_its_index(tmp_path):
    cut = tmp_path / 'cut.mp4'
    options = dict(movflags='faststart')
    with av.open(make_film(tmp_path, video='mpeg4')) as source, \
            av.open(str(cut), 'w', options=options) as target:
        copies = [target.add_stream_from_template(s) for s in source.streams]
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    source, _ = upscale(cut, tmp_path / 'whole.mp4')
    assert source.complaints == []
    content = cut.read_bytes()
    cut.write_bytes(content[:len(content) * 2 // 3])
    source, _ = upscale(cut, tmp_path / 'big.mp4')
    assert 'cut short' in source.complaints[-1]

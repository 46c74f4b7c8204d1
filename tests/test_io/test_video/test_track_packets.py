# Copyright (c) DKSAN-MM contributors.
"""Sound in time with its video: lost packets, jumps and pauses."""
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from helpers.edit_lists import set_edits
from helpers.films import (join, make_film, make_sound, seconds_of, to_ts,
                           upscale)
from helpers.video_files import H264, make_video, moving, read_packets

from dksan_mm.io.video.track_packets import (TrackPackets, read_parts,
                                             try_packets)

HOUR, WRAP = 3600, Fraction(2**33, 90000)
TS_PACKET, SOUND_PID = 188, 0x101


def ts_packets(path):
    content = Path(path).read_bytes()
    return [
        content[place:place + TS_PACKET]
        for place in range(0, len(content), TS_PACKET)
    ]


def is_sound(packet):
    """Return whether a packet continues a piece of sound."""
    return (packet[1] & 0x1f) << 8 | packet[2] == SOUND_PID and not (packet[1]
                                                                     & 0x40)


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.mov'])
@pytest.mark.parametrize('lost', [1, 5])
def test_lost_packets_of_sound(tmp_path, suffix, lost):
    film = make_film(tmp_path, seconds=2)
    packets = ts_packets(to_ts(film, tmp_path / 'v.ts'))
    places = [n for n, packet in enumerate(packets) if is_sound(packet)]
    gone = places[len(places) // 2:][:lost]
    path = tmp_path / 'lost.ts'
    path.write_bytes(b''.join(p for n, p in enumerate(packets)
                              if n not in gone))
    source, writer = upscale(path, tmp_path / f'big{suffix}')
    assert source.complaints == []
    times = seconds_of(tmp_path / f'big{suffix}')
    np.testing.assert_allclose(np.diff(times), [.04] * 49, atol=1.1e-3)
    [note] = writer.notes
    assert 'lost.ts: aac sound (track 1): ' in note
    assert 'damaged packet' in note and 'left out' in note
    whole = {packet[1] for packet in read_packets(film)}
    kept = [p for p in read_packets(tmp_path / f'big{suffix}')]
    assert len({p[1] for p in kept} & whole) >= len(whole) - 4 - 2 * lost
    stamps = [time for _, _, time in kept]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.mov'])
@pytest.mark.parametrize('start', [0, HOUR, WRAP - 2])
def test_transport_streams_start_at_zero(tmp_path, suffix, start):
    """This includes a wrap-around of the 33-bit clock."""
    film = make_film(tmp_path, codec='mp2')
    path = to_ts(film, tmp_path / 'v.ts', start)
    source, writer = upscale(path, tmp_path / f'big{suffix}')
    assert source.complaints == [] and writer.notes == []
    times = seconds_of(tmp_path / f'big{suffix}')
    sound = read_packets(tmp_path / f'big{suffix}')
    expected, heard = seconds_of(film), read_packets(film)
    assert min(times[0], sound[0][2]) == 0
    np.testing.assert_allclose(
        np.subtract(times, sound[0][2]),
        np.subtract(expected, heard[0][2]),
        atol=2e-3)
    assert len(times) == 25
    assert [packet[1] for packet in sound] == [packet[1] for packet in heard]


@pytest.mark.parametrize(
    'starts', [[0, 0], [HOUR, 0], [0, HOUR], [5, 5, 5], [WRAP - 2, WRAP - 2]])
def test_joined_recordings_are_even(tmp_path, starts):
    film = make_film(tmp_path, codec='mp2')
    parts = [
        to_ts(film, tmp_path / f'{n}.ts', start).read_bytes()
        for n, start in enumerate(starts)
    ]
    path = tmp_path / 'joined.ts'
    path.write_bytes(b''.join(parts))
    source, writer = upscale(path, tmp_path / 'big.mp4')
    assert source.complaints == []
    times = seconds_of(tmp_path / 'big.mp4')
    assert len(times) == 25 * len(starts)
    np.testing.assert_allclose(
        np.diff(times), [.04] * (len(times) - 1), atol=1e-3)
    # Each part's sound is as far from its frames as in the source.
    sound = read_packets(tmp_path / 'big.mp4')
    first = sound[0][1]
    places = [time for _, content, time in sound if content == first]
    assert len(places) == len(starts)
    for number, time in enumerate(places):
        assert abs(time - sound[0][2] - number) < .03


@pytest.mark.parametrize('suffix', ['.mkv', '.mpg'])
@pytest.mark.parametrize('starts', [[0, 0], [HOUR, 0], [0, HOUR], [5, 5]])
def test_joined_recordings_of_other_containers(tmp_path, suffix, starts):
    film = make_film(tmp_path, codec='mp2', video='mpeg2video')
    path = tmp_path / f'joined{suffix}'
    path.write_bytes(b''.join(
        to_ts(film, tmp_path / f'{n}{suffix}', start).read_bytes()
        for n, start in enumerate(starts)))
    source, writer = upscale(path, tmp_path / 'big.mp4')
    assert source.complaints == [] and writer.notes == []
    times = seconds_of(tmp_path / 'big.mp4')
    assert len(times) == 25 * len(starts)
    np.testing.assert_allclose(
        np.diff(times), [.04] * (len(times) - 1), atol=2e-3)
    sound = read_packets(tmp_path / 'big.mp4')
    places = [time for _, content, time in sound if content == sound[0][1]]
    assert len(places) == len(starts)
    for number, time in enumerate(places):
        assert abs(time - sound[0][2] - number) < .03


def make_pause(path, film, seconds, *, sound=True):
    """Join a film twice with a pause, with sound in it or not."""
    with av.open(str(film)) as source:
        packets = [
            p for p in source.demux()
            if p.size and (p.pts + p.duration) * p.time_base <= 1
        ]
        with av.open(str(path), 'w') as target:
            copies = [
                target.add_stream_from_template(s) for s in source.streams
            ]
            for turn in range(1 + seconds):
                for packet in packets:
                    index = packet.stream.index
                    if turn % seconds and not (index and sound):
                        continue
                    copy = av.Packet(bytes(packet))
                    copy.time_base = packet.time_base
                    ticks = turn / packet.time_base
                    copy.pts, copy.dts = (
                        round(time + ticks)
                        for time in (packet.pts, packet.dts))
                    copy.duration = packet.duration
                    copy.is_keyframe = packet.is_keyframe
                    copy.stream = copies[index]
                    target.mux(copy)
    return path


@pytest.mark.parametrize('sound, pause', [(True, True), (False, False)])
def test_pauses_with_sound_and_breaks_without(tmp_path, sound, pause):
    """The picture stands still while the sound continues."""
    path = make_pause(tmp_path / 'v.mkv', make_film(tmp_path), 60, sound=sound)
    source, writer = upscale(path, tmp_path / 'big.mkv')
    assert source.complaints == source.notes + writer.notes == []
    steps = np.diff(seconds_of(tmp_path / 'big.mkv'))
    assert len(steps) == 49
    np.testing.assert_allclose(np.delete(steps, 24), .04, atol=2e-3)
    assert abs(steps[24] - (59.04 if pause else .04)) < 2e-3
    heard = read_packets(tmp_path / 'big.mkv')
    places = [time for _, content, time in heard if content == heard[0][1]]
    assert len(places) == (61 if sound else 2)
    assert abs(places[-1] - places[0] - (60 if pause else 1)) < .03


def sound_of(path):
    """Return times and bytes of sound packets, and the number left out."""
    found = read_parts(path)
    with av.open(path) as container:
        packets = TrackPackets(path, container, [1], found)
        return [(float(p.pts * p.time_base), bytes(p))
                for p in packets], packets.left_out


@pytest.mark.parametrize('start', [0, HOUR])
def test_packets_of_sound_begin_with_the_video(tmp_path, start):
    film = make_film(tmp_path, codec='mp2')
    path = str(to_ts(film, tmp_path / 'v.ts', start))
    packets, left = sound_of(path)
    assert [content for _, content in packets
            ] == [content for _, content, _ in read_packets(film)]
    times = [time for time, _ in packets]
    assert abs(times[0]) < .1 and times == sorted(set(times))
    assert times[-1] - times[0] < 1 and left.total() == 0


def test_without_tracks_there_is_nothing_to_read(tmp_path):
    path = make_film(tmp_path)
    with av.open(path) as container:
        assert list(TrackPackets(path, container, [], read_parts(path))) == []


def test_a_video_without_jumps_is_one_part(tmp_path):
    parts, breaks = read_parts(make_film(tmp_path))
    assert len(parts) == 1 and parts[0].begin == 0 and not breaks.total()


@pytest.mark.parametrize('kind, codec, refused', [
    ('mp4', 'aac', {
        1: set()
    }),
    ('matroska', 'aac', {
        1: set()
    }),
    ('webm', 'aac', {}),
    ('mp4', 'pcm_u8', {}),
])
def test_containers_are_tried_before_they_are_written(tmp_path, kind, codec,
                                                      refused):
    video = make_video(tmp_path / 'v.mkv', moving(25, (16, 32)), **H264)
    sound = make_sound(tmp_path / 's.mka', codec)
    path = join(
        tmp_path / 'film.mkv', [video, sound],
        tags=[({}, Disposition.default)] * 2)
    assert try_packets(path, [1], kind, read_parts(path)) == refused


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.mov'])
def test_sound_that_an_edit_list_hides(tmp_path, suffix):
    """Except 100 ms for the decoder; the encoder adds 1024 samples."""
    film = make_film(tmp_path, seconds=2, video='mpeg4')
    everything = read_packets(film)
    with av.open(film) as container:
        base = container.streams.video[0].time_base
    set_edits(film,
              [[(400, int(1.2 / base))], [(400, 1024 + int(1.2 * 48000))]])
    source, writer = upscale(film, tmp_path / f'big{suffix}')
    assert source.complaints + source.notes + writer.notes == []
    times, found = (seconds_of(tmp_path / f'big{suffix}'),
                    read_packets(tmp_path / f'big{suffix}'))
    assert len(times) == 10 and times[0] <= .1
    contents = [packet[1] for packet in everything]
    first = contents.index(found[0][1])
    assert [p[1] for p in found] == contents[first:first + len(found)]
    late = [(a[2] - times[0]) - (b[2] - 1.2)
            for a, b in zip(found, everything[first:])]
    np.testing.assert_allclose(late, 0, atol=2e-3)
    assert 1.1 <= everything[first][2] <= 1.2
    assert 1.55 < everything[first + len(found) - 1][2] < 1.62

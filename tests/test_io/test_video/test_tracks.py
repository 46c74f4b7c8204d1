# Copyright (c) DKSAN-MM contributors.
"""Sound, subtitles, tags, chapters and times of upscaled videos."""
import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from helpers.video_files import (H264, make_video, moving, read_packets,
                                 read_video)
from PIL import Image

from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.writers import open_writer

HOUR, WRAP = 3600, Fraction(2**33, 90000)
TS_PACKET, SOUND_PID = 188, 0x101
SUBTITLES = """1
00:00:00,200 --> 00:00:00,600
Guten Tag

2
00:00:00,700 --> 00:00:00,900
Auf Wiedersehen
"""


def upscale(source, target):
    """Write a source's frames, pixels doubled; both objects, finished."""
    source = open_source(source)
    writer = open_writer(target, source)
    for frame in source:
        image = frame.image.repeat(2, 0).repeat(2, 1)
        writer.write(image, frame.pts, frame.duration)
    writer.close(whole=True)
    return source, writer


def seconds_of(path):
    """Times at which players show frames."""
    return [float(time) for time, _ in read_video(path)]


def join(path, files, *, tags=None, chapters=(), title=None):
    """Copy the first stream of each file to a new one.

    Args:
        path (Path): The new file.
        files (list): Paths.
        tags (list): Of each stream, metadata and disposition.
        chapters (list): Their titles; one a half second.
        title (str): Of the whole.
    """
    with av.open(str(path), 'w') as target:
        opened, copies = [av.open(str(file)) for file in files], []
        for source, (metadata, flags) in zip(opened, tags):
            copies.append(target.add_stream_from_template(source.streams[0]))
            copies[-1].metadata.update(metadata)
            copies[-1].disposition = flags
        if title:
            target.metadata['title'] = title
        if chapters:
            target.set_chapters([
                dict(
                    id=n,
                    start=500 * n,
                    end=500 * n + 500,
                    time_base=Fraction(1, 1000),
                    metadata=dict(title=chapter))
                for n, chapter in enumerate(chapters)
            ])
        for source, copy in zip(opened, copies):
            for packet in source.demux(0):
                if packet.size:
                    packet.stream = copy
                    target.mux(packet)
            source.close()
    return str(path)


def make_sound(path, codec='aac', seconds=1, frequency=10):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=48000)
        resampler = av.AudioResampler(stream.codec_context.format, 'mono',
                                      48000, stream.codec_context.frame_size)
        wave = np.sin(np.arange(48000 * seconds) / frequency)
        frame = av.AudioFrame.from_ndarray(
            (9000 * wave[None]).astype(np.int16), format='s16', layout='mono')
        frame.sample_rate, frame.pts = 48000, 0
        for part in resampler.resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return path


def make_film(folder, *, codec='aac', seconds=1, video=None):
    """A video with sound, as MP4."""
    kind = dict(codec=video, pix_fmt='yuv420p') if video else H264
    video = make_video(folder / 'v.mkv', moving(25 * seconds, (16, 32)),
                       **kind)
    sound = make_sound(folder / 'v.mka', codec, seconds)
    return join(
        folder / 'film.mp4', [video, sound],
        tags=[({}, Disposition.default), ({}, Disposition.default)])


def make_rich(path, tmp_path, chapters=('One', 'Two'), more=()):
    """A video, sound in two languages, chapters; and further files."""
    video = make_video(tmp_path / 'v.mkv', moving(25, (16, 32)), **H264)
    sounds = [
        make_sound(tmp_path / f'{n}.mka', codec, frequency=10 + 5 * n)
        for n, codec in enumerate(['aac', 'ac3'])
    ]
    tags = [({}, Disposition.default),
            (dict(language='eng', title='Comments'), Disposition(0)),
            (dict(language='fra'), Disposition.default)]
    for file in more:
        tags.append((dict(language='ger'), Disposition.forced))
    return join(
        path, [video, *sounds, *more],
        tags=tags,
        chapters=chapters,
        title='My film')


def to_ts(source, target, start=0):
    """Copy the packets to a transport stream, moved by some seconds."""
    with av.open(str(source)) as old, av.open(str(target), 'w') as new:
        copies = [new.add_stream_from_template(s) for s in old.streams]
        for packet in old.demux():
            if packet.size:
                ticks = round(start / packet.time_base)
                packet.pts, packet.dts = (packet.pts + ticks,
                                          packet.dts + ticks)
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    return target


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


@pytest.mark.parametrize('suffix', ['.mkv', '.mp4', '.mov'])
def test_languages_titles_flags_and_chapters(tmp_path, suffix):
    path = make_rich(tmp_path / 'rich.mkv', tmp_path)
    source, writer = upscale(path, tmp_path / f'big{suffix}')
    assert source.complaints == [] and writer.notes == []
    with av.open(str(tmp_path / f'big{suffix}')) as container:
        _, first, second = [s for s in container.streams if s.type != 'data']
        assert [s.codec_context.name
                for s in (first, second)] == ['aac', 'ac3']
        assert [s.metadata['language']
                for s in (first, second)] == ['eng', 'fra']
        name = 'title' if suffix == '.mkv' else 'name'
        assert first.metadata[name] == 'Comments'
        assert [
            bool(s.disposition & Disposition.default) for s in (first, second)
        ] == [False, True]
        assert container.metadata['title'] == 'My film'
        chapters = [(c['metadata']['title'], c['start'] * c['time_base'],
                     c['end'] * c['time_base']) for c in container.chapters()]
    half = Fraction(1, 2)
    assert chapters == [('One', 0, half), ('Two', half, 1)]


def test_a_copy_of_a_copy_is_the_same(tmp_path):
    """Titles of MP4 tracks and the chapters' own track are no loss."""
    path = make_rich(tmp_path / 'rich.mkv', tmp_path)
    upscale(path, tmp_path / 'big.mp4')
    for suffix in ('.mp4', '.mkv'):
        _, writer = upscale(tmp_path / 'big.mp4', tmp_path / f'two{suffix}')
        assert writer.notes == []
        with av.open(str(tmp_path / f'two{suffix}')) as container:
            assert len(container.chapters()) == 2
            title = container.streams[1].metadata
            assert 'Comments' in (title.get('title'), title.get('name'))


def test_subtitles(tmp_path):
    (tmp_path / 's.srt').write_text(SUBTITLES)
    path = make_rich(
        tmp_path / 'rich.mkv', tmp_path, more=[tmp_path / 's.srt'])
    _, writer = upscale(path, tmp_path / 'big.mkv')
    assert writer.notes == []
    with av.open(str(tmp_path / 'big.mkv')) as container:
        [stream] = container.streams.subtitles
        assert stream.metadata['language'] == 'ger'
        assert stream.disposition & Disposition.forced
        packets = [p for p in container.demux(stream) if p.size]
        assert [bytes(p)
                for p in packets] == [b'Guten Tag', b'Auf Wiedersehen']
        times = [float(p.pts * p.time_base) for p in packets]
        lengths = [float(p.duration * p.time_base) for p in packets]
    moved = seconds_of(tmp_path / 'big.mkv')[0]  # the sound begins before
    np.testing.assert_allclose(times, [.2 + moved, .7 + moved], atol=.002)
    np.testing.assert_allclose(lengths, [.4, .2], atol=.002)


def texts_of(path):
    """Seconds and texts of subtitles, in ASS; ends of styles as ``{0}``."""
    texts = []
    with av.open(str(path)) as container:
        [stream] = container.streams.subtitles
        for packet in container.demux(stream):
            found = packet.size and stream.codec_context.decode2(packet)
            for event in found or ():
                text = re.sub(r'{\\(r|[ib]0)}', '{0}', event.dialogue.decode())
                begin = float(packet.pts * packet.time_base)
                end = begin + float(packet.duration * packet.time_base)
                texts.append(
                    (round(begin, 2), round(end, 2), text.removesuffix('{0}')))
    return texts


@pytest.mark.parametrize('suffix', ['.mp4', '.m4v', '.mov'])
def test_subtitles_are_converted_to_those_of_mp4(tmp_path, suffix):
    """And back, with languages, flags and styles."""
    (tmp_path / 's.srt').write_text(
        SUBTITLES.replace('Tag', '<i>Tag</i> ä\nb'))
    path = make_rich(
        tmp_path / 'rich.mkv', tmp_path, more=[tmp_path / 's.srt'])
    expected = [(.2, .6, 'Guten {\\i1}Tag{0} ä\nb'),
                (.7, .9, 'Auf Wiedersehen')]
    assert texts_of(path) == expected
    target = tmp_path / f'big{suffix}'
    _, writer = upscale(path, target)
    assert writer.notes == [
        f'{path}: srt subtitles (track 3, ger) are converted to mov_text'
    ] + [
        f'{path}: flag forced of srt subtitles (track 3, ger) left out, a '
        '.mov file cannot hold it'
    ] * (
        suffix == '.mov')
    moved = seconds_of(target)[0]
    assert len(seconds_of(target)) == 25
    shown = [(begin - moved, end - moved, text)
             for begin, end, text in texts_of(target)]
    _, writer = upscale(target, tmp_path / 'again.mkv')
    assert writer.notes == [
        f'{target}: mov_text subtitles (track 3, ger) are converted to subrip'
    ]
    for found in (shown, texts_of(tmp_path / 'again.mkv')):
        assert [text for *_, text in found] == [t for *_, t in expected]
        np.testing.assert_allclose([times[:2] for times in found],
                                   [times[:2] for times in expected],
                                   atol=.03)
    with av.open(str(tmp_path / 'again.mkv')) as container:
        [stream] = container.streams.subtitles
        assert stream.codec_context.name == 'srt'
        assert stream.metadata['language'] == 'ger'
        forced = bool(stream.disposition & Disposition.forced)
        assert forced == (suffix != '.mov')


ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, Bold
Style: Default,Arial,20,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.10,0:00:00.60,Default,,0,0,0,,{\\b1}One
Dialogue: 0,0:00:00.30,0:00:00.50,Default,,0,0,0,,Two, 2
Dialogue: 0,0:00:00.50,0:00:00.80,Default,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}
Dialogue: 0,0:00:00.60,0:00:00.80,Default,,0,0,0,,Three
"""


def test_subtitles_that_overlap(tmp_path):
    """MP4 shows one text at a time; figures are no texts."""
    (tmp_path / 's.ass').write_text(ASS)
    path = make_rich(
        tmp_path / 'rich.mkv', tmp_path, more=[tmp_path / 's.ass'])
    _, writer = upscale(path, tmp_path / 'big.mp4')
    assert writer.notes == [
        f'{path}: ssa subtitles (track 3, ger) are converted to mov_text'
    ]
    moved = seconds_of(tmp_path / 'big.mp4')[0]
    found = texts_of(tmp_path / 'big.mp4')
    np.testing.assert_allclose(
        [times[:2] for times in found],
        np.array([[.1, .3], [.3, .5], [.5, .6], [.6, .8]]) + moved,
        atol=.011)
    assert [text for *_, text in found
            ] == ['{\\b1}One', '{\\b1}One{0}\nTwo, 2', '{\\b1}One', 'Three']
    _, writer = upscale(path, tmp_path / 'big.mkv')
    assert writer.notes == []  # as they are
    assert len(texts_of(tmp_path / 'big.mkv')) == 4


def test_subtitles_of_a_video_that_begins_before_zero(tmp_path):
    """They are moved as the frames are."""
    (tmp_path / 's.srt').write_text(SUBTITLES)
    video = make_video(tmp_path / 'v.mkv', moving(25, (16, 32)), **H264)
    path = join(tmp_path / 'v.mp4', [video], tags=[({}, Disposition.default)])
    source = open_source(path)
    writer = open_writer(tmp_path / 'big.mp4', source)
    source.tracks = make_rich(
        tmp_path / 'rich.mkv', tmp_path, more=[tmp_path / 's.srt'])
    for frame in source:  # from one second before zero on
        writer.write(
            frame.image.repeat(2, 0).repeat(2, 1),
            frame.pts - round(1 / source.time_base), frame.duration)
    writer.close(whole=True)
    begins = [begin for begin, *_ in texts_of(tmp_path / 'big.mp4')]
    moved = seconds_of(tmp_path / 'rich.mkv')[0]
    np.testing.assert_allclose(begins, [1.2 + moved, 1.7 + moved], atol=.03)


def test_pictures_of_subtitles_are_named(tmp_path):
    video = make_video(tmp_path / 'v.mkv', moving(25, (16, 32)), **H264)
    path = tmp_path / 'disc.mkv'
    with av.open(video) as source, av.open(str(path), 'w') as target:
        copy = target.add_stream_from_template(source.streams[0])
        pictures = target.add_mux_stream('hdmv_pgs_subtitle')
        pictures.metadata['language'] = 'fra'
        for packet in source.demux():
            if packet.size:
                packet.stream = copy
                target.mux(packet)
        packet = av.Packet(b'\x80\0\0')
        packet.stream, packet.time_base = pictures, Fraction(1, 1000)
        packet.pts = packet.dts = 500
        target.mux(packet)
    _, writer = upscale(path, tmp_path / 'big.mp4')
    assert writer.notes == [
        f'{path}: pgssub subtitles (track 1, fra) are left out, a .mp4 file '
        'cannot hold them; name the output .mkv to keep them'
    ]
    _, writer = upscale(path, tmp_path / 'big.mkv')
    assert writer.notes == []


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
    """Also where the clock's 33 bits run over inside."""
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


def make_pause(path, film, seconds, *, sound=True):
    """A film twice, some seconds apart; sound in between or none."""
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


def test_a_pause_is_kept(tmp_path):
    """A recording in a container that cannot be joined by its bytes."""
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


def make_with_cover(path, image, tmp_path):
    """A video with a picture of its album, as MP4."""
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


def test_covers_that_cannot_be_copied_are_named(tmp_path):
    """None to QuickTime, and no GIF."""
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


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_attached_files(tmp_path, suffix):
    """Fonts of subtitles, for instance."""
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
    """MP4 files have none; tags of others are not taken for theirs."""
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

# Copyright (c) DKSAN-MM contributors.
"""Text subtitles in the format that a container supports."""
import re
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from helpers.films import SUBTITLES, join, make_rich, seconds_of, upscale
from helpers.video_files import H264, make_video, moving

from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.subtitles import (FORMS, SubtitleConverter, Text,
                                         can_convert, stack)
from dksan_mm.io.video.writers import open_writer


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
    """Return times and texts in ASS; ends of styles are ``{0}``."""
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
    """MP4 shows one text at a time; drawings are no texts."""
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
    """They are shifted like the frames."""
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


def shown(*texts):
    """Return texts of (start, end, text), one at a time."""
    found = stack([Text(a, b, b'style', text) for a, b, text in texts])
    return [(text.start, text.end, text.text.replace(rb'{\b0\i0\u0}\N',
                                                     b'|').decode())
            for text in found]


@pytest.mark.parametrize(
    'texts, expected',
    [
        ([], []),
        ([(0, 5, b'a'), (5, 9, b'b')], [(0, 5, 'a'), (5, 9, 'b')]),
        ([(0, 5, b'a'), (7, 9, b'b')], [(0, 5, 'a'), (7, 9, 'b')]),
        ([(0, 9, b'a'), (2, 4, b'b')], [(0, 2, 'a'), (2, 4, 'a|b'),
                                        (4, 9, 'a')]),
        ([(0, 5, b'a'), (0, 5, b'b')], [(0, 5, 'a|b')]),
        # Until the next one, or for three seconds.
        ([(0, None, b'a'), (5, None, b'b')], [(0, 5, 'a'), (5, 3005, 'b')]),
        ([(3, 3, b'a')], []),
    ])
def test_texts_are_put_above_one_another(texts, expected):
    assert shown(*texts) == expected


def test_texts_that_a_container_can_hold(tmp_path):
    (tmp_path / 's.srt').write_text(SUBTITLES)
    path = make_rich(
        tmp_path / 'rich.mkv', tmp_path, more=[tmp_path / 's.srt'])
    with av.open(path) as container:
        [text] = container.streams.subtitles
        for kind in FORMS:
            assert can_convert(text, kind)
            assert not can_convert(container.streams.audio[0], kind)
        assert not can_convert(text, 'avi')


def test_a_stream_is_converted_packet_by_packet(tmp_path):
    (tmp_path / 's.srt').write_text(SUBTITLES)
    with av.open(str(tmp_path / 's.srt')) as source, \
            av.open(str(tmp_path / 'new.mp4'), 'w') as target:
        converter = SubtitleConverter(source.streams[0], target)
        for packet in source.demux(0):
            if packet.size:
                converter.read(packet)
        assert converter.damaged == 0
        texts = converter.texts
        assert [(text.start, text.end, text.text)
                for text in texts] == [(200, 600, b'Guten Tag'),
                                       (700, 900, b'Auf Wiedersehen')]
        packet = converter.encode(texts[0])
        # A length in two bytes comes first.
        assert bytes(packet) == b'\0\x09Guten Tag'
        assert (packet.pts, packet.duration,
                packet.time_base) == (200, 400, Fraction(1, 1000))
        assert packet.stream is converter.stream

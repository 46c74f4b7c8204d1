# Copyright (c) DKSAN-MM contributors.
"""Films with sound, subtitles and chapters, and their upscaled copies."""
from fractions import Fraction

import av
import numpy as np
from av.stream import Disposition
from helpers.video_files import H264, make_video, moving, read_video

from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.writers import open_writer

SUBTITLES = """1
00:00:00,200 --> 00:00:00,600
Guten Tag

2
00:00:00,700 --> 00:00:00,900
Auf Wiedersehen
"""


def upscale(source, target, *, times=2, whole=True, **kwargs):
    """Write a source's frames with repeated pixels; return both objects."""
    source = open_source(source)
    writer = open_writer(target, source, **kwargs)
    for frame in source:
        image = frame.image.repeat(times, 0).repeat(times, 1)
        writer.write(image, frame.pts, frame.duration)
    writer.close(whole=whole)
    return source, writer


def seconds_of(path):
    """Return the times at which players show frames."""
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
    """Make an MP4 video with sound."""
    kind = dict(codec=video, pix_fmt='yuv420p') if video else H264
    video = make_video(folder / 'v.mkv', moving(25 * seconds, (16, 32)),
                       **kind)
    sound = make_sound(folder / 'v.mka', codec, seconds)
    return join(
        folder / 'film.mp4', [video, sound],
        tags=[({}, Disposition.default), ({}, Disposition.default)])


def make_rich(path, tmp_path, chapters=('One', 'Two'), more=()):
    """Make a video with sound in two languages, chapters and more files."""
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
    """Copy the packets to a transport stream, shifted by some seconds."""
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

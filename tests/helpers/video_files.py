# Copyright (c) DKSAN-MM contributors.
"""Small videos with sound, odd times and other properties."""
from fractions import Fraction

import av
import numpy as np

LOSSLESS = dict(codec='ffv1', pix_fmt='bgr0')  # for .mkv
H264 = dict(codec='libx264', pix_fmt='yuv444p')
RATE, SAMPLES = 8000, 1024


def moving(count, size=(12, 20), seed=0):
    """Return frames of a smooth pattern that moves, RGB."""
    h, w = size
    waves = np.random.default_rng(seed).uniform(0.2, 0.5, (3, 3))
    y, x = np.mgrid[:h, :w]
    return [
        np.stack([
            127 + 100 * np.sin(a * (x + t) + b * y + 6 * c)
            for a, b, c in waves
        ], -1).round().astype(np.uint8) for t in range(count)
    ]


def make_video(path,
               images,
               *,
               codec='ffv1',
               pix_fmt='bgr0',
               rate=25,
               pts=None,
               audio=None,
               sound_seconds=None,
               aspect=None,
               rotation=None):
    """Write RGB images; ``pts`` in milliseconds; sound of equal length."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if pts:
            stream.time_base = Fraction(1, 1000)
            stream.codec_context.time_base = Fraction(1, 1000)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        sound = container.add_stream(audio, rate=RATE) if audio else None
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            if pts:
                frame.pts, frame.time_base = pts[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio:
            _add_sound(container, sound, sound_seconds or len(images) / rate)
    return str(path)


def _add_sound(container, stream, seconds):
    for start in range(0, int(RATE * seconds), SAMPLES):
        wave = np.sin(np.arange(start, start + SAMPLES) / 10)
        wave = (10000 * wave[None]).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave, format='s16', layout='mono')
        frame.sample_rate, frame.pts = RATE, start
        frame.time_base = Fraction(1, RATE)
        for part in _converted(frame, stream):
            container.mux(stream.encode(part))
    container.mux(stream.encode())


def _converted(frame, stream):
    return av.AudioResampler(stream.codec_context.format, 'mono',
                             RATE).resample(frame)


def read_video(path):
    """Read a list of (seconds, RGB image)."""
    with av.open(str(path)) as container:
        return [(frame.pts * frame.time_base, frame.to_ndarray(format='rgb24'))
                for frame in container.decode(video=0)]


def read_packets(path):
    """Read the bytes and times of each stream's audio packets."""
    with av.open(str(path)) as container:
        return [(packet.stream.codec_context.name, bytes(packet),
                 round(float(packet.pts * packet.time_base), 3))
                for packet in container.demux(audio=0) if packet.size]

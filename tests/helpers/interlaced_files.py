# Copyright (c) DKSAN-MM contributors.
"""Videos whose lines are from two moments."""
from fractions import Fraction

import av
import numpy as np

SIZE = (64, 96)
TIMES = [0, 40, 80, 150, 160, 200]  # ms


def scene(time):
    """Draw a grey pattern that moves by 5 pixels per field."""
    y, x = np.mgrid[:SIZE[0], :SIZE[1]]
    wave = np.sin((x - 5 * time) / 8) + 0.6 * np.sin(y / 15)
    return (127 + 60 * wave).round().astype(np.uint8)


def write_interlaced(path, count=6, interlaced=True, rate=25):
    """Write frames whose even lines are a moment after the odd ones."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=rate)
        stream.height, stream.width, stream.pix_fmt = *SIZE, 'yuv420p'
        kind = 'bff=1:' if interlaced else ''
        stream.codec_context.options = {
            'x264-params': f'{kind}qp=0:bframes=0:keyint=1'
        }
        stream.time_base = Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(count):
            luma = scene(2 * number)
            if interlaced:
                luma[::2] = scene(2 * number + 1)[::2]
            frame = av.VideoFrame(SIZE[1], SIZE[0], 'yuv420p')
            frame.planes[0].update(
                (16 + luma * (219 / 255)).round().astype(np.uint8).tobytes())
            for plane in frame.planes[1:]:
                plane.update(bytes([128]) * plane.buffer_size)
            frame.pts, frame.time_base = TIMES[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)

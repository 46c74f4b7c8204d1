# Copyright (c) DKSAN-MM contributors.
"""Small files of many formats, and random damage to them."""
import io

import av
import cv2
import numpy as np
from helpers.video_files import make_video, moving
from PIL import Image

SIZE = (48, 64)  # x265 writes beyond its memory for smaller frames
# name: what make_video is told. Each is some kB.
VIDEOS = {
    'h264.mp4': dict(codec='libx264', pix_fmt='yuv420p', audio='aac'),
    'hevc.mp4': dict(codec='libx265', pix_fmt='yuv420p10le'),
    'mpeg4.mov': dict(codec='mpeg4', pix_fmt='yuv420p', audio='pcm_s16le'),
    'ffv1.mkv': dict(audio='pcm_s16le'),
    'vp9.webm': dict(codec='libvpx-vp9', pix_fmt='yuv420p'),
    'mpeg2.ts': dict(codec='mpeg2video', pix_fmt='yuv420p', audio='aac'),
    'mpeg4.avi': dict(codec='mpeg4', pix_fmt='yuv420p', audio='pcm_s16le'),
    'h264.flv': dict(codec='libx264', pix_fmt='yuv420p'),
    'small.gif': dict(codec='gif', pix_fmt='rgb8'),
    'mjpeg.avi': dict(codec='mjpeg', pix_fmt='yuvj420p'),
}


def make_seeds(folder):
    """Write one undamaged file of each kind; return their content by name."""
    seeds = {}
    for name, options in VIDEOS.items():
        make_video(folder / name, moving(4, SIZE), **options)
        seeds[name] = (folder / name).read_bytes()
    return {**seeds, 'raw.y4m': _y4m(), **_images()}


def _y4m():
    h, w = SIZE
    rng = np.random.default_rng(0)
    frames = [b'FRAME\n' + rng.bytes(h * w * 3 // 2) for _ in range(4)]
    return b'YUV4MPEG2 W%d H%d F25:1 Ip A1:1\n' % (w, h) + b''.join(frames)


def _images():
    """Return encoded still and animated images."""
    frames = moving(3, SIZE)
    pictures = [Image.fromarray(frame) for frame in frames]
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    deep = frames[0].astype(np.uint16) * 257
    more = dict(save_all=True, append_images=pictures[1:], duration=40)
    return {
        'rgb.png': _encoded(pictures[0], 'PNG'),
        'deep.png': cv2.imencode('.png', deep)[1].tobytes(),
        'palette.png':
        _encoded(pictures[0].quantize(16), 'PNG', transparency=3),
        'turned.jpg': _encoded(pictures[0], 'JPEG', exif=exif),
        'grey.jpg': _encoded(pictures[0].convert('L'), 'JPEG'),
        'cmyk.jpg': _encoded(pictures[0].convert('CMYK'), 'JPEG'),
        'animated.png': _encoded(pictures[0], 'PNG', **more),
        'animated.webp': _encoded(pictures[0], 'WEBP', **more),
        'still.webp': _encoded(pictures[0], 'WEBP'),
        'tiled.tif': _encoded(pictures[0], 'TIFF', compression='tiff_lzw'),
        'plain.bmp': _encoded(pictures[0], 'BMP'),
    }


def _encoded(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def damage(content, others, rng):
    """Damage a file's bytes in one to three random ways.

    Args:
        content (bytes): The file.
        others (list[bytes]): Files to take foreign bytes from.
        rng (np.random.Generator): Decides.

    Returns:
        bytes: The damaged file.
    """
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        if not data:
            break
        kind = rng.integers(8)
        _KINDS[kind](data, others, rng)
    return bytes(data)


def _place(data, rng):
    """Draw a position; half of them are in the first kB, as headers are."""
    end = len(data) if rng.random() < 0.5 else min(1024, len(data))
    return int(rng.integers(end))


def _flip_bits(data, _, rng):
    for _ in range(rng.integers(1, 30)):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _set_number(data, _, rng):
    at = _place(data, rng)
    values = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff, 0x10000]
    number = values[rng.integers(len(values))]
    order = 'big' if rng.random() < 0.5 else 'little'
    data[at:at + 4] = number.to_bytes(4, order)[:max(len(data) - at, 0)]


def _cut_off(data, _, rng):
    del data[_place(data, rng):]


def _remove(data, _, rng):
    at = _place(data, rng)
    del data[at:at + int(rng.integers(1, 400))]


def _repeat(data, _, rng):
    at = _place(data, rng)
    data[at:at] = data[at:at + int(rng.integers(1, 400))]


def _zero(data, _, rng):
    at = _place(data, rng)
    length = min(int(rng.integers(1, 400)), len(data) - at)
    data[at:at + length] = bytes(length)


def _random_bytes(data, _, rng):
    at = _place(data, rng)
    length = min(int(rng.integers(1, 100)), len(data) - at)
    data[at:at + length] = rng.bytes(length)


def _splice(data, others, rng):
    other = others[rng.integers(len(others))]
    at, start = _place(data, rng), int(rng.integers(len(other)))
    data[at:] = other[start:]


_KINDS = (_flip_bits, _set_number, _cut_off, _remove, _repeat, _zero,
          _random_bytes, _splice)


def count_frames(path):
    """Return the number of frames of a video that can be decoded."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))

# Copyright (c) DKSAN-MM contributors.
"""GIF files are shown as in browsers, where the background is transparent."""
import struct

import numpy as np
import pytest
from PIL import Image

from dksan_mm.io.video.readers import open_source

KEEP, CLEAR, RESTORE = 1, 2, 3  # what happens to a frame after its time
WIDTH, HEIGHT = 8, 6


def palette(count):
    """Return different colours, none of them black, but the last."""
    colours = np.random.default_rng(0).integers(1, 256, (count, 3), np.uint8)
    colours[-1] = 0
    return colours


def write_gif(path, frames, colours, background):
    """Write frames of (x, y, indices, disposal, transparent index or None)."""
    bits = int(np.log2(len(colours)))
    content = b'GIF89a' + struct.pack('<HHBBB', WIDTH, HEIGHT, 0x7F + bits,
                                      background, 0) + colours.tobytes()
    for x, y, indices, disposal, clear in frames:
        content += b'\x21\xf9\x04' + struct.pack(
            '<BHBB', disposal << 2 | (clear is not None), 10, clear or 0, 0)
        height, width = indices.shape
        content += b'\x2c' + struct.pack('<HHHHB', x, y, width, height, 0)
        content += bytes([bits]) + _uncompressed(indices.ravel(), bits) + b'\0'
    path.write_bytes(content + b';')
    return path


def _uncompressed(indices, bits):
    """Code indices so that the table of LZW stays empty."""
    clear, end = 2**bits, 2**bits + 1
    codes = [code for index in indices for code in (clear, int(index))]
    number = sum(code << n * (bits + 1)
                 for n, code in enumerate(codes + [end]))
    packed = number.to_bytes(len(codes) * (bits + 1) // 8 + 2, 'little')
    parts = [packed[n:n + 255] for n in range(0, len(packed), 255)]
    return b''.join(bytes([len(part)]) + part for part in parts)


def compose(frames, colours):
    """Compose frames over black, as browsers do."""
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for x, y, indices, disposal, clear in frames:
        before = canvas.copy()
        place = canvas[y:y + indices.shape[0], x:x + indices.shape[1]]
        shown = np.ones(indices.shape, bool) if clear is None else \
            indices != clear
        place[shown] = colours[indices[shown]]
        yield canvas.copy()
        if disposal == CLEAR:
            place[:] = 0
        elif disposal == RESTORE:
            canvas = before


@pytest.mark.parametrize('count, background', [(4, 1), (4, 3), (256, 7)])
@pytest.mark.parametrize('clear', [None, 2])
@pytest.mark.parametrize('disposal', [KEEP, CLEAR, RESTORE])
@pytest.mark.parametrize('size', [(HEIGHT, WIDTH), (3, 4)])
def test_the_background_is_transparent(tmp_path, count, background, clear,
                                       disposal, size):
    colours = palette(count)
    random = np.random.default_rng(1)
    frames = [(0, 0, random.integers(0, 4, size), disposal, clear),
              (2, 1, random.integers(0, 4, (4, 3)), CLEAR, None),
              (1, 2, random.integers(0, 4, (3, 6)), RESTORE, clear),
              (4, 0, random.integers(0, 4, (2, 2)), KEEP, None)]
    path = write_gif(tmp_path / 'a.gif', frames, colours, background)
    source = open_source(path)
    found = [frame.image for frame in source]
    np.testing.assert_array_equal(found, list(compose(frames, colours)))
    assert not source.complaints


@pytest.mark.parametrize('more', [b'', b'\0' * 9, b'comments of a program'])
def test_gifs_may_go_on_after_their_trailer(tmp_path, more):
    path = tmp_path / 'a.gif'
    first, *others = [
        Image.new('RGB', (8, 8), (60 * n, 9, 9)) for n in range(4)
    ]
    first.save(path, save_all=True, append_images=others, comment=b'a;;' * 200)
    path.write_bytes(path.read_bytes() + more)
    source = open_source(path)
    assert len(list(source)) == 4 and source.complaints == []

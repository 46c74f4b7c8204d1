# Copyright (c) DKSAN-MM contributors.
"""Measure the speed of reading training samples from other formats.

    python tools/benchmark_stores.py [DATA]

DATA is the output of tools/prepare_data.py with --store array. By default,
clips of data/sample are used as in tools/benchmark_data.py, which measures the
formats that were chosen. This tool measures other lossless formats of the HR
frames. Each encodes some frames in memory, as a whole or in tiles. The
training samples of a config are read with HR crops from there and LR crops
from arrays.

The values are CPU time of one thread, without the time of the disk.
"""
import argparse
import os.path as osp
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any, NamedTuple

sys.path.insert(0, osp.dirname(osp.dirname(osp.abspath(__file__))))
sys.path.insert(0, osp.dirname(osp.abspath(__file__)))

import benchmark_data

from dksan_mm.cli.arguments import positive


class Code(NamedTuple):
    """Codec of a tile, and the tile size (None: a whole frame)."""
    tile: int | None
    encode: Callable
    decode: Callable


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse and check the arguments before any slow import."""
    parser = benchmark_data.make_parser(__doc__)
    parser.add_argument(
        '--samples',
        type=positive,
        default=60,
        metavar='N',
        help='default: 60')
    parser.add_argument(
        '--frames',
        type=positive,
        default=4,
        metavar='N',
        help='frames of each clip (default: 4)')
    return benchmark_data.check_args(parser, argv)


def candidates() -> dict[str, Callable]:
    """List the lossless formats of the dependencies, all but JPEG XL.

    Returns:
        dict[str, Callable]: By name, a class that holds the first frames of a
        clip's array.
    """
    import cv2

    from dksan_mm.io.stores.tiles import TILE
    png = partial(_encode_image, '.png', [cv2.IMWRITE_PNG_COMPRESSION, 1])
    webp = partial(_encode_image, '.webp', [cv2.IMWRITE_WEBP_QUALITY, 101])
    codes = {
        'array': Code(None, lambda image: image, _as_it_is),
        'PNG frames': Code(None, png, _decode_image),
        'PNG tiles': Code(128, png, _decode_image),
        'WebP tiles': Code(128, webp, _decode_image),
        'zlib tiles': Code(128, _encode_zlib, _decode_zlib),
    }
    for codec, pixels in (('qoi', 'rgb24'), ('magicyuv', 'gbrp')):
        codes[f'{codec} tiles'] = Code(128,
                                       partial(_encode_video, codec, pixels),
                                       partial(_decode_video, codec))
    found: dict[str, Callable[..., Any]]
    found = {name: partial(CodedClip, code=codes[name]) for name in codes}
    for side in (64, TILE, 256):
        found[f'tiles of {side}'] = partial(TiledClip, side=side)
    return found


def _as_it_is(image, _size):
    return image


def _encode_image(suffix: str, options: list[int], image) -> bytes:
    import cv2
    return cv2.imencode(suffix, image, options)[1].tobytes()


def _decode_image(content: bytes, _size):
    import cv2
    import numpy as np
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def _encode_zlib(image) -> bytes:
    """Encode each pixel minus its left neighbour, in the simplest way."""
    image = image.copy()
    image[:, 1:] -= image[:, :-1].copy()
    return zlib.compress(image.tobytes(), 1)


def _decode_zlib(content: bytes, size: tuple[int, int]):
    import numpy as np
    image = np.frombuffer(zlib.decompress(content), np.uint8)
    return np.cumsum(image.reshape(*size, 3), axis=1, dtype=np.uint8)


def _encode_video(codec: str, pixels: str, image) -> bytes:
    import av
    encoder: Any = av.CodecContext.create(codec, 'w')
    encoder.height, encoder.width = image.shape[:2]
    encoder.pix_fmt, encoder.time_base = pixels, Fraction(1)
    encoder.thread_count = 1
    frame = av.VideoFrame.from_ndarray(image, format='rgb24')
    packets = encoder.encode(frame.reformat(format=pixels))
    return b''.join(map(bytes, packets + encoder.encode(None)))


def _decode_video(codec: str, content: bytes, size: tuple[int, int]):
    """Decode; faster than PyAV's to_ndarray, which converts by swscale."""
    import av
    import cv2
    import numpy as np
    frame, = _decoder(codec, size).decode(av.Packet(content))
    planes = [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        for plane in frame.planes
    ]
    if len(planes) == 1:
        return planes[0][:size[0], :3 * size[1]].reshape(*size, 3)
    green, blue, red = (plane[:size[0], :size[1]] for plane in planes)
    return cv2.merge([red, green, blue])


@lru_cache(maxsize=None)
def _decoder(codec: str, size: tuple[int, int]):
    import av
    decoder: Any = av.CodecContext.create(codec, 'r')
    decoder.height, decoder.width = size
    decoder.thread_count = 1
    return decoder


class CodedClip:
    """First frames of a clip in memory, coded by one of the candidates."""

    def __init__(self, array, count: int, code: Code) -> None:
        self.shape = array.shape
        self.code = code
        self.coded: dict[tuple[int, int, int], Any] = {}
        _, height, width, _ = self.shape
        self.tile = code.tile or max(height, width)
        for number in range(min(count, len(array))):
            frame = array.read(number)
            for top in range(0, height, self.tile):
                for left in range(0, width, self.tile):
                    tile = frame[top:top + self.tile, left:left + self.tile]
                    self.coded[number, top, left] = code.encode(tile.copy())

    def __enter__(self) -> 'CodedClip':
        return self

    def __exit__(self, *_) -> None:
        pass

    def open(self) -> 'CodedClip':
        """Return itself, in place of opening a file."""
        return self

    def bytes(self) -> int:
        """Return the size of all coded frames or tiles."""
        return sum(memoryview(item).nbytes for item in self.coded.values())

    def read(self, frame: int, box):
        """See :meth:`dksan_mm.io.stores.clip_file.ClipFile.read`."""
        import numpy as np
        top, left, height, width = box
        out = np.empty((height, width, 3), np.uint8)
        side = self.tile
        for y in range(top // side * side, top + height, side):
            for x in range(left // side * side, left + width, side):
                size = (min(side,
                            self.shape[1] - y), min(side, self.shape[2] - x))
                image = self.code.decode(self.coded[frame, y, x], size)
                above, before = max(top, y), max(left, x)
                part = image[above - y:top + height - y,
                             before - x:left + width - x]
                out[above - top:above - top + len(part),
                    before - left:before - left + part.shape[1]] = part
        return out


class TiledClip:
    """First frames of a clip in a file with tiles of some size."""

    def __init__(self, array, count: int, side: int) -> None:
        from dksan_mm.io.stores import tiles
        count = min(count, len(array))
        file: Any = tempfile.NamedTemporaryFile(suffix='.tiles')
        self.file = file
        tiles.TILE, chosen = side, tiles.TILE
        try:
            tiles.write_tiles(file, map(array.read, range(count)), count)
        finally:
            tiles.TILE = chosen
        self.file.flush()

    def open(self):
        """Open the file for reading."""
        from dksan_mm.io.stores.tiles import TileFile
        return TileFile(self.file.name)

    def bytes(self) -> int:
        """Return the size of the file."""
        return osp.getsize(self.file.name)


class CodedDataset:
    """A data set with arrays whose HR crops are read from other formats."""

    def __init__(self, dataset, frames: int, form: Callable) -> None:
        from dksan_mm.io.stores.stores import open_store
        self.dataset = dataset
        self.clips = {}
        start = time.process_time()
        for stores in dataset.stores.values():
            with open_store(stores['gt_store']) as array:
                clip = form(array, frames)
            self.clips[stores['gt_store']] = clip
        self.write = time.process_time() - start

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index):
        from dksan_mm.datasets import transforms
        from dksan_mm.io.stores.stores import open_store
        transforms.open_store = lambda path: self.clips[path].open(
        ) if path in self.clips else open_store(path)
        try:
            return self.dataset[index]
        finally:
            transforms.open_store = open_store


def benchmark(args: argparse.Namespace, data: str, _=None) -> None:
    """Measure all candidates and print the results."""
    import cv2

    import dksan_mm.datasets  # noqa: F401, registers the data sets
    cv2.setNumThreads(1)
    dataset = benchmark_data.build_dataset(
        args.config, data, 'array', max_frames=args.frames)
    coded = {
        name: CodedDataset(dataset, args.frames, form)
        for name, form in candidates().items()
    }
    times = benchmark_data.measure(coded, dict.fromkeys(coded, args.samples))
    print(f'{"form":14} {"ms CPU":>8} {"samples/s/core":>15} '
          f'{"MB/HR frame":>12} {"ms to write":>12}')
    for name, form in coded.items():
        size = sum(clip.bytes() for clip in form.clips.values())
        cpu = times[name]['cpu']
        print(f'{name:14} {1e3 * cpu:8.2f} {1 / cpu:15.1f} '
              f'{size / 1e6 / len(dataset):12.2f} '
              f'{1e3 * form.write / len(dataset):12.0f}')


def main(argv: list[str]) -> int:
    """Run the tool; return the exit code."""
    return benchmark_data.run(parse_args(argv), benchmark)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

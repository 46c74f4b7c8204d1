# Copyright (c) DKSAN-MM contributors.
"""Measure the time and the memory of a network on a stream of frames.

    python tools/benchmark_inference.py [CONFIG] [options]

Frames of noise are processed by dksan_mm.apis.restore_frames. The time of a
frame is compared with that of its convolutions, called separately on inputs of
the same shapes, and with a plain forward pass of the whole window, which the
inferencer of mmagic computes for each frame.

    python tools/benchmark_inference.py CONFIG --checkpoint FILE \\
        --compare DATA/val/HR/CLIP ... [--tile N] [--frames N]

With --compare, the tool measures the effect of bfloat16 and tiles on clips
that were prepared by tools/prepare_data.py, relative to whole frames in
float32. Tiles are compared with and without shared means of the channel
attention.
"""
import argparse
import collections
import contextlib
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dksan_mm.cli import launch
from dksan_mm.cli.arguments import frame_size, positive, thread_count

Clock = Callable[[], float]
MEGABYTE = 2**20
Size = tuple[int, int]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config',
        nargs='?',
        default=str(ROOT / 'configs' / 'dksan_vid3oc_x16.py'),
        metavar='CONFIG',
        help='default: configs/dksan_vid3oc_x16.py')
    parser.add_argument(
        '--checkpoint', metavar='FILE', help='default: random weights')
    parser.add_argument(
        '--size',
        default=(68, 120),
        type=frame_size,
        metavar='HxW',
        help='size of the LR frames (default: 68x120, output 1088x1920)')
    parser.add_argument(
        '--frames',
        default=3,
        type=positive,
        metavar='N',
        help='number of frames, or of frames per clip (default: 3)')
    parser.add_argument(
        '--dtype', default='float32', choices=('float32', 'bfloat16'))
    parser.add_argument('--threads', default=2, type=thread_count, metavar='N')
    parser.add_argument(
        '--cpu-time',
        action='store_true',
        help='measure processor time instead of wall time')
    parser.add_argument(
        '--no-plain',
        action='store_true',
        help='skip the plain forward pass, which needs much memory')
    parser.add_argument(
        '--compare',
        nargs='+',
        type=Path,
        metavar='CLIP',
        help='folders of HR frames, with LR frames in LRx16 next to HR')
    parser.add_argument(
        '--tile',
        default=16,
        type=positive,
        metavar='N',
        help='tile size in LR pixels (default: 16)')
    args = parser.parse_args(argv)
    if not Path(args.config).is_file():
        parser.error(f'there is no config {args.config}')
    for clip in args.compare or ():
        for folder in (clip, lr_folder(clip)):
            if not folder.is_dir():
                parser.error(f'--compare: there is no folder {folder}')
    return args


def noise(size: Size, count: int) -> Iterator:
    """Yield LR frames of noise, uint8."""
    import numpy as np
    generator = np.random.default_rng(0)
    for _ in range(count):
        yield generator.integers(0, 256, (*size, 3), np.uint8)


def time_stream(model, size: Size, frames: int, alone: Callable,
                clock: Clock) -> tuple[float, float, float]:
    """Time frames of a running stream in turns with their convolutions.

    Returns:
        tuple: Median seconds of a frame, median seconds of its convolutions,
        and median ratio of both.
    """
    from dksan_mm.apis import restore_frames
    stream = restore_frames(model, noise(size, 1000), tile=None)
    next(stream)  # the first frame also computes the features of four others
    pairs = []
    for _ in range(frames):
        start = clock()
        next(stream)
        pairs.append((clock() - start, alone()))
    return (statistics.median(frame for frame, _ in pairs),
            statistics.median(convolutions for _, convolutions in pairs),
            statistics.median(a / b for a, b in pairs))


@contextlib.contextmanager
def recorded_convolutions() -> Iterator[Counter]:
    """Record shapes and settings of all calls of torch's conv2d."""
    import torch.nn.functional as F
    original: Any = F.conv2d
    calls: Counter = collections.Counter()

    def conv2d(x, weight, bias=None, stride=1, padding=0, *settings, **named):
        out = original(x, weight, bias, stride, padding, *settings, **named)
        calls[tuple(x.shape),
              tuple(weight.shape),
              _hashable(stride),
              _hashable(named.get('padding', padding)), settings] += 1
        return out

    setattr(F, 'conv2d', conv2d)
    try:
        yield calls
    finally:
        F.conv2d = original


def _hashable(setting):
    return tuple(setting) if isinstance(setting, list) else setting


def time_convolutions(calls: Counter, dtype, clock: Clock) -> float:
    """Return the seconds of all recorded calls, timed once after a warm-up."""
    import torch
    import torch.nn.functional as F
    total = 0.
    for (shape, filters, stride, padding, settings), count in calls.items():
        x = torch.randn(shape).to(dtype, memory_format=torch.channels_last)
        w = torch.randn(filters).to(dtype, memory_format=torch.channels_last)
        total += count * time_second(
            lambda: F.conv2d(x, w, None, stride, padding, *settings), clock)
    return total


def time_second(run: Callable, clock: Clock) -> float:
    """Return the seconds of the second of two calls."""
    run()
    start = clock()
    run()
    return clock() - start


def measure(model, args: argparse.Namespace) -> None:
    """Print the time and the memory of a frame."""
    import torch

    from dksan_mm.apis import restore_frames
    from dksan_mm.utils.process_memory import peak_resident_memory
    clock = time.process_time if args.cpu_time else time.perf_counter
    before = peak_resident_memory()
    with recorded_convolutions() as calls:
        next(restore_frames(model, noise(args.size, 1), tile=None))
    used = peak_resident_memory() - before
    stream, alone, ratio = time_stream(
        model, args.size, args.frames,
        lambda: time_convolutions(calls, model.inference_dtype, clock), clock)
    pixels = args.size[0] * args.size[1]
    print(f'{args.config}, LR {args.size[0]}x{args.size[1]}, {args.dtype}, '
          f'{args.threads} threads')
    print(f'stream             {stream:8.2f} s per frame')
    print(f'its convolutions   {alone:8.2f} s, the frame takes {ratio:.2f} '
          'times as long')
    print(f'peak memory        {used / MEGABYTE:8.0f} MB above '
          f'{before / MEGABYTE:.0f} MB, {used / 1024 / pixels:.0f} KB/pixel')
    if args.no_plain:
        return
    window = torch.rand(1, model.generator.num_frames, 3, *args.size)
    plain = time_second(lambda: model.generator(window), clock)
    used = peak_resident_memory() - before
    print(f'plain forward      {plain:8.2f} s, float32, '
          f'{used / MEGABYTE:.0f} MB, {used / 1024 / pixels:.0f} KB/pixel')


def lr_folder(clip: Path) -> Path:
    """Return the folder of the LR frames of a folder of HR frames."""
    return clip.parent.with_name('LRx16') / clip.name


def read_frames(folder: Path, count: int) -> list:
    """Read the first frames as RGB."""
    from dksan_mm.io.images import read_image
    from dksan_mm.io.layout import list_frames
    paths = list_frames(str(folder))[:count]
    return [read_image(path)[..., ::-1] for path in paths]


def compare(model, clip: Path, args: argparse.Namespace) -> None:
    """Print how bfloat16 and tiles change the frames of a clip."""
    import numpy as np

    from dksan_mm.evaluation.functional.image_quality import psnr
    lr, hr = (
        read_frames(path, args.frames) for path in (lr_folder(clip), clip))
    whole = restore(model, lr)
    print(f'{clip.name}, {len(lr)} frames')
    for name, settings in {
            'bfloat16': dict(dtype='bfloat16'),
            f'tiles of {args.tile}': dict(tile=args.tile),
            'without shared means': dict(tile=args.tile, shared=False)
    }.items():
        frames = restore(model, lr, **settings)
        apart = np.abs(np.subtract(frames, whole, dtype=np.int16))
        change = np.mean(
            [psnr(frame, truth) for frame, truth in zip(frames, hr)])
        change -= np.mean(
            [psnr(frame, truth) for frame, truth in zip(whole, hr)])
        print(f'  {name:20} at most {apart.max():3d} grey levels apart, '
              f'{apart.mean():.4f} on average, PSNR {change:+.5f} dB')


def restore(model,
            frames: list,
            *,
            tile: int | None = None,
            shared: bool = True,
            dtype: str = 'float32') -> list:
    """Upscale all frames; ``shared`` as in dksan_mm.inference.tiles.Tiles."""
    from unittest import mock

    import torch

    from dksan_mm.apis import restore_frames
    from dksan_mm.inference import tiles

    def choose(*arguments):
        chosen = tiles.choose_tiles(*arguments)
        return chosen and chosen._replace(shared=shared)

    model.inference_dtype = getattr(torch, dtype)
    with mock.patch('dksan_mm.inference.streaming.choose_tiles', choose):
        return list(restore_frames(model, frames, tile=tile))


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    import torch

    from dksan_mm.apis import init_model
    torch.set_num_threads(args.threads)
    model = init_model(
        args.config, args.checkpoint, dtype=getattr(torch, args.dtype))
    with torch.no_grad():
        if not args.compare:
            measure(model, args)
        for clip in args.compare or ():
            compare(model, clip, args)


if __name__ == '__main__':
    sys.exit(launch.run_tool(main))

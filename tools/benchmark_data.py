# Copyright (c) DKSAN-MM contributors.
"""Measure the speed and the memory of reading training samples.

    python tools/benchmark_data.py [DATA]

DATA is the output of tools/prepare_data.py with --store array or tiles. By
default, clips of data/sample are padded to 1920x1080 by reflection and
prepared in a temporary folder. The training samples of a config (7 LR crops
and one HR crop, augmented and packed) are read from the PNG frames and from
the files of the store, in turns, with the same samples in the same order, in
one process with one thread.

The tool prints the samples per second of CPU time, which does not depend on
other programs, and the samples per second of elapsed time, which includes
waiting for the disk. Both are medians over the turns. Memory is the resident
set size of the process, after a tenth of the samples and at the end.
"""
import argparse
import os
import os.path as osp
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
sys.path.insert(0, ROOT)

from dksan_mm.cli.arguments import positive

STORES = ('png', 'tiles', 'array')
TURNS = 10
CLIPS = ('carpenter-bee', 'plaza-dog', 'pour-coffee')
# Vid3oC: 50 training and 16 validation clips of 120 frames.
VID3OC_TRAIN, VID3OC_FRAMES = 50 * 120, 66 * 120


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse and check the arguments before any slow import."""
    parser = make_parser(__doc__)
    parser.add_argument(
        '--samples',
        type=positive,
        metavar='N',
        help='number of samples (default: an epoch, at least 100); at most '
        '200 from PNG')
    parser.add_argument(
        '--frames',
        type=positive,
        default=8,
        metavar='N',
        help='without DATA: frames of each of the 3 clips (default: 8)')
    return check_args(parser, argv)


def make_parser(description: str) -> argparse.ArgumentParser:
    """Add the arguments shared with tools/benchmark_stores.py."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', nargs='?', metavar='DATA', help='see above')
    parser.add_argument(
        '--config',
        default=osp.join(ROOT, 'configs', 'dksan_vid3oc_x16.py'),
        help='config of the training samples (default: %(default)s)')
    return parser


def check_args(parser: argparse.ArgumentParser,
               argv: list[str]) -> argparse.Namespace:
    """Parse the arguments and check that the files exist."""
    args = parser.parse_args(argv)
    if not osp.isfile(args.config):
        parser.error(f'{args.config}: no such config')
    if args.data and not osp.isdir(args.data):
        parser.error(f'{args.data}: no such folder; tools/prepare_data.py '
                     f'SOURCE {args.data} --store array makes it')
    return args


def make_data(root: str, frames: int) -> dict[str, float]:
    """Prepare clips of data/sample, mirrored to 1080p, in all stores.

    Returns:
        dict[str, float]: CPU seconds per frame for the PNG frames, and the
        additional seconds for each store.
    """
    import cv2
    cv2.setNumThreads(1)
    seconds = dict.fromkeys(STORES, 0.)
    for name in CLIPS:
        source = osp.join(root, 'source', name)
        _write_source(source, name, frames)
        for store in STORES:
            start = time.process_time()
            _prepare(root, source, store)
            seconds[store] += time.process_time() - start
    return {store: seconds[store] / len(CLIPS) / frames for store in STORES}


def _write_source(folder: str, name: str, frames: int) -> None:
    import cv2

    from dksan_mm.io.images import write_png
    from dksan_mm.prepare.sources import Clip, iter_frames
    os.makedirs(folder)
    video = osp.join(ROOT, 'data', 'sample', 'train', f'{name}.mp4')
    for number, load in islice(
            iter_frames(Clip(name, 'train', video)), frames):
        # Not upscaled, since that would make frames smoother than video.
        image = load()
        beyond = 1080 - image.shape[0], 1920 - image.shape[1]
        image = cv2.copyMakeBorder(image, 0, beyond[0], 0, beyond[1],
                                   cv2.BORDER_REFLECT)
        write_png(osp.join(folder, f'{number:06d}.png'), image)


def _prepare(root: str, source: str, store: str) -> None:
    """Prepare a clip as in tools/prepare_data.py."""
    from dksan_mm.prepare.manifest import read_manifest, write_manifest
    from dksan_mm.prepare.settings import Settings
    from dksan_mm.prepare.sources import Clip
    from dksan_mm.prepare.writer import ClipWriter
    name = osp.basename(source)
    manifest = read_manifest(root, 'train')
    writer = ClipWriter(
        Clip(name, 'train', source), root, settings=Settings(store=store))
    manifest[name] = writer.run(manifest.get(name))
    write_manifest(root, 'train', manifest)
    writer.close()


def build_dataset(config_path: str, data: str, store: str, **changes):
    """Build the training data set of a config with another root and store."""
    from mmagic.registry import DATASETS
    from mmengine.config import Config
    from mmengine.registry import DefaultScope
    config = Config.fromfile(config_path).train_dataloader.dataset
    config.update(data_root=data, store=store, **changes)
    with DefaultScope.overwrite_default_scope('mmagic'):
        return DATASETS.build(config)


def measure(datasets: dict[str, Any],
            counts: dict[str, int]) -> dict[str, dict[str, float]]:
    """Read samples from all data sets in turns, in the order of training.

    The turns average out changes in the load of the machine.

    Args:
        datasets (dict): Data sets by name.
        counts (dict[str, int]): Number of samples to read, by name.

    Returns:
        dict: By name, ``cpu`` and ``wall`` in seconds per sample, medians
        over the turns, and memory in MB after the first turn (``early``) and
        after the last (``late``).
    """
    import numpy as np

    from dksan_mm.datasets import SeededInfiniteSampler
    orders = {}
    times: dict[str, list[tuple]] = {name: [] for name in datasets}
    for name, dataset in datasets.items():
        orders[name] = iter(SeededInfiniteSampler(dataset, seed=0))
        for index in islice(orders[name], 3):  # warm-up, including imports
            dataset[index]
    for turn in range(TURNS):
        for name, dataset in datasets.items():
            share = len(range(turn, counts[name], TURNS))
            if share:
                times[name].append(_read(dataset, orders[name], share))
    return {
        name:
        dict(
            zip(('cpu', 'wall'), np.median(turns, axis=0)),
            early=turns[0][2],
            late=turns[-1][2])
        for name, turns in times.items()
    }


def _read(dataset, order: Iterator, count: int) -> tuple[float, float, float]:
    """Return CPU and wall seconds per sample, and the final memory in MB."""
    from dksan_mm.utils.process_memory import resident_memory
    cpu, wall = time.process_time(), time.perf_counter()
    for index in islice(order, count):
        dataset[index]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu / count, wall / count, resident_memory() / 1e6


def frame_bytes(dataset, store: str) -> float:
    """Return the mean size on disk of an HR frame with its LR frame."""
    total = count = 0
    for clip, kinds in dataset.frames.items():
        count += len(kinds['img'])
        for kind, paths in kinds.items():
            if store != 'png':
                paths = [dataset.stores[clip][f'{kind}_store']]
            total += sum(map(osp.getsize, paths))
    return total / count


def benchmark(args: argparse.Namespace,
              data: str,
              seconds: dict[str, float] | None = None) -> None:
    """Measure all stores and print the results.

    Args:
        args (Namespace): Result of :func:`parse_args`.
        data (str): Folder of prepared data.
        seconds (dict, optional): Result of :func:`make_data`.
    """
    import cv2

    import dksan_mm.datasets  # noqa: F401, registers the data sets
    cv2.setNumThreads(1)
    print(f'{"store":6} {"samples":>8} {"ms CPU":>8} {"samples/s/core":>15} '
          f'{"samples/s seen":>15} {"MB/frame":>9} {"memory, MB":>16}')
    datasets = open_stores(args.config, data)
    counts = {
        store: args.samples or max(len(dataset), 100)
        for store, dataset in datasets.items()
    }
    counts['png'] = min(counts['png'], 200)
    results = measure(datasets, counts)
    for store, result in results.items():
        result['bytes'] = frame_bytes(datasets[store], store)
        print(
            f'{store:6} {counts[store]:8d} {1e3 * result["cpu"]:8.2f} '
            f'{1 / result["cpu"]:15.1f} {1 / result["wall"]:15.1f} '
            f'{result["bytes"] / 1e6:9.2f} '
            f'{result["early"]:7.0f} ->{result["late"]:6.0f}',
            flush=True)
    for store, result in results.items():
        _summarise(store, result, results['png'])
    if seconds:
        _say_preparation(seconds)


def open_stores(config: str, data: str) -> dict[str, Any]:
    """Return the data set read from PNG frames and from every store."""
    found, missing = {}, None
    for store in STORES:
        try:
            found[store] = build_dataset(config, data, store)
        except FileNotFoundError as error:
            missing = error
    if missing and len(found) < 2:
        raise missing
    return found


def _summarise(store: str, result: dict[str, float], png: dict[str,
                                                               float]) -> None:
    if store != 'png':
        print(f'{store}: {png["cpu"] / result["cpu"]:.1f} times as many '
              'samples per second as png, '
              f'{result["bytes"] / png["bytes"]:.1f} times the disk space')
    print(f'Vid3oC as {store}: {VID3OC_FRAMES} frames like these take '
          f'{VID3OC_FRAMES * result["bytes"] / 1e9:.1f} GB, and reading its '
          f'{VID3OC_TRAIN} training samples once takes '
          f'{VID3OC_TRAIN * result["cpu"]:.0f} s on one core')


def _say_preparation(seconds: dict[str, float]) -> None:
    """Print the time of the preparation, and extrapolate it to Vid3oC."""
    for store in STORES:
        took = seconds['png'] + (seconds[store] if store != 'png' else 0)
        print(f'preparing {store}: {took:.2f} s per frame on one core, '
              f'{VID3OC_FRAMES * took / 60:.0f} min for Vid3oC')


def run(args: argparse.Namespace, benchmark: Callable[..., None]) -> int:
    """Call ``benchmark(args, data, seconds)``; return the exit code.

    The seconds are the result of :func:`make_data`, omitted for given data.
    """
    # One thread, since the work of one core is measured.
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
        os.environ[name] = '1'
    try:
        if args.data:
            benchmark(args, args.data)
            return 0
        with tempfile.TemporaryDirectory() as folder:
            seconds = make_data(folder, args.frames)
            benchmark(args, folder, seconds)
        return 0
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def main(argv: list[str]) -> int:
    """Run the tool; return the exit code."""
    return run(parse_args(argv), benchmark)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

# Copyright (c) DKSAN-MM contributors.
"""Run exported networks; requires only onnxruntime, numpy and PyAV.

    python -m dksan_mm.inference.onnx INPUT OUTPUT [--model dksan-s.onnx]

INPUT, OUTPUT and the exit codes are the same as for "dksan-mm upscale".
"""
import argparse
import json
import os.path
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dksan_mm.utils.interrupts import stopping_once
from dksan_mm.utils.rounding import round_to_uint8
from dksan_mm.utils.running import run_tool
from dksan_mm.utils.threads import MAX_THREADS
from .scene_cuts import is_cut
from .windows import restore_stream

PARTS = ('extract', 'restore')
HINT = "dksan-mm export {} writes it (docs/onnx.md)"


def graph_paths(path: str) -> list[str]:
    """Return both files of ``a.onnx``: a.extract.onnx and a.restore.onnx.

    Raises:
        ValueError: If the name does not end in ``.onnx``.
    """
    stem, dot, end = path.rpartition('.')
    if not os.path.basename(stem) or end != 'onnx':
        raise ValueError(f'{path}: the name must end in .onnx')
    return [f'{stem}.{part}.onnx' for part in PARTS]


class Encoded(NamedTuple):
    """Frame of a window.

    Attributes:
        image (ndarray[1, 3, h, w]): Network input, normalized and padded.
        features (list[ndarray]): Outputs of the graph ``extract``.
        size (tuple[int, int]): Height and width of the frame.
    """
    image: NDArray[Any]
    features: list[NDArray[Any]]
    size: tuple[int, int]


class Graphs:
    """The two graphs of a network.

    Args:
        extract (onnxruntime.InferenceSession): Maps a frame to its features.
        restore (onnxruntime.InferenceSession): Maps a window to an HR frame.

    Raises:
        ValueError: If the graphs do not match or are not from this package.
    """

    def __init__(self, extract: Any, restore: Any) -> None:
        first, facts = (
            session.get_modelmeta().custom_metadata_map
            for session in (extract, restore))
        if 'num_frames' not in facts or 'weights' not in first:
            raise ValueError('the graphs are not from "dksan-mm export"')
        names, outputs = ([one.name for one in ends]
                          for ends in (restore.get_inputs(),
                                       extract.get_outputs()))
        if names != ['frame', *outputs]:
            raise ValueError(f'the files are not the graphs {PARTS[0]} and '
                             f'{PARTS[1]}: the inputs of the second are '
                             f'{", ".join(names)}')
        if first['weights'] != facts['weights']:
            raise ValueError('the two graphs are of different networks')
        self._extract, self._restore = extract, restore
        self.scale, self.num_frames, self._divisor, mean, std = (
            json.loads(facts[name])
            for name in ('scale', 'num_frames', 'size_divisor', 'mean', 'std'))
        self._mean, self._std = (
            np.array(values, np.float32).reshape(-1, 1, 1)
            for values in (mean, std))

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the HR frame of a frame."""
        return self.scale * size[0], self.scale * size[1]

    def encode(self, frame: NDArray[Any]) -> Encoded:
        """Encode one frame."""
        image = frame.transpose(2, 0, 1).astype(np.float32)
        image = self._pad((image - self._mean) / self._std)[None]
        height, width = frame.shape[:2]
        return Encoded(image, _run(self._extract, dict(frame=image)),
                       (height, width))

    def decode(self, window: Sequence[Encoded]) -> NDArray[Any]:
        """Restore the centre frame of a window."""
        centre = window[len(window) // 2]
        _, *names = (one.name for one in self._restore.get_inputs())
        maps = zip(*(one.features for one in window))
        inputs = dict(zip(names, map(np.concatenate, maps)))
        image, = _run(self._restore, dict(inputs, frame=centre.image))
        h, w = self.output_size(centre.size)
        image = image[0, :, :h, :w] * self._std + self._mean
        return np.ascontiguousarray(round_to_uint8(image).transpose(1, 2, 0))

    def _pad(self, image: NDArray[Any]) -> NDArray[Any]:
        """Pad to multiples of the size divisor, as in PyTorch."""
        h, w = image.shape[1:]
        bottom, right = -h % self._divisor, -w % self._divisor
        mode: Any = 'reflect' if bottom < h and right < w else 'edge'
        padded: NDArray[Any] = np.pad(image, ((0, 0), (0, bottom), (0, right)),
                                      mode)
        return padded


def _run(session: Any, inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Run a graph.

    Raises:
        MemoryError: If the memory is too small.
        ValueError: If onnxruntime reports another error.
    """
    try:
        maps: list[NDArray[Any]] = session.run(None, inputs)
    except Exception as error:  # onnxruntime's have no common base class
        height, width = inputs['frame'].shape[2:]
        if 'llocate memory' in str(error) or 'bad_alloc' in str(error):
            raise MemoryError(f'the frames have {width}x{height} pixels, and '
                              'onnxruntime cannot use tiles, unlike "dksan-mm '
                              'upscale"') from error
        raise ValueError(f'onnxruntime fails at frames of {width}x{height} '
                         f'pixels ({str(error).splitlines()[0]})') from error
    return maps


def load_graphs(
    path: str,
    *,
    threads: int = 0,
    providers: Sequence[str] = ('CPUExecutionProvider', )
) -> Graphs:
    """Load the graphs written by ``dksan-mm export``.

    Args:
        path (str): Name given to ``dksan-mm export``, e.g. ``dksan-s.onnx``,
            which stands for both files.
        threads (int): Number of computing threads; 0 means one per core.
        providers (Sequence[str]): Execution providers of onnxruntime.

    Returns:
        Graphs: Graphs for :func:`restore_frames`.

    Raises:
        FileNotFoundError: If a file is missing.
        ImportError: If onnxruntime is not installed.
        ValueError: If the files do not match or are not from this package.
    """
    paths = graph_paths(path)
    for one in paths:
        if not Path(one).is_file():
            raise FileNotFoundError(
                f'there is no file {one}; {HINT.format(path)}')
    if find_spec('onnxruntime') is None:
        raise ImportError("onnxruntime is not installed: pip install "
                          "onnxruntime")
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    sessions = []
    for one in paths:
        try:
            sessions.append(
                onnxruntime.InferenceSession(one, options, list(providers)))
        except Exception as error:  # onnxruntime's have no common base class
            raise ValueError(f'{one}: onnxruntime cannot load it '
                             f'({str(error).splitlines()[0]})') from error
    try:
        return Graphs(*sessions)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def restore_frames(
    graphs: Graphs,
    frames: Iterable[NDArray[Any]],
    *,
    is_cut: Callable[[NDArray[Any], NDArray[Any]], bool] | None = None
) -> Iterator[NDArray[Any]]:
    """Upscale the frames of a video one by one.

    The result equals that of :func:`dksan_mm.restore_frames` up to rounding.

    Args:
        graphs (Graphs): Graphs from :func:`load_graphs`.
        frames (Iterable[ndarray[h, w, 3]]): RGB frames of one size, uint8.
        is_cut (Callable, optional): Function of two consecutive frames that
            returns whether a new scene begins with the second.

    Yields:
        ndarray[scale * h, scale * w, 3]: RGB frame, uint8, per input frame.
    """
    return restore_stream(graphs, frames, is_cut)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments."""
    parser = argparse.ArgumentParser(
        prog='python -m dksan_mm.inference.onnx',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('input', metavar='INPUT')
    parser.add_argument('output', metavar='OUTPUT')
    parser.add_argument(
        '--model',
        default='dksan-s.onnx',
        metavar='MODEL.onnx',
        help='OUT.onnx of "dksan-mm export" (default: %(default)s)')
    parser.add_argument(
        '--threads',
        type=int,
        default=0,
        metavar='N',
        help='number of threads (default: one per core)')
    parser.add_argument(
        '--no-cuts', action='store_true', help='do not detect scene cuts')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace OUTPUT if it exists')
    args = parser.parse_args(argv)
    if not 0 <= args.threads <= MAX_THREADS:
        parser.error(f'--threads must be from 0 to {MAX_THREADS}, got '
                     f'{args.threads}')
    return args


def upscale(args: argparse.Namespace) -> int:
    """Upscale a video; return the exit code."""
    from .video_copy import copy_video, with_checked_size
    graphs = load_graphs(args.model, threads=args.threads)
    cut = None if args.no_cuts else is_cut
    report = copy_video(
        lambda images: restore_frames(
            graphs,
            with_checked_size(images, args.output, graphs.output_size),
            is_cut=cut),
        args.input,
        args.output,
        overwrite=args.overwrite)
    print(f'{report.path}: {report.num_frames} '
          f'{"frame" if report.num_frames == 1 else "frames"}')
    for sentence in report.complaints + report.notes:
        print(f'onnx: {sentence}', file=sys.stderr)
    return 1 if report.complaints else 0


def _main(argv: Sequence[str] | None) -> int:
    args = parse_args(argv)
    with stopping_once():
        return upscale(args)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_tool(_main, argv, when_interrupted='stopped')


if __name__ == '__main__':
    sys.argv[0] = 'onnx'  # the name before its messages
    sys.exit(main())

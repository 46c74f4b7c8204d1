# Copyright (c) DKSAN-MM contributors.
"""Compare the depthwise operator with the limits of one core.

In each round, the forward and the backward pass run once for every size, with
random offsets (standard deviation 1) and with offsets of 0. The tool prints
their median times and the number of bytes that they must move at least. It
also prints the bandwidth of a copy in memory, the clock rate and the rate of
independent additions, measured in the same run.
With --once, a single pass runs, for a tool that counts instructions:

    valgrind --tool=callgrind --callgrind-out-file=counts \\
        python tools/operator_bounds.py --sizes 128 --once forward
    callgrind_annotate --inclusive=yes counts | grep forward_op
"""
import argparse
import ctypes
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli.arguments import positive
from dksan_mm.utils.allocator import keep_freed_memory

WAYS = ('forward', 'backward')
# chain() adds in sequence, which takes one cycle per addition on every
# processor. chains() adds in six independent chains, which run in parallel.
ADDITIONS = """
#define ADD(x) asm volatile("" : "+r"(x)); x += 1;
#define SIX ADD(a) ADD(b) ADD(c) ADD(d) ADD(e) ADD(f)
extern "C" long chain(long count) {
  long x = 0;
  for (long i = 0; i < count; i += 6) {
    ADD(x) ADD(x) ADD(x) ADD(x) ADD(x) ADD(x)
  }
  return x;
}
extern "C" long chains(long count) {
  long a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
  for (long i = 0; i < count; i += 24) {
    SIX SIX SIX SIX
  }
  return a + b + c + d + e + f;
}
"""


class Case(NamedTuple):
    """Side of the image in pixels, direction, and the pass to run."""
    size: int
    way: str
    run: Callable


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--sizes', nargs='+', default=[128, 512], type=positive, metavar='N')
    parser.add_argument('--channels', default=128, type=positive, metavar='N')
    parser.add_argument('--rounds', default=7, type=positive, metavar='N')
    parser.add_argument('--once', choices=WAYS)
    return parser.parse_args(argv)


def make_cases(size: int, channels: int, spread: float) -> list[Case]:
    """Create both passes; ``spread``: standard deviation of the offsets."""
    import torch
    draw = torch.randn
    x, grad = draw(2, 1, channels, size, size)
    weight = draw(channels, 16)
    offsets = draw(2, 1, 18, size, size) * spread
    settings = [3, 3, 1, 1, 1, 1, 1, 1, size, size, 4, 0, channels, 1]
    operators = torch.ops.dksan_mm
    return [
        Case(
            size, 'forward', lambda: operators.depthwise_forward(
                x, weight, *offsets, None, settings)),
        Case(
            size, 'backward', lambda: operators.depthwise_backward(
                grad, x, weight, *offsets, None, settings))
    ]


def bytes_per_pixel(way: str, channels: int) -> int:
    """Return the bytes that must be read or written once, in float32.

    In the forward pass, they are the input, the output and both offsets. In
    the backward pass, they are the input, two gradients of its size, both
    offsets and their gradients.
    """
    maps, planes = (2, 36) if way == 'forward' else (3, 72)
    return 4 * (maps * channels + planes)


def time_cases(cases: Sequence[Case], rounds: int) -> list[float]:
    """Return each case's median processor time in nanoseconds per pixel."""
    seconds: list[list[float]] = [[] for _ in cases]
    for number in range(rounds + 1):
        for case, values in zip(cases, seconds):
            start = time.process_time()
            case.run()
            if number:  # one round of warm-up
                values.append(time.process_time() - start)
    return [
        1e9 * statistics.median(values) / case.size**2
        for case, values in zip(cases, seconds)
    ]


def bandwidth(megabytes: int = 256) -> float:
    """Return GB/s of a copy: bytes read and bytes written."""
    import torch
    source = torch.ones(megabytes * 2**18)
    target = torch.zeros_like(source)
    best = float('inf')
    for _ in range(5):
        start = time.process_time()
        target.copy_(source)
        best = min(best, time.process_time() - start)
    return 2 * source.nbytes / best / 1e9


def addition_rates(count: int = 10**8) -> list[float]:
    """Return billions of additions per second, in sequence and in parallel.

    The first number is the clock rate in GHz. The second is below the limit of
    the processor if another virtual machine uses the same core.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = f'{folder}/chain.so'
        subprocess.run(
            ['c++', '-O2', '-shared', '-fPIC', '-xc++', '-', '-o', library],
            input=ADDITIONS,
            text=True,
            check=True)
        loaded = ctypes.CDLL(library)
    rates = []
    for run in (loaded.chain, loaded.chains):
        run.argtypes = [ctypes.c_long]
        best = float('inf')
        for _ in range(3):
            start = time.process_time()
            run(count)
            best = min(best, time.process_time() - start)
        rates.append(count / best / 1e9)
    return rates


def print_bounds(args: argparse.Namespace) -> None:
    cases, still = [[
        case for size in args.sizes
        for case in make_cases(size, args.channels, spread)
    ] for spread in (1., 0.)]
    speed = bandwidth()
    clock, most = addition_rates()
    print(f'{args.channels} channels, float32, 1 thread, medians of '
          f'{args.rounds} rounds; copy {speed:.1f} GB/s, clock '
          f'{clock:.2f} GHz, {most:.1f} additions/ns')
    print(f'{"size":>6}  {"":8}{"ns/pixel":>10}{"offsets 0":>11}'
          f'{"bytes":>8}{"ns to copy them":>17}')
    times = time_cases([*cases, *still], args.rounds)
    for case, moving, resting in zip(cases, times, times[len(cases):]):
        size = bytes_per_pixel(case.way, args.channels)
        print(f'{case.size:6}  {case.way:8}{moving:10.0f}{resting:11.0f}'
              f'{size:8}{size / speed:17.0f}')


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if not args.once:  # valgrind has little room for a heap that only grows
        keep_freed_memory()
    import torch

    from dksan_mm.ops import cpp
    if not cpp.load():
        sys.exit('The C++ operators could not be built')
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if not args.once:
        print_bounds(args)
        return
    for size in args.sizes:
        for case in make_cases(size, args.channels, 1.):
            if case.way == args.once:
                case.run()


if __name__ == '__main__':
    main()

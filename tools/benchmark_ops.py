# Copyright (c) DKSAN-MM contributors.
"""Time the operators: python tools/benchmark_ops.py [options].

In each round, every operator runs once, together with a dense 3x3 convolution
of the same number of channels as the reference. The tool prints the medians of
the time and of its ratio to the reference in the same round. On a busy
machine, only the ratio is reliable, and more so with --cpu-time. On a GPU
(--device cuda, not yet tested there), try --dtype bfloat16 and the sizes
544x960 and, with --batch 16, 64.
"""
import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.analysis.paired_times import (UNIT, Operator, Times, forward,
                                            peak_memory, time_paired,
                                            training_step)
from dksan_mm.cli.arguments import frame_size, positive, thread_count

MEGABYTE = 2**20


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    number: dict[str, Any] = dict(type=positive, metavar='N')
    parser.add_argument(
        '--threads',
        default=2,
        type=thread_count,
        metavar='N',
        help='default: 2')
    parser.add_argument(
        '--channels', default=128, **number, help='default: 128')
    parser.add_argument(
        '--size',
        default=(64, 64),
        type=frame_size,
        metavar='N|HxW',
        help='default: 64')
    parser.add_argument('--batch', default=1, **number, help='default: 1')
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument(
        '--dtype',
        default='float32',
        choices=('float32', 'bfloat16', 'float16'))
    parser.add_argument('--rounds', **number, help='default: 30')
    parser.add_argument(
        '--cpu-time',
        action='store_true',
        help='measure processor time instead of wall time')
    parser.add_argument(
        '--only',
        nargs='+',
        metavar='WORD',
        help='time only operators with one of these words in their names, and '
        'skip the table of sizes')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='5 rounds, only operators of this package, no table of sizes')
    args = parser.parse_args(argv)
    args.rounds = args.rounds or (5 if args.quick else 30)
    return args


def make_operators(args: argparse.Namespace, size: tuple[int, int],
                   own_only: bool) -> dict[str, Operator]:
    """Create all operators with random inputs of ``size`` pixels."""
    import torch
    import torch.nn.functional as F

    from dksan_mm.ops import deform_kernel_conv2d, set_backend

    kind = dict(device=args.device, dtype=getattr(torch, args.dtype))

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, requires_grad=True, **kind)

    def dkc(backend: str, *tensors: torch.Tensor) -> torch.Tensor:
        with set_backend(backend):
            return deform_kernel_conv2d(*tensors)

    channels = args.channels
    x = draw(args.batch, channels, *size)
    if args.device == 'cuda':  # the layout for which cuDNN is fastest
        x = x.detach().to(memory_format=torch.channels_last).requires_grad_()
    dense = draw(channels, channels, 3, 3)
    scope = draw(channels, 1, 4, 4)
    offsets = [draw(args.batch, 18, *size) for _ in range(2)]
    operators = {
        UNIT:
        Operator(lambda x, weight: F.conv2d(x, weight, padding=1), [x, dense]),
        'depthwise DKC, S = 4':
        Operator(lambda *a: dkc('auto', *a), [x, scope, *offsets]),
        'dense DKC, S = 3':
        Operator(lambda *a: dkc('auto', *a), [x, dense, *offsets]),
    }
    if args.device == 'cuda':
        operators['depthwise DKC, Triton'] = Operator(
            lambda *a: dkc('triton', *a), [x, scope, *offsets])
    operators.update(_modulated(x, dense, own_only))
    if not own_only:
        operators['depthwise DKC, pure torch'] = Operator(
            lambda *a: dkc('torch', *a), [x, scope, *offsets])
        operators['dense DKC, pure torch'] = Operator(
            lambda *a: dkc('torch', *a), [x, dense, *offsets])
    return operators


def _modulated(x, weight, own_only: bool) -> dict[str, Operator]:
    """Create 8-group deformable convolutions: ours, mmcv's, torchvision's."""
    import torch
    (batch, channels), size = x.shape[:2], x.shape[2:]
    if channels % 8:
        return {}
    kind = dict(device=x.device, dtype=x.dtype, requires_grad=True)
    offset = torch.randn(batch, 144, *size, **kind)
    mask = torch.rand(batch, 72, *size, **kind)
    operators = {}
    try:
        from mmcv.ops import modulated_deform_conv2d

        from dksan_mm.ops import ModulatedDeformConv2d
        layer = ModulatedDeformConv2d(
            channels, channels, 3, padding=1, deform_groups=8).to(x)
        operators['ModulatedDeformConv2d'] = Operator(
            layer, [x, offset, mask, *layer.parameters()])
        # mmcv's does not support bfloat16.
        if not own_only and x.dtype != torch.bfloat16:
            operators["mmcv's own"] = Operator(
                lambda *a: modulated_deform_conv2d(*a, None, 1, 1, 1, 1, 8),
                [x, offset, mask, weight])
    except ImportError as error:
        print(f'Without mmcv ({error}).')
    try:
        from torchvision.ops import deform_conv2d
    except ImportError as error:
        print(f'Without torchvision ({error}).')
    else:
        if not own_only:
            operators["torchvision's deform_conv2d"] = Operator(
                lambda x, o, m, w: deform_conv2d(x, o, w, None, 1, 1, 1, m),
                [x, offset, mask, weight])
    return operators


def _clock(args: argparse.Namespace) -> Callable[[], float]:
    return time.process_time if args.cpu_time else time.perf_counter


def print_speed(args: argparse.Namespace) -> None:
    operators = {
        name: operator
        for name, operator in make_operators(args, args.size,
                                             args.quick).items()
        if not args.only or name == UNIT or any(w in name for w in args.only)
    }
    columns: list[tuple[str, dict[str, Times]]] = [
        (name, time_paired(operators, step, args.rounds, _clock(args)))
        for name, step in (('forward', forward), ('forward+backward',
                                                  training_step))
    ]
    height, width = args.size
    where = args.device if args.device != 'cpu' else f'{args.threads} threads'
    print(f'\n{args.batch} x {args.channels} channels, {height}x{width}, '
          f'{args.dtype}, {where}, medians of {args.rounds} rounds')
    print(f'{"":30}' + ''.join(f'{name:>24}' for name, _ in columns))
    for name in operators:
        cells = [times[name] for _, times in columns]
        print(f'{name:30}' +
              ''.join(f'{c.milliseconds:12.2f} ms {c.ratio:7.2f}x'
                      for c in cells))


def print_sizes(args: argparse.Namespace) -> None:
    """Print time per pixel and memory from 32x32 to 512x512."""
    print('\nTraining step of the depthwise DKC by size: nanoseconds per '
          'pixel, ratio to the\nconvolution, extra peak memory (including '
          'gradients and output)')
    print(f'{"size":>8}{"ns/pixel":>12}{"ratio":>9}{"extra MB":>12}'
          f'{"/ (input + output)":>20}')
    for size in (32, 64, 128, 256, 512):
        every = make_operators(args, (size, size), True)
        operators = {name: every[name] for name in list(every)[:2]}
        dkc = list(operators)[1]
        rounds = max(3, min(args.rounds, args.rounds * 4096 // size**2))
        times = time_paired(operators, training_step, rounds,
                            _clock(args))[dkc]
        extra = peak_memory(training_step, operators[dkc])
        width = operators[dkc].inputs[0].element_size()
        both = 2 * width * args.batch * args.channels * size**2 / MEGABYTE
        memory = '' if extra is None else f'{extra:12.1f}{extra / both:20.2f}'
        print(f'{size:8}{1e6 * times.milliseconds / size**2:12.1f}'
              f'{times.ratio:8.2f}x{memory}')


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    warnings.filterwarnings('ignore')  # from imports of mmcv, torchvision
    import torch
    if args.device == 'cuda' and not torch.cuda.is_available():
        sys.exit('--device cuda: torch sees no GPU here')
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    from dksan_mm.ops import cpp
    print(f'torch {torch.__version__}, C++ operators: '
          f'{"yes" if cpp.load() else "no"}')
    print_speed(args)
    if not (args.quick or args.only) and args.device == 'cpu':
        print_sizes(args)


if __name__ == '__main__':
    main()

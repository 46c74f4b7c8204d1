# Copyright (c) DKSAN-MM contributors.
"""Check and benchmark this project on a GPU, as a report for an issue.

python tools/gpu_check.py > gpu.md              # five minutes
python tools/gpu_check.py --tables docs/gpu.md  # needs no GPU

The parts are independent. A failure is reported in the place of its result.
"""
import argparse
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]

from dksan_mm.cli import launch
from dksan_mm.cli.arguments import frame_size, positive
from dksan_mm.utils.errors import UserError

CONFIG = ROOT / 'configs' / 'dksan-s_vid3oc_x16.py'
NETWORKS = ('dksan-s', 'edvr-s', 'edvr', 'dksan')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--tables',
        metavar='FILE',
        help='only compile the kernels and update the tables in FILE')
    parser.add_argument('--device', default='cuda', choices=('cpu', 'cuda'))
    number: dict[str, Any] = dict(type=positive, metavar='N')
    parser.add_argument(
        '--channels', default=128, **number, help='default: 128')
    parser.add_argument(
        '--size',
        default=(256, 256),
        type=frame_size,
        metavar='N|HxW',
        help='size of the feature maps (default: 256)')
    parser.add_argument('--rounds', default=20, **number, help='default: 20')
    parser.add_argument(
        '--config',
        default=str(CONFIG),
        help='config of the training step and the frame (default: dksan-s)')
    parser.add_argument(
        '--frame',
        default=(68, 120),
        type=frame_size,
        metavar='N|HxW',
        help='LR size of the frame (default: 68x120, which gives 1088x1920)')
    return parser.parse_args(argv)


def rewrite_tables(file: Path) -> None:
    """Replace the text between ``<!-- NAME -->`` and ``<!-- end -->``."""
    text = file.read_text()
    try:
        from dksan_mm.ops.triton import tables, targets
    except ImportError as error:
        raise UserError(f'--tables: {error}') from error
    forms = list(tables.common())
    made = dict(
        resources=targets.resources(forms),
        roofline=tables.roofline(forms),
        memory=memory_table())
    for name, table in made.items():
        text = re.sub(
            rf'(<!-- {name} -->\n).*?(?=<!-- end -->)',
            lambda match: match[1] + table,
            text,
            flags=re.DOTALL)
    file.write_text(text)


def memory_table() -> str:
    """Predict the memory of the networks' training steps and frames."""
    from dksan_mm.analysis.planned_memory import plan_frame, plan_step
    from dksan_mm.ops.triton.tables import markdown
    rows = []
    for name in NETWORKS:
        path = ROOT / 'configs' / f'{name}_vid3oc_x16.py'
        config = launch.Config.fromfile(path)
        sizes = [plan_step(config), plan_frame(config, (68, 120))]
        config.model.generator.with_cp = True
        sizes.insert(1, plan_step(config))
        rows.append([name, *(f'{size / 2**20:,.0f} MiB' for size in sizes)])
    columns = ['network', 'training step', 'step, `with_cp`', 'frame']
    return markdown(columns, rows)


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    from dksan_mm.ops.triton.tables import markdown
    print(markdown(columns, rows))


def print_machine(args: argparse.Namespace) -> None:
    import torch

    from dksan_mm.ops.triton import path
    rows = [['torch', torch.__version__],
            ['Python', platform.python_version()]]
    if path.available():
        import triton
        rows.append(['triton', triton.__version__])
    if args.device == 'cuda':
        device = torch.cuda.get_device_properties(0)
        rows += [['GPU', device.name],
                 ['capability', f'{device.major}.{device.minor}'],
                 ['memory', f'{device.total_memory / 2**30:.0f} GiB'],
                 [
                     'CUDA or HIP', torch.version.cuda or torch.version.hip
                     or ''
                 ]]
    print_table(['', 'version'], rows)


def print_errors(args: argparse.Namespace) -> None:
    """Compare every kernel with pure torch in float64."""
    import torch

    from dksan_mm.ops.triton import self_check
    rows = []
    for form in self_check.PATHS:
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            row = [form, str(dtype).removeprefix('torch.')]
            try:
                error = self_check.largest_error(dtype,
                                                 torch.device(args.device),
                                                 form)
                limit = self_check.tolerance(dtype)
                row += [f'{error:.1e}', 'yes' if error <= limit else 'NO']
            except Exception as error:  # from the compiler or the driver
                row += [one_line(error), 'NO']
            rows.append(row)
    print_table(['kernels', 'type', 'largest error', 'right'], rows)


def print_times(args: argparse.Namespace) -> None:
    """Time our operators and others in float32 and bfloat16."""
    import benchmark_ops
    import torch
    for dtype in ('float32', 'bfloat16'):
        settings = argparse.Namespace(
            device=args.device, dtype=dtype, channels=args.channels, batch=1)
        operators = benchmark_ops.make_operators(settings, args.size, False)
        rows = []
        unit = {benchmark_ops.UNIT: operators[benchmark_ops.UNIT]}
        for name, operator in operators.items():
            row = [name]
            for step in (benchmark_ops.forward, benchmark_ops.training_step):
                try:
                    times = benchmark_ops.time_paired({
                        **unit, name: operator
                    }, step, args.rounds)[name]
                    row.append(f'{times.milliseconds:.3f} ms, '
                               f'{times.ratio:.2f}')
                except (RuntimeError, torch.OutOfMemoryError) as error:
                    row.append(one_line(error))
            rows.append(row)
        height, width = args.size
        print_table([
            f'{args.channels} channels, {height}x{width}, {dtype}', 'forward',
            'forward and backward'
        ], rows)


def print_step(args: argparse.Namespace) -> None:
    """Time training steps of the config."""
    from dksan_mm.analysis import training_cost
    config = launch.Config.fromfile(args.config)
    steps = max(2, args.rounds // 4)
    cost = training_cost.measure_step(config, steps=steps, device=args.device)
    print_table(['training step', ''],
                [[name.replace('_', ' '), str(value)]
                 for name, value in cost._asdict().items()])


def print_frame(args: argparse.Namespace) -> None:
    """Time one frame of the config's network."""
    import torch

    from dksan_mm.apis import init_model
    model: Any = init_model(args.config, device=args.device)
    frames = torch.rand(1, 7, 3, *args.frame, device=args.device)
    seconds = []
    with torch.no_grad():
        for _ in range(3):
            wait(args)
            start = time.perf_counter()
            out = model.forward_tensor(frames)
            wait(args)
            seconds.append(time.perf_counter() - start)
    rows = [[
        'x'.join(map(str, out.shape[2:])), f'{1000 * min(seconds):.1f} ms',
        f'{torch.cuda.max_memory_allocated() / 2**20:.0f} MiB'
        if args.device == 'cuda' else ''
    ]]
    print_table(['frame', 'time', 'peak memory'], rows)


def wait(args: argparse.Namespace) -> None:
    """Wait until the GPU has finished."""
    import torch
    if args.device == 'cuda':
        torch.cuda.synchronize()


def one_line(error: Exception) -> str:
    """Return the first line of an error for a table cell."""
    text = f'{type(error).__name__}: {error}'.splitlines()[0]
    return text.replace('|', '/')[:120]


def print_part(title: str, part: Callable[[argparse.Namespace], None],
               args: argparse.Namespace) -> None:
    """Print one part, or why it failed."""
    print(f'## {title}\n')
    try:
        part(args)
    except Exception as error:  # continue with the other parts
        print(f'Failed: {one_line(error)}\n')


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.tables:
        os.environ.pop('TRITON_INTERPRET', None)  # it disables the compiler
        rewrite_tables(Path(args.tables))
        return
    import torch
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise UserError('--device cuda: torch sees no GPU here')
    parts = {
        'Machine': print_machine,
        'Kernels compared with pure torch in float64': print_errors,
        'Times, and their ratio to a dense 3x3 convolution': print_times,
        'Training step': print_step,
        'Frame': print_frame,
    }
    for title, part in parts.items():
        print_part(title, part, args)


if __name__ == '__main__':
    sys.exit(launch.run_tool(main))

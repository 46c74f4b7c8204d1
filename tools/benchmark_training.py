# Copyright (c) DKSAN-MM contributors.
"""Measure the time and the memory of training steps.

python tools/benchmark_training.py [CONFIG ...] [options]

Each config is trained on noise in its own process. A second table estimates
the time of a whole training on several GPUs.
"""
import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dksan_mm.analysis import training_cost
from dksan_mm.cli import data_checks, launch
from dksan_mm.cli.arguments import positive, thread_count
from dksan_mm.cli.runners import BUILD_ERRORS, build_reason
from dksan_mm.engine.runner import scaling
from dksan_mm.utils.errors import UserError

MEGABYTE = 2**20
CONFIGS = [
    str(ROOT / 'configs' / f'{name}_vid3oc_x16.py')
    for name in ('dksan', 'edvr', 'dksan-s', 'edvr-s')
]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'configs',
        nargs='*',
        default=CONFIGS,
        metavar='CONFIG',
        help='default: dksan, edvr, dksan-s and edvr-s')
    count: dict[str, Any] = dict(type=positive, metavar='N')
    parser.add_argument(
        '--precision',
        choices=('fp32', *scaling.PRECISIONS),
        help="default: the config's")
    parser.add_argument(
        '--with-cp', action='store_true', help='activation checkpointing')
    parser.add_argument('--channels-last', action='store_true')
    parser.add_argument(
        '--compile', action='store_true', help='use torch.compile')
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument(
        '--threads',
        type=thread_count,
        metavar='N',
        help='number of torch threads on a CPU')
    parser.add_argument('--batch', **count, help="default: the config's")
    parser.add_argument(
        '--steps',
        default=5,
        **count,
        help='timed steps, after two others (default: 5)')
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help='measure the share of data loading with the data in DIR')
    parser.add_argument(
        '--total-batch',
        default=16,
        **count,
        help='total batch size of the estimate (default: 16)')
    parser.add_argument(
        '--updates',
        default=115_000,
        **count,
        help='updates of the estimate (default: 115,000)')
    parser.add_argument(
        '--bandwidth',
        default=20.,
        type=_bandwidth,
        metavar='GB/s',
        help='bandwidth between GPUs (chosen here: 20, as PCIe 4.0 x16)')
    launch.add_config_options(parser)
    return parser.parse_args(argv)


def _bandwidth(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f'must be above 0, got {text}')
    return value


def prepare_config(path: str, args: argparse.Namespace) -> launch.Config:
    """Load a config with the options applied, after all quick checks."""
    config = launch.read_config(path, args.cfg_options)
    if not config.get('train_dataloader') or not config.get('optim_wrapper'):
        raise UserError(f'{path} cannot be trained')
    if args.batch:
        config.train_dataloader.batch_size = args.batch
    if args.with_cp:
        config.model.generator.with_cp = True
    if args.channels_last:
        config.model.channels_last = True
    if args.compile:
        config.compile = True
    if args.precision == 'fp32':
        config.optim_wrapper.dtype = None
    elif args.precision:
        scaling.use_autocast(config, args.precision)
    if args.data_root:
        data_checks.redirect_data(config, args.data_root)
        data_checks.check_data(config, ['train_dataloader'])
        data_checks.check_windows(config, ['train_dataloader'])
        data_checks.check_crops(config)
    return config


def cost_rows(costs: dict) -> Iterator[list[str]]:
    """Yield the rows of the table of measurements."""
    yield ['config', 'parameters', 'precision', 'batch', 'LR', 's/step',
           'samples/s', 'peak MB', 'of it weights',
           'data time']  # yapf: disable
    for name, cost in costs.items():
        weights = 4 * training_cost.NUM_COPIES * cost.parameters
        yield [
            name, f'{cost.parameters:,}', cost.precision,
            str(cost.batch), f'{cost.lr_size}x{cost.lr_size}',
            f'{cost.seconds:.3f}', f'{cost.batch / cost.seconds:.2f}',
            f'{cost.memory / MEGABYTE:.0f}', f'{weights / MEGABYTE:.0f}',
            '' if cost.data_share is None else f'{cost.data_share:.1%}'
        ]


def run_rows(costs: dict, args: argparse.Namespace) -> Iterator[list[str]]:
    """Yield the rows of the table of predicted trainings."""
    yield ['config', 'GPUs', 's/update', 'sent MB', 'samples/s', 'hours']
    for name, cost in costs.items():
        for gpus in (1, 4, 8):
            run = training_cost.predict_run(
                cost,
                gpus,
                total_batch=args.total_batch,
                updates=args.updates,
                bandwidth=1e9 * args.bandwidth)
            yield [
                name,
                str(gpus), f'{run.step_seconds:.3f}',
                f'{run.sent / MEGABYTE:.0f}', f'{run.samples_per_second:.1f}',
                f'{run.hours:.1f}'
            ]


def print_table(lines: Iterator[list[str]]) -> None:
    """Print a Markdown table with aligned columns."""
    rows = list(lines)
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows.insert(1, ['-' * width for width in widths])
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(n) for cell, n in zip(row[1:], widths[1:])]
        print(f'| {" | ".join(cells)} |')


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    configs = {
        Path(path).stem: prepare_config(path, args)
        for path in args.configs
    }
    costs = {}
    for name, config in configs.items():
        print(f'{name} ...', file=sys.stderr)
        try:
            costs[name] = training_cost.measure_step(
                config,
                steps=args.steps,
                device=args.device,
                threads=args.threads,
                with_data=bool(args.data_root))
        except MemoryError as error:
            raise UserError(f'{name}: {error} (out of memory?)') from error
        except (*BUILD_ERRORS, RuntimeError) as error:
            raise UserError(f'{name} cannot be trained: '
                            f'{build_reason(error)}') from error
    print_table(cost_rows(costs))
    print(f'\nEstimate: {args.updates:,} updates of {args.total_batch} '
          f'samples, time proportional to samples, {args.bandwidth:g} GB/s '
          'between GPUs, no overlap of sending and computing')
    print_table(run_rows(costs, args))


if __name__ == '__main__':
    sys.exit(launch.run_tool(main))

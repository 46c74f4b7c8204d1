# Copyright (c) DKSAN-MM contributors.
"""Train a model: python tools/train.py CONFIG [options]."""
import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli import data_checks, launch, runners
from dksan_mm.engine.runner import scaling
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.shutdown import finish

INTERRUPTED = 'interrupted; --resume continues from the last checkpoint'


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument('config', help='config file, such as one of configs/')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from CHECKPOINT, or from the latest intact checkpoint '
        'in the work dir (from the start, if there is none)')
    parser.add_argument(
        '--amp',
        nargs='?',
        const='bf16',
        choices=scaling.PRECISIONS,
        help='automatic mixed precision: bf16 (default), or fp16 on a GPU')
    parser.add_argument(
        '--total-batch',
        nargs='?',
        const=0,
        type=int,
        metavar='N',
        help='total batch size of all processes; gradients are accumulated '
        'if the batch of a process is larger than that of the config '
        '(default: auto_scale_lr.base_batch_size of the config)')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the total batch size')
    launch.add_common_arguments(parser)
    return parser.parse_args(argv)


def prepare_config(args: argparse.Namespace) -> launch.Config:
    """Load the config with the options applied, after all quick checks."""
    config = launch.load_config(args)
    launch.check_work_dir(config)
    launch.check_parts(
        config, ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'),
        f'{args.config} cannot be trained')
    if args.data_root:
        data_checks.redirect_data(config, args.data_root)
    loaders = ['train_dataloader']
    loaders += ['val_dataloader'] if config.get('val_cfg') else []
    data_checks.check_data(config, loaders)
    data_checks.check_windows(config, loaders)
    data_checks.check_crops(config)
    scale_batch(args, config)
    if args.resume:
        config.resume = True
        # The config's own weights are only for the start.
        args.first_weights = config.get('load_from')
        config.load_from = None if args.resume == 'auto' else args.resume
    return config


def scale_batch(args: argparse.Namespace, config: launch.Config) -> None:
    """Apply --total-batch and --auto-scale-lr."""
    base = scaling.base_batch(config)
    for option, needs_base in (('--auto-scale-lr', args.auto_scale_lr),
                               ('--total-batch', args.total_batch == 0)):
        if needs_base and not base:
            raise UserError(f'{option}: {args.config} does not state '
                            'auto_scale_lr.base_batch_size')
    if args.total_batch is not None:
        total: Any = args.total_batch or base  # one of both is known
        scaling.spread_batch(config, total)
    if args.auto_scale_lr:
        config.auto_scale_lr.enable = True


def check_start(config: launch.Config, start, runner) -> None:
    """Reject weights of another network; print what the run starts from.

    A resumed run needs all weights; a new run may start with part of them.
    """
    from dksan_mm.engine.runner.checkpoint import check_fits, shapes
    from dksan_mm.engine.runner.schedule import uneven_end
    uneven = uneven_end(config)
    for sentence in start.damaged + ([uneven] if uneven else []):
        runner.logger.warning(sentence)
    found, wanted = start.shapes, shapes(runner.model.state_dict())
    fits_partly = bool(found.items() & wanted.items())
    if found and (config.resume or not fits_partly):
        check_fits(start.path, found, wanted)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    config = prepare_config(args)
    launch.check_launcher(config.launcher)
    from dksan_mm.io.locks import claimed
    first = os.environ.get('RANK', '0') == '0'
    with ExitStack() as stack:
        if first:
            try:
                stack.enter_context(claimed(config.work_dir))
            except FileExistsError as error:
                raise UserError(str(error)) from error
        train(args, config)


def choose_start(args: argparse.Namespace, config: launch.Config):
    """Find what the training starts from, and tell the config."""
    from dksan_mm.engine.runner.resume import check_new, find_start
    asked = config.get('resume')
    if not asked:
        check_new(config.work_dir)
    start = find_start(config)
    if asked and not start.path and args.resume and args.first_weights:
        config.update(resume=False, load_from=args.first_weights)
        start = find_start(config)
    # Without a start, mmengine must not look for one.
    config.load_from = start.path or None
    config.resume = bool(config.get('resume') and start.path)
    return start


def train(args: argparse.Namespace, config: launch.Config) -> None:
    """Train, while no other run on this machine writes to the work dir."""
    if args.amp:
        scaling.use_autocast(config, args.amp)
    config.model_wrapper_cfg = scaling.data_parallel(config)
    asked = config.get('resume')
    start = choose_start(args, config)
    launch.import_modules(config)
    launch.check_imported(args)
    from mmengine.runner import Runner

    from dksan_mm.engine.runner.checkpoint import mmengine_globals
    launch.start_cpu_group(config)
    runner = runners.build_runner(Runner, config)
    check_start(config, start, runner)
    if asked and not config.resume:
        begin = f'with {start.path}' if start.path else 'from the beginning'
        runner.logger.info(f'nothing to resume in {config.work_dir}: the '
                           f'training starts {begin}')
    note = scaling.batch_note(config)
    if note:
        runner.logger.info(note)
    with mmengine_globals():
        runner.train()
    runner.logger.info(f'checkpoints are in {config.work_dir}')


if __name__ == '__main__':
    finish(launch.run_tool(main, when_interrupted=INTERRUPTED))

# Copyright (c) DKSAN-MM contributors.
"""Train a model: python tools/train.py CONFIG [options]."""
import argparse
import sys
from pathlib import Path
from typing import Optional, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm import launch, scaling
from dksan_mm.errors import UserError

INTERRUPTED = 'interrupted; --resume goes on from the last checkpoint'


def parse_args(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument('config', help='config file, e.g. from configs/')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from CHECKPOINT, or from the latest in the work dir '
        '(from the start, if there is none)')
    parser.add_argument(
        '--amp',
        nargs='?',
        const='bf16',
        choices=scaling.PRECISIONS,
        help='automatic mixed precision: bf16 (the default), or fp16 on a GPU')
    parser.add_argument(
        '--total-batch',
        nargs='?',
        const=0,
        type=int,
        metavar='N',
        help='samples of an update, whatever the number of processes; larger '
        'batches than the config\'s are worked on in parts (default: the '
        'config\'s auto_scale_lr.base_batch_size)')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the total batch')
    launch.add_common_arguments(parser)
    return parser.parse_args(argv)


def prepare_config(args: argparse.Namespace) -> launch.Config:
    """The config as the command line wants it; all quick checks made."""
    config = launch.load_config(args)
    for name in ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'):
        if not config.get(name):
            raise UserError(f'{args.config} cannot be trained: it has no '
                            f'{name}')
    if args.data_root:
        launch.redirect_data(config, args.data_root)
    loaders = ['train_dataloader']
    loaders += ['val_dataloader'] if config.get('val_cfg') else []
    launch.check_data(config, loaders)
    launch.check_crops(config)
    scale_batch(args, config)
    if args.resume:
        config.resume = True
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
        scaling.spread_batch(config, args.total_batch or base)
    if args.auto_scale_lr:
        config.auto_scale_lr.enable = True


def start_file(config: launch.Config) -> Optional[str]:
    """The checkpoint that the run starts from, None without one."""
    if config.get('load_from') or not config.get('resume'):
        return config.get('load_from')
    pointer = Path(config.work_dir, 'last_checkpoint')
    if not pointer.is_file():
        return None
    recorded = Path(pointer.read_text().strip())
    # The work dir may have been moved since.
    beside = pointer.with_name(recorded.name)
    return str(recorded if recorded.is_file() else beside)


def read_start(config: launch.Config) -> dict:
    """Shapes of the weights that the run starts from, {} without any.

    Raises:
        UserError: If they cannot be loaded, or the run not resumed.
    """
    from dksan_mm.checkpoint import read_checkpoint, shapes
    path = config.load_from = start_file(config)
    if not path:
        return {}
    checkpoint = read_checkpoint(path)
    if config.resume:
        check_resumable(path, checkpoint)
    return shapes(checkpoint['state_dict'])


def check_resumable(path: str, checkpoint: dict) -> None:
    """Refuse what no run can, or should, be resumed from."""
    if not {'meta', 'optimizer', 'message_hub'} <= checkpoint.keys():
        raise UserError(f'{path} holds weights only, no run can be resumed '
                        'from it; load_from starts a new one with them')
    # mmengine would run it as a program; no version since 0.1 writes it.
    if 'config' in checkpoint['meta']:
        raise UserError(f'{path} is not loaded: it holds a program '
                        '(meta.config), and a checkpoint must hold nothing '
                        'but data')


def check_start(config: launch.Config, found: dict, runner) -> None:
    """Refuse weights of another network; say so when there are none.

    To resume, all must fit; a new run may start with part of them.
    """
    from dksan_mm.checkpoint import check_fits, shapes
    wanted = shapes(runner.model.state_dict())
    if found and not config.resume:
        fitting = dict(found.items() & wanted.items())
        found, wanted = (wanted, wanted) if fitting else (found, wanted)
    if found:
        check_fits(config.load_from, found, wanted)
    elif config.resume:
        runner.logger.info(f'nothing to resume in {config.work_dir}: the '
                           'training starts from the beginning')


def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    config = prepare_config(args)
    launch.check_launcher(config.launcher)
    if args.amp:
        scaling.use_autocast(config, args.amp)
    config.model_wrapper_cfg = scaling.data_parallel(config)
    found = read_start(config)

    launch.import_modules(config)
    from mmengine.runner import Runner

    from dksan_mm.checkpoint import mmengine_globals
    launch.start_cpu_group(config)
    runner = launch.build_runner(Runner, config)
    check_start(config, found, runner)
    note = scaling.batch_note(config)
    if note:
        runner.logger.info(note)
    with mmengine_globals():
        runner.train()
    runner.logger.info(f'checkpoints are in {config.work_dir}')


if __name__ == '__main__':
    sys.exit(launch.run_tool(main, when_interrupted=INTERRUPTED))

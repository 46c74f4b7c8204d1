# Copyright (c) DKSAN-MM contributors.
"""Evaluate a checkpoint: python tools/test.py CONFIG CHECKPOINT [options]."""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli import data_checks, launch, runners
from dksan_mm.cli.arguments import add_output_options
from dksan_mm.cli.scales import SCALES, set_scale
from dksan_mm.io.outputs import check_output
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.shutdown import finish


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Evaluate a checkpoint.')
    parser.add_argument('config', help='config file, such as one of configs/')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint file; not needed for models without parameters')
    add_output_options(
        parser,
        'FILE.json',
        help='write the averages and the scores of each video')
    parser.add_argument(
        '--scale',
        type=int,
        choices=SCALES,
        help='scale of the LR frames and the network; 4 needs the LR frames '
        'of prepare_data.py --scale 4 (default: that of the config)')
    parser.add_argument(
        '--deterministic',
        action='store_true',
        help='use deterministic algorithms, which are slower on a GPU')
    launch.add_common_arguments(parser)
    return parser.parse_args(argv)


def prepare_config(args: argparse.Namespace) -> launch.Config:
    """Load the config with the options applied, after all quick checks."""
    config = launch.load_config(args)
    launch.check_work_dir(config)
    launch.check_parts(
        config, ('model', 'test_dataloader', 'test_cfg', 'test_evaluator'),
        f'{args.config} cannot be tested')
    check_output(args.out, overwrite=args.overwrite)
    if args.data_root:
        data_checks.redirect_data(config, args.data_root)
    if args.scale:
        set_scale(config, args.scale)
    data_checks.check_data(config, ['test_dataloader'])
    data_checks.check_windows(config, ['test_dataloader'])
    config.load_from, config.resume = None, False  # main loads the weights
    if args.deterministic:
        config.setdefault('randomness', {}).update(deterministic=True)
    return config


def build_runner(config: launch.Config):
    """Build mmengine's Runner without wrapping the model for DDP.

    DDP averages gradients, but a test has none, and torch rejects DDP for
    a model without parameters.
    """
    from mmengine.device import get_device
    from mmengine.runner import Runner

    class TestRunner(Runner):

        def wrap_model(self, model_wrapper_cfg, model):
            return model.to(get_device())

    return runners.build_runner(TestRunner, config)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    config = prepare_config(args)
    launch.check_launcher(config.launcher)
    from dksan_mm.engine.runner import checkpoint
    if args.checkpoint:
        checkpoint.read_checkpoint(args.checkpoint)  # fail early

    launch.import_modules(config)
    launch.check_imported(args)
    launch.start_cpu_group(config)
    runner = build_runner(config)
    if args.checkpoint:
        from mmengine.model import is_model_wrapper
        model = runner.model
        checkpoint.load_weights(
            model.module if is_model_wrapper(model) else model,
            args.checkpoint)
        runner.logger.info(f'weights of {args.checkpoint}')
    elif checkpoint.shapes(runner.model.state_dict()):
        raise UserError(f'{args.config} describes a model with parameters: '
                        'CHECKPOINT is required')
    if args.out:
        from dksan_mm.engine.hooks import ResultsFileHook
        hook = ResultsFileHook(args.out, overwrite=args.overwrite)
        runner.register_hook(hook, priority='LOWEST')
    with checkpoint.mmengine_globals():
        runner.test()


if __name__ == '__main__':
    finish(launch.run_tool(main))

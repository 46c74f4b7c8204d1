# Copyright (c) DKSAN-MM contributors.
"""Initialise a large network from the weights of a trained, small network.

    python tools/widen_weights.py weights/dksan-s_vid3oc_x16.pth \\
        configs/dksan-m_open_x16.py wide.pth
    python tools/train.py configs/dksan-m_open_x16.py --cfg-options \\
        load_from=wide.pth

The large network computes the same frames as the small network, up to
rounding. Both must be DKSANNets. The large network has a multiple of the
channels, and as many blocks or more.
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli import launch
from dksan_mm.cli.runners import BUILD_ERRORS, build_reason
from dksan_mm.io.outputs import check_output
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.running import last_line, run_tool


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments before torch is imported."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='weights of the small network')
    parser.add_argument('config', help='config of the large network')
    parser.add_argument('out', help='output file, .pth')
    parser.add_argument(
        '--noise',
        type=float,
        default=0.25,
        help='difference between the copies of a channel (default: '
        '%(default)s)')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='random seed of the noise and of additional blocks')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace OUT if it exists')
    return parser.parse_args(argv)


def widen_checkpoint(args: argparse.Namespace) -> dict:
    """Return the large network's weights, by the names in a whole model."""
    import torch

    from dksan_mm.engine.runner.checkpoint import (current_name, needed,
                                                   read_checkpoint, rename)
    from dksan_mm.models.widening import widen
    found = needed(read_checkpoint(args.checkpoint)['state_dict'])
    config = launch.read_config(args.config)
    launch.import_modules(config)
    from dksan_mm.apis import init_model
    torch.manual_seed(args.seed)
    try:
        wide = init_model(config)
    except BUILD_ERRORS as error:
        raise UserError(f'{args.config} does not describe a network that can '
                        f'be built: {build_reason(error)}') from error
    found = rename(found, wide.state_dict())
    weights = {current_name(name): value for name, value in found.items()}
    return widen(weights, wide, noise=args.noise, seed=args.seed)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    try:
        check_output(args.out, overwrite=args.overwrite)
        from dksan_mm.engine.runner.weights import write_weights
        weights = widen_checkpoint(args)
        write_weights(args.out, weights)
    except (OSError, ValueError) as error:
        raise UserError(last_line(error)) from error
    print(f'{args.out}: {sum(v.numel() for v in weights.values()):,} numbers')


if __name__ == '__main__':
    sys.exit(run_tool(main))

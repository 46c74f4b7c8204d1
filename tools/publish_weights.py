# Copyright (c) DKSAN-MM contributors.
"""Extract the weights from a checkpoint of a training.

    python tools/publish_weights.py work_dirs/NAME/iter_3500.pth mine.pth
    python tools/publish_weights.py work_dirs/NAME/iter_9.pth mine.safetensors
    python tools/publish_weights.py gan.pth a.pth --from soft.pth --detail 0.5

The output contains neither the state of the optimizer, the log and counters,
nor a discriminator. If the training averaged the weights, the output contains
the averaged weights. The suffix selects the format: .pth for torch, which can
be loaded with weights_only=True, or .safetensors. All tools read both.

--from and --detail interpolate between the initial weights of the training (0)
and the trained weights (1).
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli import launch
from dksan_mm.cli.arguments import share_of_one
from dksan_mm.io.outputs import check_output
from dksan_mm.utils.errors import UserError

SUFFIXES = ('.pth', '.safetensors')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse and check the arguments before torch is imported."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'checkpoint', help='checkpoint of tools/train.py, or weights')
    parser.add_argument('out', help='output file, .pth or .safetensors')
    parser.add_argument(
        '--from',
        dest='first',
        metavar='WEIGHTS',
        help='initial weights of the training')
    parser.add_argument(
        '--detail',
        type=share_of_one,
        metavar='0..1',
        help='interpolation factor: 0 for --from, 1 for CHECKPOINT')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace OUT if it exists')
    args = parser.parse_args(argv)
    if not args.out.endswith(SUFFIXES):
        parser.error(f'{args.out}: the suffix is one of {", ".join(SUFFIXES)}')
    if (args.first is None) != (args.detail is None):
        parser.error('--from and --detail: use both or neither')
    return args


def read_weights(path: str) -> dict:
    """Read the weights of a checkpoint without training-only ones."""
    from dksan_mm.engine.runner.checkpoint import needed, read_checkpoint
    return needed(read_checkpoint(path)['state_dict'])


def blend(first: dict, second: dict, args: argparse.Namespace) -> dict:
    """Interpolate between the weights of two equal networks."""
    from dksan_mm.models.blending import blend_weights
    try:
        return blend_weights(first, second, args.detail)
    except ValueError as error:
        raise UserError(f'{args.first} and {args.checkpoint} are not weights '
                        f'of the same network: {error}') from error


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    try:
        check_output(args.out, overwrite=args.overwrite)
        from dksan_mm.engine.runner.weights import write_weights
        found = read_weights(args.checkpoint)
        if args.first is not None:
            found = blend(read_weights(args.first), found, args)
        write_weights(args.out, found)
    except OSError as error:
        raise UserError(launch.last_line(error)) from error
    print(f'{args.out}: {len(found)} tensors, '
          f'{sum(value.numel() for value in found.values()):,} numbers')


if __name__ == '__main__':
    sys.exit(launch.run_tool(main))

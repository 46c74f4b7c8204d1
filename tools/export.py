# Copyright (c) DKSAN-MM contributors.
"""Export a network as ONNX: python tools/export.py OUT.onnx [options].

    python tools/export.py dksan-s.onnx
    python tools/export.py mine.onnx --config configs/dksan-m_open_x16.py \\
        --checkpoint CHECKPOINT

Two files are written: OUT.extract.onnx makes the features of a frame, and
OUT.restore.onnx makes an HR frame of a window of features. docs/onnx.md tells
what goes in and out. "python -m dksan_mm.inference.onnx INPUT OUTPUT --model
OUT.onnx" upscales videos with them, without torch.
"""
import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli.arguments import name_dashes, share_of_one
from dksan_mm.cli.running import last_line, run_tool
from dksan_mm.cli.scales import SCALES
from dksan_mm.inference.onnx import graph_paths
from dksan_mm.io.outputs import check_output
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.release import PIXEL_NETWORKS, RELEASED, release_folder


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse and check the arguments, before torch is imported."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage='%(prog)s OUT.onnx [options]')
    parser.add_argument('out', metavar='OUT.onnx', help='see above')
    parser.add_argument(
        '--model',
        choices=RELEASED,
        help='a released network (default: dksan-s)')
    parser.add_argument(
        '--detail',
        type=share_of_one,
        metavar='0..1',
        help='how much dksan-s-gan invents: 0 is dksan-s (default: 0.6)')
    parser.add_argument('--config', help='config of a network of your own')
    parser.add_argument(
        '--checkpoint',
        help='its trained weights (default: the released ones, if any)')
    parser.add_argument(
        '--scale',
        type=int,
        choices=SCALES,
        help='factor of width and height: 16, or that of an earlier level of '
        'the network (default: 16)')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace what exists')
    parser.set_defaults(
        cfg_options=None, work_dir=None, launcher='none', local_rank=0)
    name_dashes(parser, argv)
    args = parser.parse_args(argv)
    if args.model and args.config:
        parser.error('--model and --config: give one of them')
    if args.detail is not None and args.model not in PIXEL_NETWORKS:
        parser.error(f'--detail is for --model {", ".join(PIXEL_NETWORKS)}')
    if args.config and importlib.util.find_spec('mmagic') is None:
        parser.error('--config needs mmagic, which is not installed: '
                     "pip install 'dksan_mm[mmagic]' (docs/install.md)")
    return args


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be done, before torch is imported."""
    for path in graph_paths(args.out):
        check_output(path, overwrite=args.overwrite)
    if importlib.util.find_spec('onnx') is None:
        raise UserError("export needs onnx, which is not installed: pip "
                        "install 'dksan_mm[onnx]'")


def load(args: argparse.Namespace) -> tuple:
    """Return the model and its name."""
    if not args.config:
        from dksan_mm import load_model
        name = args.model or 'dksan-s'
        model = load_model(
            name, checkpoint=args.checkpoint, detail=args.detail)
        return model, name
    name = Path(args.config).stem
    released = release_folder() / 'weights' / f'{name}.pth'
    checkpoint = args.checkpoint or (released if released.is_file() else None)
    if checkpoint is None:
        raise UserError(f'no weights are released for {args.config}: name '
                        'your own with --checkpoint (tools/train.py makes '
                        'them)')
    from dksan_mm.cli import launch
    config = launch.load_config(args)
    launch.import_modules(config)
    launch.check_imported(args)
    from dksan_mm.apis import init_model
    try:
        return init_model(config, checkpoint), name
    except launch.BUILD_ERRORS as error:
        raise UserError(f'{args.config} does not describe a network that can '
                        f'be built: {last_line(error)}') from error


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    check(args)
    try:
        model, name = load(args)
        from dksan_mm.inference.onnx_export import export_onnx
        paths = export_onnx(
            model,
            args.out,
            name=name,
            scale=args.scale,
            overwrite=args.overwrite)
    except (OSError, ValueError) as error:
        raise UserError(last_line(error)) from error
    for path in paths:
        print(f'{path}: {Path(path).stat().st_size / 2**20:.1f} MiB')


if __name__ == '__main__':
    sys.exit(run_tool(main))

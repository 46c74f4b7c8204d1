# Copyright (c) DKSAN-MM contributors.
"""Export a network as ONNX: python tools/export.py OUT.onnx [options].

    python tools/export.py dksan-s.onnx
    python tools/export.py mine.onnx --config configs/dksan-m_open_x16.py \\
        --checkpoint CHECKPOINT

The tool writes two files: OUT.extract.onnx computes the features of a frame,
and OUT.restore.onnx computes an HR frame from a window of features. Inputs and
outputs are described in docs/onnx.md. "python -m dksan_mm.inference.onnx INPUT
OUTPUT --model OUT.onnx" upscales videos with them, without torch.
"""
import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli.arguments import name_dashes
from dksan_mm.cli.networks import (add_network_options, check_network_options,
                                   load_network, network_name)
from dksan_mm.inference.onnx import graph_paths
from dksan_mm.io.outputs import check_output
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.running import run_tool


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse and check the arguments before torch is imported."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage='%(prog)s OUT.onnx [options]')
    parser.add_argument('out', metavar='OUT.onnx', help='see above')
    add_network_options(parser)
    parser.add_argument(
        '--overwrite', action='store_true', help='replace existing files')
    name_dashes(parser, argv)
    args = parser.parse_args(argv)
    check_network_options(parser, args)
    return args


def check(args: argparse.Namespace) -> None:
    """Check the outputs and options before torch is imported."""
    for path in graph_paths(args.out):
        check_output(path, overwrite=args.overwrite)
    if importlib.util.find_spec('onnx') is None:
        raise UserError("export needs onnx, which is not installed: pip "
                        "install 'dksan_mm[onnx]'")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    check(args)
    model = load_network(args)
    from dksan_mm.inference.onnx_export import export_onnx
    paths = export_onnx(
        model,
        args.out,
        name=network_name(args),
        scale=args.scale,
        overwrite=args.overwrite)
    for path in paths:
        print(f'{path}: {Path(path).stat().st_size / 2**20:.1f} MiB')


if __name__ == '__main__':
    sys.exit(run_tool(main))

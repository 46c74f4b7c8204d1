# Copyright (c) DKSAN-MM contributors.
"""Say what the kernels for GPUs take.

python tools/gpu_check.py --tables docs/gpu.md
"""
import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli import launch
from dksan_mm.utils.errors import UserError


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--tables',
        metavar='FILE',
        help='compile the kernels and rewrite the tables in FILE, no more')
    return parser.parse_args(argv)


def rewrite_tables(file: Path) -> None:
    """Replace what is between ``<!-- NAME -->`` and ``<!-- end -->``."""
    text = file.read_text()
    try:
        from dksan_mm.ops.triton import tables, targets
    except ImportError as error:
        raise UserError(f'--tables: {error}') from error
    forms = list(tables.common())
    made = dict(
        resources=targets.resources(forms), roofline=tables.roofline(forms))
    for name, table in made.items():
        text = re.sub(
            rf'(<!-- {name} -->\n).*?(?=<!-- end -->)',
            lambda match: match[1] + table,
            text,
            flags=re.DOTALL)
    file.write_text(text)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.tables:
        os.environ.pop('TRITON_INTERPRET', None)  # it replaces the compiler
        rewrite_tables(Path(args.tables))


if __name__ == '__main__':
    sys.exit(launch.run_tool(main))

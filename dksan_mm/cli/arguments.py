# Copyright (c) DKSAN-MM contributors.
"""Values on the tools' command lines, for argparse's ``type``."""
import argparse
import os.path as osp
import re
import sys
from collections.abc import Sequence


def positive(text: str) -> int:
    """A whole number of at least 1.

    Raises:
        ArgumentTypeError: If it is none.
    """
    if not re.fullmatch('[0-9]+', text) or not int(text):
        raise argparse.ArgumentTypeError(f'must be at least 1, got {text}')
    return int(text)


def frame_size(text: str) -> tuple[int, int]:
    """Height and width: ``'67x120'``, or ``'64'`` for a square.

    Raises:
        ArgumentTypeError: If it is neither.
    """
    match = re.fullmatch(r'([1-9][0-9]*)(?:x([1-9][0-9]*))?', text)
    if not match:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no size: height x width, such as 67x120, or one '
            'number for both')
    return int(match[1]), int(match[2] or match[1])


def add_output_options(parser: argparse.ArgumentParser, metavar: str,
                       **options) -> None:
    """Add ``--out`` and ``--overwrite``.

    Args:
        parser (ArgumentParser): Gets the options.
        metavar (str): What ``--out`` is called, such as ``'FILE.json'``.
        options: Of ``--out``, as in ``add_argument``.
    """
    parser.add_argument('--out', metavar=metavar, **options)
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace the file that --out names, if it exists')


def name_dashes(parser: argparse.ArgumentParser,
                argv: Sequence[str] | None) -> None:
    """Refuse paths that begin with a dash, which argparse takes for options.

    Args:
        parser (ArgumentParser): Which refuses them.
        argv (Sequence[str], optional): Arguments; those of the process if not
            given. What follows ``--`` is no option.
    """
    for text in sys.argv[1:] if argv is None else argv:
        if text == '--':
            return
        if re.match('-[^-0-9]', text) and osp.lexists(text):
            parser.error(f'{text}: a path that begins with a dash is written '
                         f'./{text}')

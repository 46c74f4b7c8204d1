# Copyright (c) DKSAN-MM contributors.
"""Parsers of command-line values, for argparse's ``type``."""
import argparse
import os.path as osp
import re
import sys
from collections.abc import Sequence
from fractions import Fraction

from dksan_mm.utils.threads import MAX_THREADS


def positive(text: str) -> int:
    """Parse an integer of at least 1.

    Raises:
        ArgumentTypeError: If it is not one.
    """
    if not re.fullmatch('[0-9]+', text) or not int(text):
        raise argparse.ArgumentTypeError(f'must be at least 1, got {text}')
    return int(text)


def thread_count(text: str) -> int:
    """Parse a number of threads.

    Raises:
        ArgumentTypeError: If it is not from 1 to ``MAX_THREADS``.
    """
    count = positive(text)
    if count > MAX_THREADS:
        raise argparse.ArgumentTypeError(
            f'must be at most {MAX_THREADS}, got {text}')
    return count


def frame_size(text: str) -> tuple[int, int]:
    """Parse height and width: ``'67x120'``, or ``'64'`` for a square.

    Raises:
        ArgumentTypeError: If it has another form.
    """
    match = re.fullmatch(r'([1-9][0-9]*)(?:x([1-9][0-9]*))?', text)
    if not match:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a size; use HEIGHTxWIDTH, such as 67x120, or '
            'one number for both')
    return int(match[1]), int(match[2] or match[1])


def video_size(text: str) -> tuple[int | None, int | None]:
    """Parse width and height: ``'1920x1080'``, ``'1920x'`` or ``'x1080'``.

    Raises:
        ArgumentTypeError: If it has another form.
    """
    match = re.fullmatch('([1-9][0-9]*)?x([1-9][0-9]*)?', text)
    if not match or text == 'x':
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a size; use WIDTHxHEIGHT, such as 1920x1080, '
            'or one of them, such as x1080')
    wide, high = (int(side) if side else None for side in match.groups())
    return wide, high


def tile_side(text: str) -> int | str | None:
    """Parse a tile size: ``'auto'``, ``'none'`` (None) or pixels.

    Raises:
        ArgumentTypeError: If it has another form.
    """
    if text in ('auto', 'none'):
        return text if text == 'auto' else None
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(
            f"must be 'auto', 'none' or a number of pixels, got {text!r}")
    return int(text)


def frame_rate(text: str) -> Fraction:
    """Parse a frame rate in Hz: ``'24'``, ``'30000/1001'``.

    Raises:
        ArgumentTypeError: If it is not a number above 0 and at most 1000.
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(
            f'must be above 0 and at most 1000, got {text!r}')
    return rate


def share_of_one(text: str) -> float:
    """Parse a number from 0 to 1.

    Raises:
        ArgumentTypeError: If it is not one.
    """
    try:
        share = float(text)
    except ValueError:
        share = -1.
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(
            f'must be a number from 0 to 1, got {text!r}')
    return share


def add_output_options(parser: argparse.ArgumentParser, metavar: str,
                       **options) -> None:
    """Add ``--out`` and ``--overwrite``.

    Args:
        parser (ArgumentParser): Parser to extend.
        metavar (str): Placeholder of ``--out``, such as ``'FILE.json'``.
        options: Options of ``--out``, as in ``add_argument``.
    """
    parser.add_argument('--out', metavar=metavar, **options)
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace the file of --out, if it exists')


def name_dashes(parser: argparse.ArgumentParser,
                argv: Sequence[str] | None) -> None:
    """Reject paths with a leading dash, which argparse takes for options.

    Args:
        parser (ArgumentParser): Parser that reports the error.
        argv (Sequence[str], optional): Arguments; by default those of the
            process. What follows ``--`` is not an option.
    """
    for text in sys.argv[1:] if argv is None else argv:
        if text == '--':
            return
        if re.match('-[^-0-9]', text) and osp.lexists(text):
            parser.error(f'{text}: a path that begins with a dash is written '
                         f'./{text}')

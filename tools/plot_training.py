# Copyright (c) DKSAN-MM contributors.
"""Plot the learning curves of trainings.

python tools/plot_training.py dksan-s=work_dirs/dksan-s_vid3oc_x16 \\
  edvr-s=work_dirs/edvr-s_vid3oc_x16 --out curves.png
"""
import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dksan_mm.cli.arguments import add_output_options
from dksan_mm.cli.launch import run_tool
from dksan_mm.io.outputs import check_output, write_output
from dksan_mm.utils.errors import UserError


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Plot logged values of trainings by iteration.')
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='NAME=WORK_DIR',
        help='a training; runs with the same name share a colour')
    add_output_options(parser, 'FILE.png', required=True)
    parser.add_argument(
        '--value', default='PSNR', help='value to plot (default: PSNR)')
    parser.add_argument(
        '--line',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='a horizontal line, such as the score of bicubic')
    return parser.parse_args(argv)


def split(argument: str) -> tuple[str, str]:
    """Split NAME=VALUE into a pair."""
    name, equals, value = argument.partition('=')
    if not (name and equals and value):
        raise UserError(f'expected NAME=VALUE, got {argument}')
    return name, value


def read_values(work_dir: str, value: str) -> dict[int, float]:
    """Read a value by iteration from the logs of a work dir.

    A resumed run has several logs; later logs override earlier ones. An
    unfinished last line is left out.

    Raises:
        UserError: If no log has the value, or one is damaged.
    """
    found: dict[int, float] = {}
    logs = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    for log in logs:
        lines = log.read_bytes().splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                if value in entry:
                    found[int(entry['step'])] = float(entry[value])
            except (ValueError, TypeError, KeyError) as error:
                if not line.endswith(b'\n'):
                    break  # it is being written, or the training was killed
                raise UserError(f'{log}: line {number} is not from the log of '
                                f'a training: {line[:60]!r}') from error
    if not found:
        raise UserError(f'no log of a training in {work_dir} has {value}')
    return dict(sorted(found.items()))


def draw(curves: list[tuple[str, dict[int, float]]], lines: list[tuple[str,
                                                                       float]],
         value: str, out: str, *, overwrite: bool) -> None:
    """Write the picture."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(7, 4), dpi=120, layout='constrained')
    axes = figure.add_subplot(xlabel='iteration', ylabel=value)
    names = list(dict.fromkeys(name for name, _ in curves))
    for name, points in curves:
        first = name not in axes.get_legend_handles_labels()[1]
        axes.plot(
            *zip(*points.items()),
            color=f'C{names.index(name)}',
            marker='.',
            label=name if first else None)
    for name, height in lines:
        axes.axhline(height, color='0.5', linestyle='--', label=name)
    axes.grid(alpha=0.3)
    axes.legend()
    kind = Path(out).suffix[1:] or 'png'
    write_output(
        out,
        lambda name: figure.savefig(name, format=kind),
        overwrite=overwrite)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_output(args.out, overwrite=args.overwrite)
    curves = [(name, read_values(work_dir, args.value))
              for name, work_dir in map(split, args.runs)]
    try:
        lines = [(name, float(value)) for name, value in map(split, args.line)]
        draw(curves, lines, args.value, args.out, overwrite=args.overwrite)
    except (ValueError, OSError) as error:
        raise UserError(f'{args.out} cannot be written: {error}') from error


if __name__ == '__main__':
    sys.exit(run_tool(main))

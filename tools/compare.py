# Copyright (c) DKSAN-MM contributors.
"""Compare models on the same frames.

    python tools/compare.py --data FOLDER --out DIR \\
        --model NAME=CONFIG[:CHECKPOINT] ...

FOLDER is the output of tools/prepare_data.py, or a folder of videos or frames.
In the second case, LR frames are made in DIR/data. The models run one after
the other, each in its own process. The tool writes results.json, results.md,
results.csv, report.html (with pictures, for a browser) and the restored frames
frames/NAME/VIDEO/000000.png to DIR.

After an interruption, the same command continues. Existing frames are
recomputed only if the config, the weights or the code of the model or the LR
frames have changed. A model with parameters and without a checkpoint has its
initial weights and is marked as untrained. The exit code is 1 if a model
failed, in which case the results of the others are written, and 2 if no model
can be built, in which case nothing is written.
"""
import argparse
import json
import os
import os.path as osp
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
sys.path.insert(0, ROOT)

from dksan_mm.cli import launch
from dksan_mm.cli.arguments import positive
from dksan_mm.cli.scales import SCALES
from dksan_mm.comparison import scores
from dksan_mm.comparison.request import (DataSpec, ModelSpec, Task,
                                         parse_models, read_config)
from dksan_mm.io.locks import lock_file
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.interrupts import stopping_once
from dksan_mm.utils.shutdown import finish

LOCK = '.lock'  # never removed: marks the folder of a comparison
RESULTS = ('results.json', 'results.md', 'results.csv', 'report.html')
INTERRUPTED = 'interrupted; the same command continues'


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--data', required=True, metavar='FOLDER', help='data set or videos')
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='folder for all results')
    parser.add_argument(
        '--model',
        required=True,
        action='append',
        metavar='NAME=CONFIG[:CHECKPOINT]',
        help='a model; repeat the option for each model')
    parser.add_argument(
        '--split',
        choices=('train', 'val', 'test'),
        help='split of FOLDER (default: val, or the only one)')
    parser.add_argument(
        '--videos', nargs='+', metavar='NAME', help='only these videos')
    parser.add_argument(
        '--frames',
        type=positive,
        metavar='N',
        help='only the first N frames of each video')
    parser.add_argument(
        '--scale',
        type=int,
        choices=SCALES,
        default=16,
        help='scale of the LR frames and the networks (default: 16)')
    parser.add_argument(
        '--metrics',
        nargs='+',
        metavar='METRIC',
        default=list(scores.DEFAULT),
        help=f'any of {", ".join(scores.METRICS)}, or MODULE:CLASS of your '
        f'own (default: {" ".join(scores.DEFAULT)})')
    parser.add_argument(
        '--save-frames',
        choices=('all', 'report'),
        default='all',
        help='restored frames to keep: all, or only those of the report '
        '(default: all)')
    parser.add_argument(
        '--device', help='cpu, cuda or cuda:N (default: a GPU, if any)')
    args = parser.parse_args(argv)
    if osp.exists(args.out) and not osp.isdir(args.out):
        parser.error(f'--out: {args.out} is not a folder')
    return args


def find_data(args: argparse.Namespace) -> DataSpec:
    """Return the frames to compare on; prepare them if necessary."""
    from dksan_mm.comparison import data
    scale = args.scale
    split = data.find_split(args.data, args.split, scale)
    root = osp.abspath(args.data)
    ready = data.is_prepared(root, split, scale)
    names = data.prepared_clips if ready else data.source_clips
    clips = data.choose_clips(names(root, split, scale), args.videos)
    if not ready:
        name = 'data' if scale == 16 else f'data_x{scale}'
        root = osp.join(osp.abspath(args.out), name)
        prepare(
            data.preparation(args.data, root, split, scale, args.frames),
            args.data)
    path = osp.join(osp.abspath(args.out), 'runs', 'clips.txt')
    data.write_clips(path, clips)
    return DataSpec(root, split, path, args.frames, scale)


def prepare(arguments: list[str], source: str) -> None:
    """Make the LR frames by tools/prepare_data.py."""
    print(f'making LR frames of {source} in {arguments[1]}', flush=True)
    tool = osp.join(ROOT, 'tools', 'prepare_data.py')
    code = subprocess.call([sys.executable, tool, *arguments])
    if code:
        raise UserError(f'--data: {source} could not be prepared, see above')


def write_results(results: dict, tasks: Sequence[Task], out: str) -> None:
    """Write the four files, each complete or unchanged."""
    from dksan_mm.comparison.report import write_report
    from dksan_mm.comparison.tables import to_csv, to_markdown
    from dksan_mm.io.images import write_bytes
    for name, text in (('results.json', json.dumps(results, indent=1)),
                       ('results.md', to_markdown(results)), ('results.csv',
                                                              to_csv(results)),
                       ('report.html', write_report(results, tasks))):
        write_bytes(osp.join(out, name), text.encode())


def show(results: dict, out: str) -> None:
    """Print the averages and where to find the rest."""
    from dksan_mm.comparison.tables import title_of
    names = list(results['metrics'])
    models = {
        title_of(name, model): model
        for name, model in results['models'].items()
    }
    width = max(map(len, models))
    print('\n' + ' ' * width + ''.join(f'{name:>12}' for name in names))
    for title, model in models.items():
        found = model.get('averages', {})
        values = (f'{found[name]:.4f}' if name in found else '-'
                  for name in names)
        print(
            title.ljust(width) +
            ('  failed' if 'error' in model else ''.join(f'{value:>12}'
                                                         for value in values)))
    files = ', '.join(
        osp.join(out, name) for name in ('report.html', 'results.md',
                                         'results.csv', 'results.json'))
    print(f'\nwritten: {files}')


def check_out(out: str) -> None:
    """Reject a folder with files of the user under the names of results."""
    if osp.exists(osp.join(out, LOCK)):
        return
    for name in (*RESULTS, 'runs'):
        if osp.lexists(osp.join(out, name)):
            raise UserError(f'--out: {out} contains {name}, which was not '
                            'written by a comparison; choose another folder')


@contextmanager
def locked(out: str) -> Iterator[None]:
    """Lock the folder, so that a second run is rejected."""
    os.makedirs(out, exist_ok=True)
    handle = lock_file(osp.join(out, LOCK))
    if handle is None:
        raise UserError(f'--out: another run is writing to {out}')
    try:
        yield
    finally:
        os.close(handle)


def compare(args: argparse.Namespace, models: list[ModelSpec]) -> bool:
    """Run the comparison; return whether every model has results."""
    from dksan_mm.comparison.processes import check_any, run_models
    from dksan_mm.comparison.results import collect
    data = find_data(args)
    tasks = [
        Task(model, data, osp.abspath(args.out), tuple(args.metrics),
             args.device, args.save_frames == 'all') for model in models
    ]
    outcomes = run_models(tasks)
    check_any(outcomes)
    results = collect(models, outcomes, data, sys.argv)
    write_results(results, tasks, args.out)
    show(results, args.out)
    return not any('error' in model for model in results['models'].values())


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    models = parse_models(args.model)
    for model in models:
        read_config(model)
    scores.check_metrics(args.metrics)
    check_out(args.out)
    try:
        with stopping_once(), locked(args.out):
            complete = compare(args, models)
    except ValueError as error:  # a damaged frame
        raise UserError(launch.last_line(error)) from error
    if not complete:
        raise SystemExit(1)


if __name__ == '__main__':
    finish(launch.run_tool(main, when_interrupted=INTERRUPTED))

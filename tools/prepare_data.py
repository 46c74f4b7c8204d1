# Copyright (c) DKSAN-MM contributors.
"""Prepare videos or frame folders for training and testing.

    python tools/prepare_data.py SOURCE OUT

SOURCE contains clips, which are videos or folders of PNG or JPEG frames. The
clips can also be in folders train, val and test (and there in HR and LRx16),
or be the numbered clips of Vid3oC or IntVID.

The tool writes these files to OUT:

    {split}/HR/{clip}/%06d.png     cropped at the right and bottom to
                                   multiples of the scale
    {split}/LRx16/{clip}/%06d.png  HR, downscaled by MATLAB's antialiased
                                   bicubic filter and rounded to 8 bits
    {split}/manifest.json          source and checksums of each clip
    {split}/clips.txt              list of clips

LR frames of SOURCE (in LRx16, LR or X16, with or without HR) are copied. Their
size must match that of the HR frames.

With --photos, SOURCE is a folder of photographs of any size, or has folders
train, val and test of photographs. Each becomes a clip of one frame, and
{split}/photos.txt lists them.

--store tiles adds a file {clip}.tiles to the HR folder, from which the
training reads crops without decoding whole frames. For 1080p, it provides 11
times the samples per second and needs 0.7 times the disk space of the PNG
frames (measured by tools/benchmark_data.py). --store array adds {clip}.npy: 40
times the samples, if the files fit into memory, and 3.5 times the space. The
configs use these files if they exist.

After an interruption, the same command continues. At the first damaged clip,
the tool stops with exit code 1 and names the clip. With --skip-bad, it skips
and lists damaged clips, prepares the others, and exits with 0 if there are
any. A clip is prepared completely or not at all. If SOURCE or OUT cannot be
used, nothing is started and the exit code is 2.
"""
import argparse
import os
import os.path as osp
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, osp.dirname(osp.dirname(osp.abspath(__file__))))

from dksan_mm.cli.arguments import name_dashes, positive
from dksan_mm.cli.scales import SCALES
from dksan_mm.io.layout import SPLITS
from dksan_mm.io.listing import check_reachable
from dksan_mm.prepare.messages import explain, naming_wrong_input
from dksan_mm.utils.environment import lost_output, prepare_streams
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.interrupts import stopping_once
from dksan_mm.utils.running import check_working_folder


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse and check the arguments before any slow import."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage='%(prog)s SOURCE OUT [options]\n       '
        '%(prog)s OUT --verify [options]')
    parser.add_argument(
        'paths', nargs='+', metavar='SOURCE OUT', help='see above')
    _add_source_options(parser)
    _add_output_options(parser)
    name_dashes(parser, argv)
    args = parser.parse_intermixed_args(argv)
    _check_choices(parser, args)
    args.out = args.paths[-1]
    args.source = args.paths[0]
    _check_paths(parser, args)
    return args


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--split',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME',
        help='train, val or test: splits of SOURCE to prepare (default: all); '
        'if SOURCE has no splits, the split of its clips (default: train)')
    parser.add_argument(
        '--clips',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME',
        help='only these clips (default: all)')
    parser.add_argument(
        '--layout',
        default='auto',
        choices=('auto', 'vid3oc', 'intvid', 'videos'),
        help='layout of SOURCE, if its names are ambiguous: vid3oc splits '
        'clips 000-081 by number, intvid makes all of them the test split, '
        'and videos accepts anything')
    parser.add_argument(
        '--photos',
        action='store_true',
        help='make a clip of one frame from each image of SOURCE')
    parser.add_argument(
        '--remake-lr',
        action='store_true',
        help='make LR frames from HR even if SOURCE has LR frames')
    parser.add_argument(
        '--max-frames',
        type=positive,
        metavar='N',
        help='only the first N frames of each clip')


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--scale',
        type=int,
        default=16,
        choices=SCALES,
        help='HR pixels per LR pixel along each axis (default: 16)')
    parser.add_argument(
        '--jobs',
        type=positive,
        default=os.cpu_count() or 1,
        metavar='N',
        help='number of processes, one clip each (default: one per core)')
    parser.add_argument(
        '--store',
        default='png',
        choices=('png', 'array', 'tiles'),
        help='array or tiles: adds one file per clip to the PNG frames '
        '(default: png, which keeps existing files)')
    parser.add_argument(
        '--no-deinterlace',
        action='store_true',
        help='keep interlaced frames of videos')
    parser.add_argument(
        '--skip-bad',
        action='store_true',
        help='skip damaged clips and continue')
    parser.add_argument(
        '--verify',
        action='store_true',
        help='check all frames in OUT without changing anything')


def _check_choices(parser: argparse.ArgumentParser,
                   args: argparse.Namespace) -> None:
    for name in args.split:
        if name not in SPLITS:
            parser.error(f'--split takes {", ".join(SPLITS)}, got "{name}" '
                         '(SOURCE and OUT come before --split)')
    if not args.verify and len(args.paths) != 2:
        parser.error('SOURCE and OUT are needed, got '
                     f'{len(args.paths)} path(s)')
    if args.photos and args.layout != 'auto':
        parser.error(f'--photos and --layout {args.layout} exclude each other')
    if args.verify and len(args.paths) != 1:
        parser.error('--verify takes only OUT')


def _check_paths(parser: argparse.ArgumentParser,
                 args: argparse.Namespace) -> None:
    try:
        check_working_folder()
        with naming_wrong_input():
            check_reachable(args.source)
    except UserError as error:
        parser.error(str(error))
    if not osp.exists(args.source):
        parser.error(f'{args.source}: no such file or folder')
    if args.verify:
        return
    source, out = (
        Path(osp.realpath(path)) for path in (args.source, args.out))
    if source == out or source.is_dir() and (source in out.parents
                                             or out in source.parents):
        parser.error('SOURCE and OUT must not contain each other, got '
                     f'{args.source} and {args.out}')
    if out.exists() and not out.is_dir():
        parser.error(f'{args.out}: is not a folder')


def prepare(args: argparse.Namespace) -> int:
    """Prepare the clips of a source; return the exit code."""
    from dksan_mm.prepare.data_set import Preparation
    from dksan_mm.prepare.settings import Settings
    clips, left_out = _find_clips(args)
    preparation = Preparation(
        clips,
        args.out,
        settings=Settings(args.scale, args.max_frames, args.store,
                          not args.no_deinterlace),
        skip_bad=args.skip_bad,
        report=_report)
    stopped_by = preparation.run(args.jobs)
    return _conclude(args,
                     len(clips) + len(left_out),
                     left_out + preparation.failures, stopped_by)


def _find_clips(args: argparse.Namespace) -> tuple[list, list[str]]:
    """Return the clips, and the sentences on those that are left out."""
    from dksan_mm.prepare.layouts import Source
    from dksan_mm.prepare.sources import summarize
    with naming_wrong_input():
        source = Source(
            args.source,
            args.scale,
            layout=args.layout,
            keep_lr=not args.remake_lr,
            skip_bad=args.skip_bad,
            photos=args.photos)
        clips = source.select(args.split, args.clips)
    print(f'layout {source.layout}: {summarize(clips)}', flush=True)
    _report(source.notes)
    return clips, source.left_out


def _conclude(args: argparse.Namespace, found: int, failures: list[str],
              stopped_by: Exception | None) -> int:
    """Print how a preparation ended; return the exit code."""
    from dksan_mm.prepare.settings import is_of_source
    if stopped_by:
        hint = ' (--skip-bad skips damaged clips)' \
            if is_of_source(stopped_by, args.out) else ''
        print('stopped; prepared clips are kept, and the same command '
              f'continues{hint}')
        return _report(failures)
    done = found - len(failures)
    skipped = f', skipped {len(failures)}' if failures else ''
    print(f'prepared {done} of {found} clips in {args.out}{skipped}')
    _report(failures)
    return 0 if done else 1


def prepare_locked(args: argparse.Namespace) -> int:
    """Prepare clips while no other run writes to the same folder."""
    from dksan_mm.prepare.target import open_target
    with ExitStack() as stack:
        with naming_wrong_input():
            stack.enter_context(open_target(args.out, args.scale))
        return prepare(args)


def verify(args: argparse.Namespace) -> int:
    """Check a prepared data set; return the exit code."""
    from dksan_mm.prepare.data_set import verify_data_set
    count, problems = verify_data_set(args.out, args.split, args.scale,
                                      args.jobs)
    if not problems:
        print(f'{count} clips in {args.out} are in order')
    return _report(problems)


def _report(problems: list[str]) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def main(argv: list[str]) -> int:
    """Run the tool; return the exit code."""
    args = parse_args(argv)
    # One thread per process, since the processes share the cores.
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
        os.environ[name] = '1'
    # OpenCV's messages on damaged files are replaced by ours with a name.
    os.environ.setdefault('OPENCV_LOG_LEVEL', 'ERROR')
    try:
        with stopping_once():
            return verify(args) if args.verify else prepare_locked(args)
    except KeyboardInterrupt:
        print('\nstopped; the same command continues', file=sys.stderr)
        return 130
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(explain(error), file=sys.stderr)
        return 1


if __name__ == '__main__':
    prepare_streams()
    code = main(sys.argv[1:])
    if lost_output():
        print(lost_output(), file=sys.stderr)
    sys.exit(code)

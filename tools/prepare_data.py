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
import errno
import os
import os.path as osp
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

sys.path.insert(0, osp.dirname(osp.dirname(osp.abspath(__file__))))

from dksan_mm.cli.arguments import name_dashes, positive
from dksan_mm.cli.scales import SCALES
from dksan_mm.io.listing import check_reachable
from dksan_mm.utils.environment import lost_output, prepare_streams
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.interrupts import stopping_once
from dksan_mm.utils.running import check_working_folder

SPLITS = ('train', 'val', 'test')


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse and check the arguments before any slow import."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage='%(prog)s SOURCE OUT [options]\n       '
        '%(prog)s OUT --verify [options]')
    parser.add_argument(
        'paths', nargs='+', metavar='SOURCE OUT', help='see above')
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
    name_dashes(parser, argv)
    args = parser.parse_intermixed_args(argv)
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
    args.out = args.paths[-1]
    args.source = args.paths[0]
    _check_paths(parser, args)
    return args


def _check_paths(parser: argparse.ArgumentParser,
                 args: argparse.Namespace) -> None:
    try:
        check_working_folder()
        check_reachable(args.source)
    except UserError as error:
        parser.error(str(error))
    except (OSError, ValueError) as error:
        parser.error(_explain(error))
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


def prepare_one(task: tuple, tick: Callable[[], None]) -> dict:
    """Prepare one clip in a worker process; return its manifest entry."""
    from dksan_mm.prepare.writer import ClipWriter
    clip, out, settings, known = task
    _use_one_thread()
    writer = ClipWriter(clip, out, settings=settings, on_frame=tick)
    return writer.run(known)


def verify_one(task: tuple, tick: Callable[[], None]) -> list[str]:
    """Check one prepared clip in a worker process; return its problems."""
    from dksan_mm.prepare.verify import verify_clip
    _use_one_thread()
    clip, scale = task
    return verify_clip(clip, scale, tick)


def _use_one_thread() -> None:
    import cv2
    cv2.setNumThreads(1)


def prepare(args: argparse.Namespace) -> int:
    """Prepare the clips of a source; return the exit code."""
    from dksan_mm.prepare.layouts import Source
    from dksan_mm.prepare.manifest import (read_manifest, write_annotation,
                                           write_manifest)
    from dksan_mm.prepare.parallel import run_parallel
    from dksan_mm.prepare.settings import Settings, is_of_source
    from dksan_mm.prepare.sources import count_frames
    from dksan_mm.prepare.writer import ClipWriter
    from dksan_mm.utils.progress import Progress
    with naming_wrong_input():
        source = Source(
            args.source,
            args.scale,
            layout=args.layout,
            keep_lr=not args.remake_lr,
            skip_bad=args.skip_bad,
            photos=args.photos)
        clips = source.select(args.split, args.clips)
    _describe(source.layout, clips)
    _report(source.notes)
    settings = Settings(args.scale, args.max_frames, args.store,
                        not args.no_deinterlace)
    manifests = {c.split: read_manifest(args.out, c.split) for c in clips}
    counts = [count_frames(clip) for clip in clips]
    limit = args.max_frames or max(counts)
    total = sum(min(count, limit) for count in counts)
    total *= 1 + (settings.store != 'png')
    # The longest first, so that no process ends alone with a long clip.
    order = sorted(range(len(clips)), key=lambda i: -counts[i])
    tasks = [(clips[i], args.out, settings,
              manifests[clips[i].split].get(clips[i].name)) for i in order]
    progress = Progress('prepare', len(clips), total)
    failures = list(source.left_out)
    found = len(clips) + len(failures)
    with closing(run_parallel(prepare_one, tasks, progress,
                              args.jobs)) as results:
        for (clip, *_), result in results:
            if isinstance(result, Exception):
                failures.append(_explain(result))
                bad = is_of_source(result, args.out)
                if bad and args.skip_bad:
                    continue
                hint = ' (--skip-bad leaves damaged clips out)'
                print('stopped; what is prepared stays, the same command '
                      f'continues{hint if bad else ""}')
                return _report(failures)
            manifest = manifests[clip.split]
            if manifest.get(clip.name) != result:
                manifest[clip.name] = result
                _report(result.get('notes', []))
                write_manifest(args.out, clip.split, manifest)
            ClipWriter(clip, args.out, settings=settings).close()
    for split, manifest in manifests.items():
        if manifest:
            write_annotation(args.out, split, manifest)
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


@contextmanager
def naming_wrong_input() -> Iterator[None]:
    """Turn the errors of a source or target into those of a user."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise UserError(_explain(error)) from error


def _describe(layout: str, clips: list) -> None:
    """Print what was found before the long work starts."""
    parts = []
    for split in SPLITS:
        of_split = [clip for clip in clips if clip.split == split]
        if of_split:
            given = sum(clip.lr is not None for clip in of_split)
            alone = sum(not clip.has_hr for clip in of_split)
            parts.append(f'{len(of_split)} {split}' +
                         (f' ({given} with LR)' if given else '') +
                         (f' ({alone} LR only)' if alone else ''))
    print(f'layout {layout}: {", ".join(parts)}', flush=True)


def verify(args: argparse.Namespace) -> int:
    """Check a prepared data set; return the exit code."""
    from dksan_mm.prepare.parallel import run_parallel
    from dksan_mm.prepare.verify import find_prepared, find_unfinished
    from dksan_mm.utils.progress import Progress
    clips = find_prepared(args.out, args.split, args.scale)
    total = sum((clip.entry or {}).get('frames', 0) for clip in clips)
    progress = Progress('verify', len(clips), total)
    problems = [
        f'{path}: unfinished; run the preparation again'
        for path in find_unfinished(args.out, args.split)
    ]
    for _, found in run_parallel(verify_one,
                                 [(clip, args.scale) for clip in clips],
                                 progress, args.jobs):
        problems += [_explain(found)] if isinstance(found,
                                                    Exception) else found
    if not problems:
        print(f'{len(clips)} clips in {args.out} are in order')
    return _report(problems)


def _explain(error: Exception) -> str:
    """Return one sentence that the user can act on; bugs keep a traceback."""
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return f'{error.filename or "target"}: no space left on the disk'
        if error.strerror is None:  # one of our sentences
            return str(error)
        return f'{error.filename or ""}: {error.strerror}'
    if isinstance(error, ValueError):
        return str(error)
    if type(error).__name__ == 'BrokenProcessPool':
        return 'a worker process died (out of memory?)'
    raise error


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
        print(_explain(error), file=sys.stderr)
        return 1


if __name__ == '__main__':
    prepare_streams()
    code = main(sys.argv[1:])
    if lost_output():
        print(lost_output(), file=sys.stderr)
    sys.exit(code)

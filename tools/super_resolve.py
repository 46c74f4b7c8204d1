# Copyright (c) DKSAN-MM contributors.
"""Upscale videos: python tools/super_resolve.py INPUT OUTPUT [options].

By 16, or by 2, 4 or 8 with --scale.

INPUT is a video file, a folder of PNG or JPEG frames, a pattern of such
('frames/*.png') or one image; or a folder or a pattern of videos (and of
folders of frames), each of which is upscaled into the folder OUTPUT.

OUTPUT is a video (.mp4, .mkv, .mov, .m4v: H.264, with INPUT's frame times and
its sound, subtitles, chapters and tags, as far as it can hold them), a folder
of PNGs, or a .png for one image. It appears when it is finished; Ctrl-C leaves
what is done as out.part.mp4 for out.mp4, or out.part-2.mp4 if that exists.
Nothing is replaced but OUTPUT, with --overwrite. Where INPUT breaks off, what
comes before is upscaled.

Of many videos, those whose output exists are skipped: the same command
continues after an interruption. Under torchrun each process takes a share:

    torchrun --nproc_per_node 4 tools/super_resolve.py videos/ large/

The exit code is 0 if all frames of INPUT have been upscaled, 1 if not (a
broken video, a full disk), 2 if nothing was begun, 130 after Ctrl-C.
"""
import argparse
import os
import os.path as osp
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dksan_mm.cli import launch
from dksan_mm.cli.arguments import name_dashes
from dksan_mm.utils.errors import UserError

CONFIG = ROOT / 'configs' / 'dksan-s_vid3oc_x16.py'
WEIGHTS = ROOT / 'weights'  # released ones: {name of the config}.pth
BICUBIC = 'configs/bicubic_vid3oc_x16.py'
DTYPES = ('float32', 'bfloat16', 'float16')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse and check the arguments, before anything large is imported."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage='%(prog)s INPUT OUTPUT [options]')
    parser.add_argument('input', metavar='INPUT', help='see above')
    parser.add_argument('output', metavar='OUTPUT', help='see above')
    parser.add_argument(
        '--config',
        default=str(CONFIG),
        help='config of the network (default: the small one)')
    parser.add_argument(
        '--checkpoint',
        help='its trained weights (default: the released ones, if any)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=launch.OptionAction,
        metavar='KEY=VALUE',
        help='change settings of the config, as they were in training')
    parser.add_argument(
        '--device', help="'cpu', 'cuda', 'cuda:1' (default: a GPU if any)")
    parser.add_argument(
        '--dtype',
        choices=DTYPES,
        default=DTYPES[0],
        help='precision of the network (default: %(default)s)')
    parser.add_argument(
        '--scale',
        type=int,
        choices=(2, 4, 8, 16),
        help='factor of width and height: 16, or that of an earlier level of '
        'the network, in less time (default: 16)')
    parser.add_argument(
        '--tile',
        type=_tile,
        default='auto',
        metavar='N|auto|none',
        help="side of the tiles in INPUT's pixels (default: auto)")
    parser.add_argument(
        '--ensemble',
        action='store_true',
        help='average 8 flips and rotations: better, and 8 times slower')
    parser.add_argument(
        '--no-cuts',
        action='store_true',
        help='let windows of frames reach across scene cuts')
    parser.add_argument(
        '--no-deinterlace',
        action='store_true',
        help='leave interlaced frames as they are')
    parser.add_argument(
        '--crf',
        type=int,
        default=12,
        choices=range(52),
        metavar='0..51',
        help='size against quality of the video (default: %(default)s)')
    parser.add_argument(
        '--fps',
        type=_rate,
        help='frames per second, such as 24 or 30000/1001, of images '
        '(default: 25); of a video instead of its own, without sound')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace OUTPUT if it exists')
    parser.set_defaults(work_dir=None, launcher='none', local_rank=0)
    name_dashes(parser, argv)
    return parser.parse_args(argv)


def _tile(text: str) -> int | str | None:
    if text in ('auto', 'none'):
        return text if text == 'auto' else None
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(
            f"must be 'auto', 'none' or a number of pixels, got {text!r}")
    return int(text)


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(
            f'must be above 0 and at most 1000, got {text!r}')
    return rate


def list_jobs(args: argparse.Namespace) -> list:
    """List the jobs of this process; refuse what is wrong now."""
    from dksan_mm.cli.jobs import Job, find_jobs, share
    from dksan_mm.io.video.inputs import find_inputs
    try:
        jobs = find_jobs(args.input, args.output)
        inputs = find_inputs(args.input)
    except (OSError, ValueError) as error:
        raise UserError(explain(error)) from error
    if jobs is None or inputs is None:
        _check_one(args)
        jobs = [Job(args.input, args.output)]
    else:
        for sentence in inputs.notes if not _environ('RANK', 0) else ():
            complain(sentence)
        jobs = _check_many(jobs, args)
    return share(jobs, _environ('RANK', 0), _environ('WORLD_SIZE', 1))


def _check_one(args: argparse.Namespace) -> None:
    from dksan_mm.io.video.readers import open_source
    from dksan_mm.io.video.targets import (check_apart, check_count,
                                           check_target)
    try:
        source = open_source(args.input)
        check_target(args.output, overwrite=args.overwrite)
        check_apart(source.inputs, args.output)
        check_count(source, args.output)
    except (OSError, ValueError) as error:
        raise UserError(explain(error)) from error


def _check_many(jobs: list, args: argparse.Namespace) -> list:
    """Leave out what is finished."""
    from dksan_mm.cli.jobs import is_done
    if osp.exists(args.output) and not osp.isdir(args.output):
        raise UserError(f'{args.output} is a file, and {args.input} holds '
                        'several videos: name a folder')
    os.makedirs(args.output, exist_ok=True)
    if args.overwrite:
        return jobs
    done = [job for job in jobs if is_done(job)]
    if done and not _environ('RANK', 0):
        print(f'{len(done)} of {len(jobs)} videos are in {args.output} '
              'already')
    return [job for job in jobs if job not in done]


def _environ(name: str, default: int) -> int:
    """Read what torchrun tells each process about itself."""
    return int(os.environ.get(name, default))


def explain(error: Exception) -> str:
    """One sentence for what the user can act on."""
    if isinstance(error, OSError) and error.strerror:
        name = error.filename
        name = name.decode() if isinstance(name, bytes) else name
        return f'{name}: {error.strerror}'
    return launch.last_line(error)


def find_checkpoint(args: argparse.Namespace) -> str | None:
    """The checkpoint to use: the user's, or else a released one."""
    if args.checkpoint:
        return args.checkpoint
    released = WEIGHTS / f'{Path(args.config).stem}.pth'
    if released.is_file():
        print(f'using {released}')
        return str(released)
    return None


def no_weights(config: str) -> str:
    """Return what to do without a checkpoint."""
    return (f'no weights are released for {osp.relpath(config)}: name your '
            'own with --checkpoint (tools/train.py makes them), leave out '
            f'--config for the small network, or take --config {BICUBIC}, '
            'which needs none')


def load_model(args: argparse.Namespace):
    """The network, as the command line wants it."""
    config, checkpoint = launch.load_config(args), find_checkpoint(args)
    if checkpoint:
        from dksan_mm.engine.runner.checkpoint import read_checkpoint
        read_checkpoint(checkpoint)  # refused before the slow imports
    launch.import_modules(config)
    launch.check_imported(args)
    import torch

    from dksan_mm.apis import init_model
    from dksan_mm.inference.base import choose_scale
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    if device == 'cuda':
        device = f'cuda:{os.environ.get("LOCAL_RANK", 0)}'
    try:
        model = init_model(config, checkpoint, device,
                           getattr(torch, args.dtype))
    except launch.BUILD_ERRORS as error:
        raise UserError(f'{args.config} does not describe a network that can '
                        f'be built: {launch.last_line(error)}') from error
    except RuntimeError as error:  # of the device
        raise UserError(
            f'--device {device}: {launch.last_line(error)}') from error
    if checkpoint is None and any(True for _ in model.parameters()):
        raise UserError(no_weights(args.config))
    try:
        choose_scale(model.generator, args.scale)
    except ValueError as error:
        raise UserError(f'--scale: {error}') from error
    return model


def process(jobs: list, args: argparse.Namespace) -> int:
    """Upscale the videos; return how many are not complete."""
    counts, bad = count_frames(jobs)
    if not counts:
        return bad
    from dksan_mm.prepare.parallel import Progress
    model = load_model(args)
    progress = Progress('upscale', len(counts), sum(counts.values()))
    for number, job in enumerate(counts):
        before = sum(list(counts.values())[:number])
        try:
            report = upscale(
                model, job, args,
                lambda done, _: progress.show(number, before + done))
        except (OSError, ValueError) as error:
            complain(explain(error))
            counts[job], bad = 0, bad + 1
            continue
        counts[job] = report.num_frames
        progress.frames = sum(counts.values())  # some were estimates
        progress.show(number + 1, before + report.num_frames, last=True)
        print(f'{report.path}: {report.num_frames} '
              f'{"frame" if report.num_frames == 1 else "frames"}')
        for sentence in report.complaints + report.notes:
            complain(sentence)
        bad += bool(report.complaints)
    return bad


def count_frames(jobs: list) -> tuple[dict, int]:
    """Number of frames of each job, and how many cannot be read at all."""
    from dksan_mm.io.video.readers import open_source
    counts, bad = {}, 0
    for job in jobs:
        try:
            counts[job] = open_source(job.source).num_frames
        except (OSError, ValueError) as error:
            complain(explain(error))
            bad += 1
    return counts, bad


def upscale(model, job, args: argparse.Namespace, progress: Callable):
    """Upscale one video."""
    from dksan_mm.apis import restore_video
    try:
        return restore_video(
            model,
            job.source,
            job.target,
            scale=args.scale,
            tile=args.tile,
            ensemble=args.ensemble,
            cuts=not args.no_cuts,
            crf=args.crf,
            fps=args.fps,
            deinterlace=not args.no_deinterlace,
            overwrite=args.overwrite,
            progress=progress)
    except (RuntimeError, MemoryError) as error:
        # torch has a class of its own for GPUs, and none for the CPU.
        if isinstance(error, RuntimeError) and 'memory' not in str(error):
            raise
        raise ValueError(f'{job.source}: not enough memory; --tile with a '
                         'smaller number takes less') from error


def complain(sentence: str) -> None:
    """Say what is wrong, and continue."""
    print(f'{Path(sys.argv[0]).name}: {sentence}', file=sys.stderr, flush=True)


def wait_for_others(bad: int) -> int:
    """Sum over the processes of torchrun, which stops all when one fails."""
    if _environ('WORLD_SIZE', 1) == 1:
        return bad
    import torch
    from torch import distributed
    distributed.init_process_group('gloo', timeout=timedelta(days=365))
    total = torch.tensor(bad)
    distributed.all_reduce(total)
    distributed.destroy_process_group()
    return int(total)


@contextmanager
def stopping_once() -> Iterator[None]:
    """Within it Ctrl-C and SIGTERM interrupt once.

    What is done is then being saved, and a second one would spoil that.
    """
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in signals]

    def stop(*_) -> NoReturn:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number, handler in zip(signals, before):
        if handler != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in zip(signals, before):
            signal.signal(number, handler)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    with stopping_once():
        try:
            bad = wait_for_others(process(list_jobs(args), args))
        except KeyboardInterrupt as stop:
            complain(str(stop) or 'stopped')
            sys.exit(130)
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    sys.exit(launch.run_tool(main))

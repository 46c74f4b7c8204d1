# Copyright (c) DKSAN-MM contributors.
"""Upscale videos: python tools/super_resolve.py INPUT OUTPUT [options].

The default scale is 16. Use --scale for 2, 4 or 8, and --size 1920x1080 for a
given size.

INPUT is a video, a folder of PNG or JPEG frames, a pattern such as
'frames/*.png', or one image. It can also be a folder or a pattern of videos
and of folders of frames. These are all upscaled into the folder OUTPUT.

OUTPUT is a video (.mp4, .mkv, .mov or .m4v, encoded as H.264), a folder of
PNG frames, or a .png file for one image. A video keeps the frame times, sound,
subtitles, chapters and tags of INPUT, if its container supports them. OUTPUT
appears when it is complete. Ctrl-C keeps the finished frames of out.mp4 as
out.part.mp4, or out.part-2.mp4 if that exists. An existing OUTPUT is replaced
only with --overwrite. If INPUT ends early, the frames before are upscaled.

With many videos, those whose output exists are skipped, so the same command
continues after an interruption. With torchrun, the processes share the videos:

    torchrun --nproc_per_node 4 tools/super_resolve.py videos/ large/

The exit code is 0 if all frames were upscaled, 1 if some were not (a damaged
video, a full disk), 2 if nothing was started, and 130 after Ctrl-C.
"""
import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dksan_mm.cli import ranks
from dksan_mm.cli.arguments import (frame_rate, name_dashes, tile_side,
                                    video_size)
from dksan_mm.cli.networks import (add_network_options, check_network_options,
                                   find_checkpoint, load_network)
from dksan_mm.cli.scales import SCALES
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.interrupts import stopping_once
from dksan_mm.utils.running import (is_out_of_memory, last_line, last_sentence,
                                    run_tool)

DTYPES = ('float32', 'bfloat16', 'float16')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse and check the arguments before any slow import."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage='%(prog)s INPUT OUTPUT [options]')
    parser.add_argument('input', metavar='INPUT', help='see above')
    parser.add_argument('output', metavar='OUTPUT', help='see above')
    add_network_options(parser)
    parser.add_argument(
        '--device', help="'cpu', 'cuda', 'cuda:1' (default: a GPU, if any)")
    parser.add_argument(
        '--dtype',
        choices=DTYPES,
        default=DTYPES[0],
        help='precision of the network (default: %(default)s)')
    parser.add_argument(
        '--size',
        type=video_size,
        metavar='WxH',
        help='fit the frames into a size (1920x1080), or set the width '
        '(1920x) or the height (x1080): uses the smallest sufficient scale '
        'and then a Lanczos filter')
    parser.add_argument(
        '--tile',
        type=tile_side,
        default='auto',
        metavar='N|auto|none',
        help='tile size in pixels of INPUT (default: auto)')
    parser.add_argument(
        '--ensemble',
        action='store_true',
        default=None,
        help='average over 8 flips and rotations: better, 8 times slower')
    parser.add_argument(
        '--ensemble-scale',
        dest='ensemble',
        type=int,
        choices=SCALES[:-1],
        help='average the frames of this scale and upscale them once: almost '
        'as good for larger scales, and faster')
    parser.add_argument(
        '--no-cuts', action='store_true', help='do not detect scene cuts')
    parser.add_argument(
        '--no-deinterlace', action='store_true', help='keep interlaced frames')
    parser.add_argument(
        '--crf',
        type=int,
        default=12,
        choices=range(52),
        metavar='0..51',
        help='quality of the video: lower is better and larger '
        '(default: %(default)s)')
    parser.add_argument(
        '--fps',
        type=frame_rate,
        help='frames per second of a folder of images, such as 24 or '
        '30000/1001 (default: 25); for a video, replaces its frame rate and '
        'drops the sound')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace OUTPUT if it exists')
    name_dashes(parser, argv)
    args = parser.parse_args(argv)
    if args.scale and args.size:
        parser.error('--scale and --size: use only one of them')
    check_network_options(parser, args)
    return args


def load_model(args: argparse.Namespace):
    """Load the network on the device and print which weights it has."""
    import torch
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    if device == 'cuda':
        device = f'cuda:{os.environ.get("LOCAL_RANK", 0)}'
    checkpoint = find_checkpoint(args)
    if checkpoint and not args.checkpoint:
        print(f'using {checkpoint}')
    try:
        model = load_network(
            args, device=device, dtype=getattr(torch, args.dtype))
    except RuntimeError as error:  # from the device
        raise UserError(f'--device {device}: {last_line(error)}') from error
    check_ensemble(model.generator, args.ensemble)
    return model


def check_ensemble(network, ensemble: bool | int | None) -> None:
    """Reject a scale factor that the network does not have.

    Raises:
        UserError: If the network cannot stop at the scale factor.
    """
    from dksan_mm.models.scales import choose_ensemble_scale
    try:
        choose_ensemble_scale(network, ensemble or False, network.scale)
    except ValueError as error:
        raise UserError(f'--ensemble-scale: {error}') from error


def process(args: argparse.Namespace) -> int:
    """Upscale the videos; return the number of incomplete ones."""
    from dksan_mm.cli.job_checks import check_first_frame, plan_jobs
    plan = plan_jobs(args)
    if not ranks.rank():
        for sentence in plan.notes:
            complain(sentence)
        if plan.num_done:
            print(f'{plan.num_done} of {plan.num_videos} videos are in '
                  f'{args.output} already')
    counts, bad = count_frames(plan.jobs)
    if not counts:
        return bad
    from dksan_mm.utils.progress import Progress
    model = load_model(args)
    if plan.num_videos == 1:
        check_first_frame(model, next(iter(counts)), args)
    total = sum(counts.values())
    with Progress('upscale', len(counts), total) as progress:
        return bad + upscale_all(model, counts, args, progress)


def upscale_all(model, counts: dict, args: argparse.Namespace,
                progress) -> int:
    """Upscale one video after the other; return how many are incomplete."""
    bad = 0
    for number, job in enumerate(counts):
        before = sum(list(counts.values())[:number])
        try:
            report = upscale(
                model, job, args,
                lambda done, _: progress.show(number, before + done))
        except (OSError, ValueError) as error:
            sentence = last_sentence(error)
            named = job.source in sentence or job.target in sentence
            complain(sentence if named else f'{job.source}: {sentence}')
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
    """Return the frames of each job, and the number of unreadable videos."""
    from dksan_mm.io.video.readers import open_source
    counts, bad = {}, 0
    for job in jobs:
        try:
            counts[job] = open_source(job.source).num_frames
        except (OSError, ValueError) as error:
            complain(last_sentence(error))
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
            size=args.size,
            tile=args.tile,
            ensemble=args.ensemble,
            cuts=not args.no_cuts,
            crf=args.crf,
            fps=args.fps,
            deinterlace=not args.no_deinterlace,
            overwrite=args.overwrite,
            progress=progress)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ValueError(f'{job.source}: not enough memory; use smaller tiles '
                         '(--tile)') from error


def complain(sentence: str) -> None:
    """Print an error and continue."""
    print(f'{Path(sys.argv[0]).name}: {sentence}', file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    with stopping_once():
        try:
            bad = ranks.sum_over_ranks(process(args))
        except KeyboardInterrupt as stop:
            complain(str(stop) or 'stopped')
            sys.exit(130)
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    sys.exit(run_tool(main))

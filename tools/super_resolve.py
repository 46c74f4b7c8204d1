# Copyright (c) DKSAN-MM contributors.
"""Upscale videos: python tools/super_resolve.py INPUT OUTPUT [options].

By 16; by 2, 4 or 8 with --scale; to a size with --size 1920x1080.

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
import importlib.util
import os
import os.path as osp
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dksan_mm.cli import ranks
from dksan_mm.cli.arguments import (frame_rate, name_dashes, share_of_one,
                                    tile_side, video_size)
from dksan_mm.cli.interrupts import stopping_once
from dksan_mm.cli.running import last_line, run_tool
from dksan_mm.cli.scales import SCALES
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.release import (DETAIL, PIXEL_NETWORKS, RELEASED,
                                    release_folder)

WEIGHTS = release_folder() / 'weights'  # {name of the config}.pth
DTYPES = ('float32', 'bfloat16', 'float16')


class OptionAction(argparse.Action):
    """``launch.OptionAction``, imported with mmengine when it is used."""

    def __call__(self, parser: argparse.ArgumentParser, *arguments) -> None:
        need_openmmlab(parser, '--cfg-options')
        from dksan_mm.cli.config_options import OptionAction as Original
        Original(self.option_strings, self.dest, nargs='+')(parser, *arguments)


def need_openmmlab(parser: argparse.ArgumentParser, option: str) -> None:
    """Refuse an option that mmagic is needed for, where it is not."""
    if importlib.util.find_spec('mmagic') is None:
        parser.error(f'{option} needs mmagic, which is not installed: '
                     "pip install 'dksan_mm[mmagic]' (docs/install.md)")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse and check the arguments, before anything large is imported."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage='%(prog)s INPUT OUTPUT [options]')
    parser.add_argument('input', metavar='INPUT', help='see above')
    parser.add_argument('output', metavar='OUTPUT', help='see above')
    parser.add_argument(
        '--model',
        choices=RELEASED,
        help='a released network, or bicubic: dksan-s is nearest to the '
        'truth, dksan-s-gan (a preview) looks sharper, but invents detail '
        '(default: dksan-s)')
    parser.add_argument(
        '--detail',
        type=share_of_one,
        metavar='0..1',
        help='how much dksan-s-gan invents: 0 is dksan-s (default: 0.6)')
    parser.add_argument(
        '--config', help='config of a network of your own, or another one')
    parser.add_argument(
        '--checkpoint',
        help='its trained weights (default: the released ones, if any)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
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
        choices=SCALES,
        help='factor of width and height: 16, or that of an earlier level of '
        'the network, in less time (default: 16)')
    parser.add_argument(
        '--size',
        type=video_size,
        metavar='WxH',
        help='fit the frames into 1920x1080, or give them that width (1920x) '
        'or height (x1080): by the smallest factor that suffices, and then '
        "Lanczos' filter")
    parser.add_argument(
        '--tile',
        type=tile_side,
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
        type=frame_rate,
        help='frames per second, such as 24 or 30000/1001, of images '
        '(default: 25); of a video instead of its own, without sound')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace OUTPUT if it exists')
    parser.set_defaults(work_dir=None, launcher='none', local_rank=0)
    name_dashes(parser, argv)
    args = parser.parse_args(argv)
    if args.model and args.config:
        parser.error('--model and --config: give one of them')
    if args.scale and args.size:
        parser.error('--scale and --size: give one of them')
    if args.detail is not None and args.model not in PIXEL_NETWORKS:
        parser.error(f'--detail is for --model {", ".join(PIXEL_NETWORKS)}')
    if args.model in PIXEL_NETWORKS and args.detail is None and \
            not args.checkpoint:
        args.detail = DETAIL
    if args.config:
        need_openmmlab(parser, '--config')
    elif args.cfg_options:
        args.config = str(release_folder() / 'configs' /
                          f'{RELEASED[args.model or "dksan-s"]}.py')
    return args


def find_checkpoint(args: argparse.Namespace) -> str | None:
    """The checkpoint to use: the user's, or else a released one."""
    if args.checkpoint:
        return args.checkpoint
    config = args.config or RELEASED[args.model or 'dksan-s']
    released = WEIGHTS / f'{Path(config).stem}.pth'
    if released.is_file():
        print(f'using {released}')
        return str(released)
    return None


def no_weights(config: str) -> str:
    """Return what to do without a checkpoint."""
    return (f'no weights are released for {osp.relpath(config)}: name your '
            'own with --checkpoint (tools/train.py makes them), leave out '
            '--config for the small network, or take --model bicubic, which '
            'needs none')


def load_model(args: argparse.Namespace):
    """The network, as the command line wants it."""
    import torch

    from dksan_mm.models.scales import choose_scale
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    if device == 'cuda':
        device = f'cuda:{os.environ.get("LOCAL_RANK", 0)}'
    load = load_configured if args.config else load_released
    try:
        model = load(args, find_checkpoint(args), device,
                     getattr(torch, args.dtype))
    except RuntimeError as error:  # of the device
        raise UserError(f'--device {device}: {last_line(error)}') from error
    try:
        choose_scale(model.generator, args.scale)
    except ValueError as error:
        raise UserError(f'--scale: {error}') from error
    return model


def load_released(args: argparse.Namespace, checkpoint: str | None,
                  device: str, dtype):
    """A released network, without mmagic."""
    from dksan_mm import load_model
    return load_model(
        args.model or 'dksan-s',
        checkpoint=checkpoint,
        detail=args.detail,
        device=device,
        dtype=dtype)


def load_configured(args: argparse.Namespace, checkpoint: str | None,
                    device: str, dtype):
    """The network of a config, by mmagic."""
    from dksan_mm.cli import launch
    config = launch.load_config(args)
    if checkpoint:
        from dksan_mm.engine.runner.checkpoint import read_checkpoint
        read_checkpoint(checkpoint)  # refused before the slow imports
    launch.import_modules(config)
    launch.check_imported(args)
    from dksan_mm.apis import init_model
    try:
        model = init_model(config, checkpoint, device, dtype)
    except launch.BUILD_ERRORS as error:
        raise UserError(f'{args.config} does not describe a network that can '
                        f'be built: {last_line(error)}') from error
    if checkpoint is None and any(True for _ in model.parameters()):
        raise UserError(no_weights(args.config))
    if args.detail is not None:  # --model with --cfg-options
        from dksan_mm.apis.released import set_detail
        set_detail(model, args.model, args.detail)
    return model


def process(args: argparse.Namespace) -> int:
    """Upscale the videos; return how many are not complete."""
    from dksan_mm.cli.job_checks import plan_jobs
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
    total = sum(counts.values())
    with Progress('upscale', len(counts), total) as progress:
        return bad + upscale_all(model, counts, args, progress)


def upscale_all(model, counts: dict, args: argparse.Namespace,
                progress) -> int:
    """Upscale one video after the other; return how many are incomplete."""
    from dksan_mm.cli.job_checks import last_sentence
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
    """Number of frames of each job, and how many cannot be read at all."""
    from dksan_mm.cli.job_checks import last_sentence
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
        # torch has a class of its own for GPUs, and none for the CPU.
        if isinstance(error, RuntimeError) and 'memory' not in str(error):
            raise
        raise ValueError(f'{job.source}: not enough memory; --tile with a '
                         'smaller number takes less') from error


def complain(sentence: str) -> None:
    """Say what is wrong, and continue."""
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

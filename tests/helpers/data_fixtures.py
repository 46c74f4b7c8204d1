# Copyright (c) DKSAN-MM contributors.
"""Small data sets for the tests, made from the real sample clips."""
from pathlib import Path

import cv2
import pytest

from dksan_mm.prepare.settings import Settings
from dksan_mm.prepare.sources import Clip, iter_frames
from dksan_mm.prepare.writer import ClipWriter

SAMPLE = Path(__file__).resolve().parents[2] / 'data' / 'sample'
# Split, sample clip, frames, HR size (rows, columns) before cropping.
TINY = (('train', 'egret-lake', 9, (520, 544)), ('train', 'carpenter-bee', 9,
                                                 (512, 512)),
        ('val', 'dashcam-highway', 3, (192, 272)), ('val', 'puppy-grass', 3,
                                                    (160, 160)))


def write_frames(folder, images, template='%06d.png', first=0):
    """Write BGR images as a folder of frames; return the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    for number, image in enumerate(images, first):
        assert cv2.imwrite(str(folder / (template % number)), image)
    return folder


def sample_frames(split, name, count, size):
    """Return the first frames of a sample clip, cropped at the middle."""
    clip = Clip(name, split, str(SAMPLE / split / f'{name}.mp4'))
    images = []
    for number, load in iter_frames(clip):
        if number == count:
            break
        image = load()
        top, left = ((full - part) // 2
                     for full, part in zip(image.shape, size))
        images.append(image[top:top + size[0], left:left + size[1]])
    return images


@pytest.fixture(scope='session')
def tiny_vid3oc(tmp_path_factory):
    """Return the root of a prepared data set. Read only.

    It has 2 training clips of 9 frames that are large enough for a crop of
    512x512, and 2 validation clips of 3 smaller frames.
    """
    root = tmp_path_factory.mktemp('tiny')
    for split, name, count, size in TINY:
        images = sample_frames(split, name, count, size)
        source = write_frames(root / 'source' / split / name, images)
        clip = Clip(name, split, str(source))
        writer = ClipWriter(clip, str(root / 'data'), settings=Settings())
        writer.run()
        writer.close()
    return str(root / 'data')

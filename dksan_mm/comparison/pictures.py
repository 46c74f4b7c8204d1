# Copyright (c) DKSAN-MM contributors.
"""Pictures of the report: whole frames, and the crop that differs most."""
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.io.images import read_image
from dksan_mm.utils.resize import matlab_resize

Box = tuple[int, int, int, int]  # top, left, height, width
# Longest side of the crop in HR pixels; a card shows it at about this size.
CROP = 256
# Width and quality of whole frames; the first pair within the budget is used.
STEPS = ((1280, 90), (960, 85), (640, 80), (480, 70), (320, 60))


@dataclass
class Panel:
    """Picture of a frame by one method.

    Attributes:
        title (str): Name of the method.
        image (ndarray[h, w, 3]): uint8, BGR, at HR size.
        psnr (float | None): PSNR to HR in RGB; None for LR and HR.
        kind (str): 'model', 'bicubic', 'LR' or 'HR'.
        block (int): Side of its uniform blocks in pixels.
        frame, crop (str): Data URLs.
    """
    title: str
    image: np.ndarray
    psnr: float | None = None
    kind: str = 'model'
    block: int = 1
    frame: str = ''
    crop: str = ''


def make_panels(lr_path: str, hr_path: str, models: Mapping[str, str], *,
                with_bicubic: bool) -> list[Panel]:
    """Read the pictures of one frame.

    Args:
        lr_path, hr_path (str): Paths of the LR and the HR frame.
        models (Mapping[str, str]): Paths of the restored frames by title.
        with_bicubic (bool): Whether to add MATLAB's bicubic, if it is not
            among the models.

    Returns:
        list[Panel]: LR, bicubic if requested, the models, HR.
    """
    lr, truth = read_image(lr_path), read_image(hr_path)
    scale = len(truth) // len(lr)
    panels = [Panel(title, read_image(path)) for title, path in models.items()]
    if with_bicubic:
        panels.insert(
            0, Panel('bicubic', matlab_resize(lr, scale), kind='bicubic'))
    for panel in panels:
        panel.psnr = psnr(truth, panel.image)
    blocks = lr.repeat(scale, 0).repeat(scale, 1)
    return [
        Panel('LR', blocks, kind='LR', block=scale), *panels,
        Panel('HR', truth, kind='HR')
    ]


def choose_crop(images: Sequence[np.ndarray], size: int = CROP) -> Box:
    """Find the crop in which the images of one frame differ most.

    Args:
        images (Sequence[ndarray[h, w, 3]]): Restored frames.
        size (int): Longest side of the crop; at most half the frame's shorter
            side, unless that is tiny.

    Returns:
        tuple[int, int, int, int]: Top, left, height and width of the square
        with the largest mean variance of grey levels over the images; the
        centre if all are equal.
    """
    height, width = images[0].shape[:2]
    side = min(size, max(min(height, width) // 2, min(64, height, width)))
    grey = np.stack([
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        for image in images
    ])
    means = cv2.boxFilter(
        grey.var(axis=0), -1, (side, side), anchor=(0, 0),
        borderType=cv2.BORDER_REPLICATE)  # yapf: disable
    means = means[:height - side + 1, :width - side + 1]
    if means.max() <= 0:
        return (height - side) // 2, (width - side) // 2, side, side
    top, left = np.unravel_index(means.argmax(), means.shape)
    return int(top), int(left), side, side


def encode_panels(panels: Sequence[Panel], box: Box, budget: int) -> bool:
    """Fill in the panels' data URLs.

    Crops are lossless; whole frames are reduced in size and quality to fit.

    Args:
        panels (Sequence[Panel]): Panels of one video.
        box (tuple): The crop.
        budget (int): Maximum number of bytes of all URLs together.

    Returns:
        bool: False if they do not fit, which leaves the panels empty.
    """
    top, left, height, width = box
    crops = [
        _data_url(panel.image[top:top + height, left:left + width])
        for panel in panels
    ]
    budget -= sum(map(len, crops))
    for step in STEPS:
        frames = [_frame_url(panel, *step) for panel in panels]
        if sum(map(len, frames)) <= budget:
            for panel, frame, crop in zip(panels, frames, crops):
                panel.frame, panel.crop = frame, crop
            return True
    return False


def _frame_url(panel: Panel, width: int, quality: int) -> str:
    """Encode a whole frame; LR at its own size, since its blocks scale."""
    if panel.kind == 'LR':
        small = panel.image[::panel.block, ::panel.block]
        return _data_url(np.ascontiguousarray(small))
    image, full = panel.image, panel.image.shape[1]
    if full > width:
        height = max(1, round(image.shape[0] * width / full))
        image = cv2.resize(
            image, (width, height), interpolation=cv2.INTER_AREA)
    return _data_url(image, quality)


def _data_url(image: np.ndarray, quality: int = 101) -> str:
    """Encode an image as WebP; a quality above 100 is lossless."""
    ok, content = cv2.imencode('.webp', image,
                               (cv2.IMWRITE_WEBP_QUALITY, quality))
    if not ok:
        raise OSError('WebP encoding failed')
    return 'data:image/webp;base64,' + base64.b64encode(
        content.tobytes()).decode()

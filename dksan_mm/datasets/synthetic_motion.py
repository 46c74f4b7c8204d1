# Copyright (c) DKSAN-MM contributors.
"""Windows with a motion that is known: one HR frame, moved by a computer."""
from typing import Dict, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np
import torch
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ..resize import bicubic_weights, to_uint8

REACH = 2  # LR pixels beyond a crop that its outermost samples are made of


class _Motion(NamedTuple):
    """How a thing moves: at place p of frame k is what p' of the centre shows.

    ``p' = p + k * stretch @ p + k * velocity + jitter[k]``, (y, x) in HR
    pixels from the middle of the crop.
    """
    velocity: np.ndarray  # (2,)
    stretch: np.ndarray  # (2, 2)


@TRANSFORMS.register_module()
class SyntheticMotion(BaseTransform):
    """Put windows made of their centre HR frame in the place of some.

    What seven LR frames show more than one lies between the samples of each,
    and is found only with an alignment to a fraction of a pixel. *Chosen
    here*: where clips are few, or next to nothing moves in them, the frames'
    own error does not teach it. In these windows all motion is known, the
    :class:`~dksan_mm.models.WindowVSR` can learn from it (``motion_weight``),
    and alignment carries over to recorded motion (README, "Results").

    The frame moves as a camera would make it: a velocity, a stretch (zoom,
    rotation, shear) and each frame's own jitter. In some windows an ellipse,
    with a velocity and stretch of its own, moves before the rest. Frames are
    then shrunk as LR frames are. Sizes of motion are drawn log-uniformly from
    ranges, so that slow windows are as frequent as fast ones.

    Expects a crop that is ``margin`` larger on each side, and takes the
    margin off recorded windows too. Belongs behind flips and transposes,
    which know nothing of ``motion``.

    Modified keys: ``img`` (list of t frames, uint8), ``gt`` (uint8).
    Added key: ``motion``, a float32 tensor ``(t, 2, h, w)``: (dy, dx) in LR
    pixels from a place in the centre frame to the same thing in each frame;
    NaN in recorded windows. Where the ellipse hides the rest, it is that of what is
    to be seen in the centre frame.

    Args:
        margin (int): HR pixels on each side, a multiple of ``scale`` and more
            than ``2 * scale``. No velocity or jitter moves a frame farther
            than what is above; beyond the crop, frames are mirrored.
        scale (int): HR pixels per LR pixel along each axis.
        ratio (float): Probability of a synthetic window.
        ellipse (float): Probability of an ellipse in it.
        speed (tuple[float]): Range of the velocities' standard deviation
            along each axis, in LR pixels a frame.
        stretch (tuple[float]): The same of the stretch, in pixels per pixel
            and frame.
        jitter (tuple[float]): The same of the jitter, in LR pixels.

    Raises:
        ValueError: If an argument is out of range; when applied, if a frame
            has no room for the margin.
    """

    def __init__(
        self,
        margin: int,
        scale: int = 16,
        *,
        ratio: float = 0.5,
        ellipse: float = 0.5,
        speed: Tuple[float, float] = (0.03, 0.8),
        stretch: Tuple[float, float] = (0.002, 0.02),
        jitter: Tuple[float, float] = (0.01, 0.2)
    ) -> None:
        if scale < 1 or margin % scale or margin <= REACH * scale:
            raise ValueError(f'margin must be a multiple of scale {scale} and '
                             f'more than {REACH * scale}, got {margin}')
        if not 0 <= ratio <= 1 or not 0 <= ellipse <= 1:
            raise ValueError('ratio and ellipse must be in [0, 1], got '
                             f'{ratio} and {ellipse}')
        for name, (low, high) in dict(
                speed=speed, stretch=stretch, jitter=jitter).items():
            if not 0 < low <= high:
                raise ValueError(f'{name} must be a range of positive '
                                 f'numbers, got {(low, high)}')
        self.margin, self.scale = margin, scale
        self.ratio, self.ellipse = ratio, ellipse
        self.speed, self.stretch, self.jitter = speed, stretch, jitter

    def transform(self, results: Dict) -> Dict:
        """Take the margin off, and at random make the window anew."""
        frames, gt = results['img'], results['gt']
        if min(gt.shape[:2]) <= 2 * self.margin:
            raise ValueError(f'a crop of {gt.shape[1]}x{gt.shape[0]} has no '
                             f'room for margins of {self.margin}')
        inner = _inner(gt, self.margin)
        results['gt'] = inner
        if np.random.random() < self.ratio:
            results['img'], motion = self.animate(gt, len(frames))
        else:
            margin = self.margin // self.scale
            results['img'] = [_inner(frame, margin) for frame in frames]
            size = tuple(length // self.scale for length in inner.shape[:2])
            motion = np.full((len(frames), 2, *size), np.nan, np.float32)
        # mmagic takes arrays for images when it packs them.
        results['motion'] = torch.from_numpy(motion)
        return results

    def animate(self, gt: np.ndarray,
                num_frames: int) -> Tuple[List[np.ndarray], np.ndarray]:
        """A window of LR frames in which ``gt`` moves at random.

        Args:
            gt (np.ndarray[h, w, 3]): The centre HR frame, uint8, with margins.
            num_frames (int): Frames of the window.

        Returns:
            tuple: The frames, uint8, and their motion (see the class).
        """
        moved, mask = [self._draw_motion()], None
        if np.random.random() < self.ellipse:
            moved.append(self._draw_motion())
            mask = self._draw_ellipse(gt.shape[:2])
        jitter = _log_uniform(self.jitter) * np.random.randn(num_frames, 2)
        jitter[num_frames // 2] = 0
        frames, motion = [], []
        for index, own in enumerate(jitter * self.scale):
            k = index - num_frames // 2
            maps = [self._map(thing, k, own) for thing in moved]
            frames.append(self._shrink(self._render(gt, maps, mask)))
            motion.append(self._motion(gt.shape[:2], maps, mask))
        return frames, np.stack(motion).astype(np.float32)

    def _draw_motion(self) -> _Motion:
        return _Motion(
            np.random.randn(2) * _log_uniform(self.speed) * self.scale,
            np.random.randn(2, 2) * _log_uniform(self.stretch))

    def _draw_ellipse(self, size: Tuple[int, int]) -> np.ndarray:
        """Where the centre frame shows the ellipse, 0 or 1, uint8, (h, w)."""
        inner = np.array(size) - 2 * self.margin
        mask = np.zeros(size, np.uint8)
        centre = self.margin + np.random.uniform(0, 1, 2) * inner
        axes = np.random.uniform(0.15, 0.45, 2) * inner
        cv2.ellipse(mask, tuple(int(c) for c in centre[::-1]),
                    tuple(int(a) for a in axes), np.random.uniform(0, 180), 0,
                    360, 1, -1)
        return mask

    def _map(self, thing: _Motion, k: int,
             own: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Matrix and shift of ``p' = matrix @ p + shift`` for frame k."""
        limit = self.margin - REACH * self.scale
        shift = np.clip(k * thing.velocity + own, -limit, limit)
        return np.eye(2) + k * thing.stretch, shift

    def _render(self, gt: np.ndarray, maps: list,
                mask: Optional[np.ndarray]) -> np.ndarray:
        """The HR frame in which all has moved; no more than shrinking needs.
        """
        margin = self.margin - REACH * self.scale
        out = _warp(gt, *maps[0], margin, cv2.INTER_LINEAR)
        if mask is not None:
            cv2.copyTo(
                _warp(gt, *maps[1], margin, cv2.INTER_LINEAR),
                _warp(mask, *maps[1], margin, cv2.INTER_NEAREST), out)
        return out

    def _shrink(self, frame: np.ndarray) -> np.ndarray:
        """The LR frame of the inner crop, as preparation makes LR frames."""
        for _ in range(2):  # rows; then, transposed, columns
            rows = len(frame)
            weights = bicubic_weights(rows, rows // self.scale, 1 / self.scale)
            weights = weights[REACH:-REACH].astype(np.float32)
            flat = weights @ frame.reshape(rows, -1).astype(np.float32)
            frame = flat.reshape(-1, *frame.shape[1:]).swapaxes(0, 1)
        return np.ascontiguousarray(to_uint8(frame))

    def _motion(self, size: Tuple[int, int], maps: list,
                mask: Optional[np.ndarray]) -> np.ndarray:
        """Where the centre frame's places have gone, (2, h, w), LR pixels."""
        # The middles of LR pixels, on the HR grid.
        axes = [(np.arange(
            (n - 2 * self.margin) // self.scale) + 0.5) * self.scale - 0.5 +
                self.margin for n in size]
        grid = np.stack(np.meshgrid(*axes, indexing='ij'), -1)
        place = grid - (np.array(size) - 1) / 2
        flows = [(place - shift) @ np.linalg.inv(matrix).T - place
                 for matrix, shift in maps]
        if mask is not None:
            row, col = np.round(grid).astype(int).transpose(2, 0, 1)
            flows[0] = np.where(mask[row, col][..., None] > 0, flows[1],
                                flows[0])
        return flows[0].transpose(2, 0, 1) / self.scale

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(margin={self.margin}, '
                f'scale={self.scale}, ratio={self.ratio}, '
                f'ellipse={self.ellipse}, speed={self.speed}, '
                f'stretch={self.stretch}, jitter={self.jitter})')


def _log_uniform(limits: Tuple[float, float]) -> float:
    return float(np.exp(np.random.uniform(*np.log(limits))))


def _inner(image: np.ndarray, margin: int) -> np.ndarray:
    return np.ascontiguousarray(image[margin:-margin, margin:-margin])


def _warp(image: np.ndarray, matrix: np.ndarray, shift: np.ndarray,
          margin: int, interpolation: int) -> np.ndarray:
    """At each place p what ``image`` shows at ``matrix @ p + shift``.

    Without ``margin`` on each side; places count from the image's middle.
    """
    size = np.array(image.shape[:2])
    middle = (size - 1) / 2
    offset = middle + shift + matrix @ (margin - middle)
    # OpenCV has x before y.
    affine = np.hstack([matrix[::-1, ::-1], offset[::-1, None]])
    return cv2.warpAffine(
        image,
        affine,
        tuple(int(n) for n in (size - 2 * margin)[::-1]),
        flags=interpolation | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT)

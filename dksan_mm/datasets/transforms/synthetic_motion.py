# Copyright (c) DKSAN-MM contributors.
"""Windows with known motion, rendered from a single HR frame."""
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from dksan_mm.utils.resize import bicubic_weights, to_uint8

REACH = 2  # LR pixels outside a crop that its outermost samples depend on


class _Motion(NamedTuple):
    """Motion of an object from position p of frame k to p' of the centre.

    ``p' = p + k * stretch @ p + k * velocity + jitter[k]``, (y, x) in HR
    pixels from the middle of the final crop.
    """
    velocity: np.ndarray  # (2,)
    stretch: np.ndarray  # (2, 2)


# Matrix and shift of p' = matrix @ p + shift; see _Motion.
_Map = tuple[np.ndarray, np.ndarray]


@TRANSFORMS.register_module()
class SyntheticMotion(BaseTransform):
    """Replace windows at random by windows rendered from their HR frame.

    The additional information of seven LR frames lies between the samples of
    each, and requires alignment to a fraction of a pixel. *Chosen here*: if
    clips are few or nearly static, the pixel loss does not teach alignment. In
    synthetic windows, all motion is known, and
    :class:`~dksan_mm.models.WindowVSR` can learn from it (``motion_weight``).
    The alignment transfers to recorded motion (docs/results.md).

    The frame moves as if the camera moved: by a velocity, a stretch (zoom,
    rotation, shear) and the jitter of each frame. In some windows, an ellipse
    moves in front of the rest, with its own velocity and stretch. Frames are
    then downscaled like LR frames. Magnitudes of motion are drawn
    log-uniformly, so that slow windows are as frequent as fast ones.

    The result is the centre of the crop. Displacements are at most the margin
    around it, less two LR pixels. A crop without such a margin remains as
    recorded. A still photograph (``still``) always moves: otherwise, it would
    yield seven equal frames, which teach nothing. This transform must follow
    flips and transposes, which do not support ``motion``.

    For losses on consecutive outputs, ``pairs`` yields two overlapping windows
    of each sample: one LR frame more, and the ground truth of both centres.
    In recorded samples, the frame before the centre has no ground truth, so
    every window must be synthetic.

    Optional keys: ``still`` (bool), ``gt_path`` for messages.
    Modified keys: ``img`` (list of t frames, uint8; with ``pairs`` t + 1),
    ``gt`` (uint8; with ``pairs`` a list: of the centre frame, at index
    ``(t + 1) // 2``, and of the frame before it).
    Added key: ``motion``, a float32 tensor ``(t, 2, h, w)``: (dy, dx) in LR
    pixels from each position in the centre frame to the corresponding one in
    each frame; NaN in recorded windows. Where the ellipse hides the rest, it
    is the motion of the content visible in the centre frame.

    Args:
        gt_patch_size (int): Height and width of the final HR crop, a multiple
            of ``scale``; crops that are not larger are not changed.
        scale (int): HR pixels per LR pixel along each axis.
        ratio (float): Probability of a synthetic window.
        ellipse (float): Probability of an ellipse in a synthetic window.
        speed (tuple[float]): Range of the velocities' standard deviation
            along each axis, in LR pixels per frame.
        stretch (tuple[float]): Range of the stretch's standard deviation, in
            pixels per pixel and frame.
        jitter (tuple[float]): Range of the jitter's, in LR pixels.
        pairs (bool): Whether to yield two windows, one frame apart; requires a
            ``ratio`` of 1.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self,
                 gt_patch_size: int,
                 scale: int = 16,
                 *,
                 ratio: float = 0.5,
                 ellipse: float = 0.5,
                 speed: tuple[float, float] = (0.03, 0.8),
                 stretch: tuple[float, float] = (0.002, 0.02),
                 jitter: tuple[float, float] = (0.01, 0.2),
                 pairs: bool = False) -> None:
        if scale < 1 or gt_patch_size < scale or gt_patch_size % scale:
            raise ValueError('gt_patch_size must be a positive multiple of '
                             f'scale {scale}, got {gt_patch_size}')
        if not 0 <= ratio <= 1 or not 0 <= ellipse <= 1:
            raise ValueError('ratio and ellipse must be in [0, 1], got '
                             f'{ratio} and {ellipse}')
        for name, (low, high) in dict(
                speed=speed, stretch=stretch, jitter=jitter).items():
            if not 0 < low <= high:
                raise ValueError(f'{name} must be a range of positive '
                                 f'numbers, got {(low, high)}')
        if pairs and ratio < 1:
            raise ValueError('pairs are made of synthetic windows alone: '
                             f'ratio must be 1, got {ratio}')
        self.gt_patch_size, self.scale = gt_patch_size, scale
        self.pairs = pairs
        self.ratio, self.ellipse = ratio, ellipse
        self.speed, self.stretch, self.jitter = speed, stretch, jitter

    def transform(self, results: dict) -> dict:
        """Crop the margin, or replace the window at random.

        Raises:
            ValueError: If the margin of a photograph, or of a pair of windows,
                is too small for motion.
        """
        frames, gt = results['img'], results['gt']
        size = np.minimum(gt.shape[:2], self.gt_patch_size)
        margin = (np.array(gt.shape[:2]) - size) // 2 // self.scale
        must_move = results.get('still', False) or self.pairs
        synthetic = np.random.random() < self.ratio or must_move
        room = min(margin) > REACH
        if must_move and not room:
            raise ValueError(
                f'{results.get("gt_path", "a frame")}: a crop of '
                f'{gt.shape[1]}x{gt.shape[0]} is too small for motion; at '
                f'least {self.least_size} pixels are needed along each axis')
        earlier = None
        if synthetic and room:
            results['img'], motion, earlier = self.animate(
                gt,
                len(frames) + self.pairs)
        else:
            results['img'] = [
                _part(frame, margin, size // self.scale) for frame in frames
            ]
            motion = np.full((len(frames), 2, *(size // self.scale)), np.nan,
                             np.float32)
        gt = _part(gt, margin * self.scale, size)
        results['gt'] = [gt, earlier] if self.pairs else gt
        # A tensor, because mmagic packs arrays as images.
        results['motion'] = torch.from_numpy(motion)
        return results

    @property
    def least_size(self) -> int:
        """Minimum height and width of a crop with motion."""
        return self.gt_patch_size + 2 * (REACH + 1) * self.scale

    def animate(
        self, gt: np.ndarray, num_frames: int
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray | None]:
        """Render a window of LR frames in which ``gt`` moves at random.

        Args:
            gt (np.ndarray[h, w, 3]): Centre HR frame, uint8, with a margin
                around the final crop.
            num_frames (int): Frames of the window.

        Returns:
            tuple: Frames, uint8; their motion (see the class); with ``pairs``,
            the HR frame before the centre, else None.
        """
        stage = _Stage(gt, self.gt_patch_size, self.scale)
        things = [self._draw_motion()]
        if np.random.random() < self.ellipse:
            things.append(self._draw_motion())
            stage.draw_ellipse()
        jitter = _log_uniform(self.jitter) * np.random.randn(num_frames, 2)
        jitter[num_frames // 2] = 0
        frames, motion, earlier = [], [], None
        for index, own in enumerate(jitter * self.scale):
            k = index - num_frames // 2
            maps = [(np.eye(2) + k * thing.stretch,
                     stage.limit(k * thing.velocity + own))
                    for thing in things]
            frames.append(stage.shrink(stage.render(maps)))
            motion.append(stage.motion(maps))
            if self.pairs and k == -1:
                earlier = stage.render(maps, cv2.INTER_CUBIC)
                earlier = _part(earlier, np.repeat(stage.reach, 2),
                                np.repeat(stage.patch, 2))
        return frames, np.stack(motion).astype(np.float32), earlier

    def _draw_motion(self) -> _Motion:
        return _Motion(
            np.random.randn(2) * _log_uniform(self.speed) * self.scale,
            np.random.randn(2, 2) * _log_uniform(self.stretch))

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(gt_patch_size={self.gt_patch_size}, '
                f'scale={self.scale}, ratio={self.ratio}, '
                f'ellipse={self.ellipse}, speed={self.speed}, '
                f'stretch={self.stretch}, jitter={self.jitter}, '
                f'pairs={self.pairs})')


class _Stage:
    """HR frame from whose centre a window is rendered."""

    def __init__(self, gt: np.ndarray, patch: int, scale: int) -> None:
        self.gt, self.patch, self.scale = gt, patch, scale
        self.size = np.array(gt.shape[:2])
        self.margin = (self.size - patch) // 2 // scale * scale
        self.reach = REACH * scale
        # Centre of rotation and origin of positions.
        self.middle = self.margin + (patch - 1) / 2
        self.mask: np.ndarray | None = None

    def limit(self, shift: np.ndarray) -> np.ndarray:
        """Clip a shift to the margin."""
        limit = self.margin - self.reach
        return np.clip(shift, -limit, limit)

    def draw_ellipse(self) -> None:
        """Draw the foreground ellipse in the centre frame at random."""
        self.mask = np.zeros(self.size, np.uint8)
        centre = self.margin + np.random.uniform(0, 1, 2) * self.patch
        axes = np.random.uniform(0.15, 0.45, 2) * self.patch
        ellipse: Any = cv2.ellipse  # its type stubs lack scalar colours
        ellipse(self.mask, tuple(int(c) for c in centre[::-1]),
                tuple(int(a) for a in axes), np.random.uniform(0, 180), 0, 360,
                1, -1)

    def render(self,
               maps: list[_Map],
               interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        """Render the moved HR frame with the border for downscaling."""
        out = self._warp(self.gt, maps[0], interpolation)
        if self.mask is not None:
            cv2.copyTo(
                self._warp(self.gt, maps[1], interpolation),
                self._warp(self.mask, maps[1], cv2.INTER_NEAREST), out)
        return out

    def _warp(self, image: np.ndarray, mapped: _Map,
              interpolation: int) -> np.ndarray:
        """Sample ``image`` at ``matrix @ p + shift`` for each position p."""
        matrix, shift = mapped
        first = self.margin - self.reach - self.middle  # position at (0, 0)
        offset = self.middle + shift + matrix @ first
        # OpenCV expects x before y.
        affine = np.hstack([matrix[::-1, ::-1], offset[::-1, None]])
        return cv2.warpAffine(
            image,
            affine, (self.patch + 2 * self.reach, ) * 2,
            flags=interpolation | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT)

    def shrink(self, frame: np.ndarray) -> np.ndarray:
        """Downscale a rendered frame as in the preparation of LR frames."""
        for _ in range(2):  # rows, then columns (transposed)
            rows = len(frame)
            weights = bicubic_weights(rows, rows // self.scale, 1 / self.scale)
            weights = weights[REACH:-REACH].astype(np.float32)
            flat = weights @ frame.reshape(rows, -1).astype(np.float32)
            frame = flat.reshape(-1, *frame.shape[1:]).swapaxes(0, 1)
        return np.ascontiguousarray(to_uint8(frame))

    def motion(self, maps: list[_Map]) -> np.ndarray:
        """Return the flow from the centre frame, (2, h, w), LR pixels."""
        # Centres of LR pixels.
        axis = (np.arange(self.patch // self.scale) + 0.5) * self.scale - 0.5
        grid = np.stack(np.meshgrid(axis, axis, indexing='ij'), -1)
        place = grid + self.margin - self.middle
        flow, *others = [(place - shift) @ np.linalg.inv(matrix).T - place
                         for matrix, shift in maps]
        if self.mask is not None:
            row, col = np.round(grid + self.margin).astype(int).T
            inside = self.mask[row.T, col.T, None] > 0
            flow = np.where(inside, others[0], flow)
        return flow.transpose(2, 0, 1) / self.scale


def _log_uniform(limits: tuple[float, float]) -> float:
    return float(np.exp(np.random.uniform(*np.log(limits))))


def _part(image: np.ndarray, first: np.ndarray, size: np.ndarray):
    (top, left), (height, width) = first, size
    return np.ascontiguousarray(image[top:top + height, left:left + width])

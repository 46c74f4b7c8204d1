# Copyright (c) DKSAN-MM contributors.
"""Whole clips, for mmagic's inference API."""

import torch
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from .windows import window_indices


@TRANSFORMS.register_module()
class StackWindows(BaseTransform):
    """Replace the frames of a clip by the windows around each of them.

    This is for mmagic's ``VideoRestorationInferencer``. Its own windows are
    reflected at the ends of a clip, unlike those of the data sets, and it
    loses frames of clips shorter than a window. The model recognizes both
    forms of the output by their shape.

    Required and modified key: ``inputs``, frames ``(t, 3, h, w)``. They become
    ``(t, num_frames, 3, h, w)`` if the inferencer processes whole clips (its
    ``window_size`` is 0), or ``(t, 3 * num_frames, h, w)`` if it forms windows
    (of these, the model restores the centre one).

    Args:
        num_frames (int): Frames of a window, odd.
    """

    def __init__(self, num_frames: int) -> None:
        window_indices(0, num_frames, length=1)  # rejects even numbers
        self.num_frames = num_frames

    def transform(self, results: dict) -> dict:
        """Replace ``inputs``.

        Raises:
            ValueError: If mmagic would lose frames.
        """
        frames = results['inputs']
        if frames.ndim == 3:  # mmagic squeezes a single frame
            frames = frames[None]
        length = len(frames)
        windows = frames[torch.tensor([
            window_indices(center, self.num_frames, length=length)
            for center in range(length)
        ])]
        size = _window_size()
        if size:
            if size != self.num_frames or length < size:
                raise ValueError(
                    f'mmagic cannot make windows of {size} of {length} frames '
                    f'for a network that takes {self.num_frames}: leave '
                    "window_size at 0 in the inferencer's extra_parameters")
            windows = windows.flatten(1, 2)
        results['inputs'] = windows
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(num_frames={self.num_frames})'


def _window_size() -> int:
    """Return the window size that all of mmagic's inferencers share."""
    from mmagic.apis.inferencers.video_restoration_inferencer import \
        VideoRestorationInferencer
    return VideoRestorationInferencer.extra_parameters['window_size']

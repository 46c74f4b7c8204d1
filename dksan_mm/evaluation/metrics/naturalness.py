# Copyright (c) DKSAN-MM contributors.
"""A metric of how natural frames look."""

import numpy as np
from mmagic.evaluation import niqe
from mmagic.registry import METRICS

from .video_metric import VideoMetric, frame_number

NIQE_BLOCK = 96  # pixels; the authors' value


@METRICS.register_module()
class VideoNIQE(VideoMetric):
    """Natural Image Quality Evaluator (Mittal et al., 2013) per video.

    mmagic's function, with the authors' model of pristine images: of the grey
    frame (0.299 R + 0.587 G + 0.114 B, as MATLAB's ``rgb2gray``), in blocks
    of 96x96 pixels, from the top left corner; what is left over at the right
    and at the bottom is ignored. Lower is better. It needs no ground truth.

    Not defined, and left out of the mean, are frames of fewer than two
    blocks, since their covariance is what is compared, and frames without any
    texture.

    Args:
        border (int): As in :class:`VideoMetric`.
        every (int): Score only frames whose number is a multiple of this;
            one frame of 1080p takes a second.
        **kwargs: As in :class:`VideoMetric`, but for ``channels``.

    Raises:
        ValueError: If ``every`` is less than 1.
    """

    metric = 'NIQE'
    needs_truth = False

    def __init__(self, border: int = 0, *, every: int = 1, **kwargs) -> None:
        super().__init__('RGB', border, **kwargs)
        if every < 1:
            raise ValueError(f'every must be at least 1, got {every}')
        self.every = every

    def frame_values(self, video: str, frame: str, truth: np.ndarray | None,
                     prediction: np.ndarray) -> dict[str, float]:
        """NIQE of one frame; empty where it is not defined or not wanted."""
        if self.every > 1 and frame_number(video, frame) % self.every:
            return {}
        rows, cols = (size // NIQE_BLOCK for size in prediction.shape[:2])
        if rows * cols < 2:
            return {}
        bgr = np.ascontiguousarray(prediction[..., ::-1])
        try:
            with np.errstate(all='ignore'):  # blocks without texture
                value = niqe(bgr, 0, input_order='HWC', convert_to='gray')
        except np.linalg.LinAlgError:
            return {}
        return {self.metric: float(value)} if np.isfinite(value) else {}

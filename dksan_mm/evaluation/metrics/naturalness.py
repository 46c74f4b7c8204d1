# Copyright (c) DKSAN-MM contributors.
"""No-reference metric of naturalness."""

import numpy as np
from mmagic.evaluation import niqe
from mmagic.registry import METRICS

from .video_metric import VideoMetric, frame_number

NIQE_BLOCK = 96  # pixels; the authors' value


@METRICS.register_module()
class VideoNIQE(VideoMetric):
    """Natural Image Quality Evaluator (Mittal et al., 2013) per video.

    mmagic's function with the authors' model of pristine images is applied to
    the grey frame (0.299 R + 0.587 G + 0.114 B, as in MATLAB's ``rgb2gray``)
    in blocks of 96x96 pixels from the top left corner; incomplete blocks at
    the right and bottom are ignored. Lower is better. No ground truth needed.

    NIQE compares the covariance of blocks. It is undefined for frames of fewer
    than two blocks and for frames without texture, which are excluded from the
    mean.

    Args:
        border (int): As in :class:`VideoMetric`.
        every (int): Interval of the scored frames, whose numbers are multiples
            of it; a 1080p frame takes a second.
        **kwargs: As in :class:`VideoMetric`, except ``channels``.

    Raises:
        ValueError: If ``every`` is less than 1.
    """

    metric = 'NIQE'
    better, digits = 'lower', 3
    needs_truth = False

    def __init__(self, border: int = 0, *, every: int = 1, **kwargs) -> None:
        super().__init__('RGB', border, **kwargs)
        if every < 1:
            raise ValueError(f'every must be at least 1, got {every}')
        self.every = every

    def frame_values(self, video: str, frame: str, truth: np.ndarray | None,
                     prediction: np.ndarray) -> dict[str, float]:
        """Return the NIQE of a frame; empty if undefined or not scored."""
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

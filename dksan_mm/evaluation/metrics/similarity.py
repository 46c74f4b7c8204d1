# Copyright (c) DKSAN-MM contributors.
"""PSNR and SSIM per video, as video super-resolution papers report them."""
import numpy as np
from mmagic.registry import METRICS

from dksan_mm.evaluation.functional.image_quality import psnr, ssim
from .video_metric import VideoMetric


@METRICS.register_module()
class VideoPSNR(VideoMetric):
    """Peak signal-to-noise ratio per video, in dB.

    See :class:`VideoMetric` and, also for identical frames,
    :func:`~dksan_mm.evaluation.functional.image_quality.psnr`.
    """

    metric = 'PSNR'
    digits, unit = 2, 'dB'

    def score(self, truth: np.ndarray, prediction: np.ndarray) -> float:
        """Compute the PSNR of one frame in dB."""
        return psnr(truth, prediction)


@METRICS.register_module()
class VideoSSIM(VideoMetric):
    """Structural similarity per video.

    See :func:`~dksan_mm.evaluation.functional.image_quality.ssim` and
    :class:`VideoMetric`.
    """

    metric = 'SSIM'

    def score(self, truth: np.ndarray, prediction: np.ndarray) -> float:
        """Compute the SSIM of one frame."""
        return ssim(truth, prediction)

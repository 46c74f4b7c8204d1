# Copyright (c) DKSAN-MM contributors.
"""Metrics of how natural, and how alike to the eye, frames look."""
from collections.abc import Callable
from pickle import UnpicklingError

import numpy as np
import torch
from mmagic.evaluation import niqe
from mmagic.registry import METRICS
from torch import nn
from torch.utils.data import DataLoader

from dksan_mm.utils.errors import UserError
from .video_metric import VideoMetric, frame_number

NIQE_BLOCK = 96  # pixels; the authors' value
LPIPS_NETWORKS = ('alex', 'vgg', 'squeeze')


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


@METRICS.register_module()
class VideoLPIPS(VideoMetric):
    """Learned perceptual distance (Zhang et al., 2018) per video.

    By the authors' package ``lpips``, version 0.1 of the weights, RGB scaled
    to [-1, 1]. Lower is better. The package is optional (``pip install
    lpips``); it lets torchvision download the weights of its network.

    Args:
        border (int): As in :class:`VideoMetric`.
        net (str): ``'alex'`` (what papers report), ``'vgg'`` or
            ``'squeeze'``.
        **kwargs: As in :class:`VideoMetric`, but for ``channels``.

    Raises:
        ValueError: If there is no such network.
    """

    metric = 'LPIPS'

    def __init__(self,
                 border: int = 0,
                 *,
                 net: str = 'alex',
                 **kwargs) -> None:
        super().__init__('RGB', border, **kwargs)
        if net not in LPIPS_NETWORKS:
            raise ValueError(f'net must be one of {LPIPS_NETWORKS}, got '
                             f'{net!r}')
        self.net = net
        self.distance: Callable | None = None

    def prepare(self, module: nn.Module, dataloader: DataLoader) -> None:
        """Load the network before the first frame, to where the model is.

        Raises:
            UserError: If the package or the weights are not there.
        """
        super().prepare(module, dataloader)
        parameter = next(module.parameters(), torch.empty(0))
        self.distance = load_lpips(self.net).to(parameter.device)

    def score(self, truth: np.ndarray, prediction: np.ndarray) -> float:
        """LPIPS of one frame.

        Args:
            truth (ndarray[uint8, h, w, 3]): RGB.
            prediction (ndarray[uint8, h, w, 3]): RGB.

        Raises:
            UserError: If the package or the weights are not there.
        """
        if self.distance is None:
            self.distance = load_lpips(self.net)
        weight = next(self.distance.parameters(), torch.empty(0))
        pair = torch.from_numpy(np.stack([truth, prediction]))
        pair = pair.to(weight.device).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.no_grad():
            return float(self.distance(pair[:1], pair[1:]))


def load_lpips(net: str) -> nn.Module:
    """The network of the package ``lpips``, ready to compare frames.

    Args:
        net (str): ``'alex'``, ``'vgg'`` or ``'squeeze'``.

    Raises:
        UserError: If the package is not installed, or its weights are not
            there and cannot be downloaded.
    """
    try:
        import lpips
    except ImportError as error:
        raise UserError('VideoLPIPS needs the package lpips, which cannot be '
                        f'imported ({error}): pip install lpips==0.1.4, or '
                        'leave the metric out') from error
    try:
        return lpips.LPIPS(net=net, verbose=False).eval()
    # No network, or a damaged file.
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        folder = f'{torch.hub.get_dir()}/checkpoints'
        raise UserError(
            f"VideoLPIPS has no weights of torchvision's network for {net!r} "
            f'({error}): put the file that torchvision names into {folder}, '
            'or leave the metric out') from error

# Copyright (c) DKSAN-MM contributors.
"""Base of all metrics: 8-bit frames, a mean per video, all processes."""
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from mmagic.evaluation.metrics.base_sample_wise_metric import \
    BaseSampleWiseMetric
from mmengine.dist import all_gather_object
from mmengine.logging import print_log

from dksan_mm.evaluation.functional.image_quality import crop_border, luma
from dksan_mm.utils.rounding import round_to_uint8

CHANNELS = ('RGB', 'Y')


class VideoMetric(BaseSampleWiseMetric):
    """Mean over videos of the mean over each video's frames.

    mmagic's metrics average over all frames, and score float predictions.
    Here every video counts alike, and frames are scored as they would be
    written: rounded to 8 bits. Values are named after the metric in RGB
    (``PSNR``) and with ``_Y`` for the luma of
    :func:`dksan_mm.evaluation.functional.image_quality.luma`.

    Frames are ``(3, h, w)`` tensors, 0-255; the ground truth must have the
    prediction's size. A frame that a metric is not defined for does not
    count; a video of such frames alone is left out. Results travel between
    processes as ``(video, frame, values)``, so a sample that a distributed
    sampler hands out twice counts once, and one process or several give equal
    averages.

    Args:
        channels (Sequence[str]): Any of ``'RGB'`` and ``'Y'``.
        border (int): HR pixels left out at each edge. The paper names none,
            so 0 is *chosen here*.
        channel_order (str): Order of both images' channels, ``'BGR'`` (what
            mmagic's ``DataPreprocessor`` hands to metrics, whatever was
            loaded) or ``'RGB'``.
        **kwargs: ``prefix``, ``gt_key``, ``pred_key`` of mmagic's
            ``BaseSampleWiseMetric``.

    Attributes:
        videos (dict): After :meth:`evaluate`, video -> name -> mean value.

    Raises:
        ValueError: If an argument is not one of the above.
    """

    default_prefix = ''  # mmengine warns of None
    metric = 'value'
    needs_truth = True  # False: the ground truth, if any, is not looked at

    def __init__(self,
                 channels: Sequence[str] = CHANNELS,
                 border: int = 0,
                 *,
                 channel_order: str = 'BGR',
                 **kwargs) -> None:
        channels = (channels, ) if isinstance(channels, str) else channels
        if not channels or not set(channels) <= set(CHANNELS):
            raise ValueError(f'channels must be among {CHANNELS}, got '
                             f'{channels}')
        if channel_order not in ('BGR', 'RGB'):
            raise ValueError("channel_order must be 'BGR' or 'RGB', got "
                             f'{channel_order!r}')
        if border < 0:
            raise ValueError(f'border must not be negative, got {border}')
        super().__init__(**kwargs)
        self.channels, self.border = tuple(channels), border
        self.channel_order = channel_order
        self.videos: dict[str, dict[str, float]] = {}

    def score(self, truth: np.ndarray, prediction: np.ndarray) -> float:
        """Value of one frame: two images (h, w, 3) or (h, w), 0-255."""
        raise NotImplementedError

    def process(self, data_batch: Sequence[dict],
                data_samples: Sequence[dict]) -> None:
        """Score the frames of one batch.

        Args:
            data_batch (Sequence[dict]): Not used.
            data_samples (Sequence[dict]): Samples with ``gt_img``,
                ``output/pred_img`` and ``key`` ('video/frame').

        Raises:
            ValueError: If a ground truth is needed and missing, or has
                another size than the prediction.
        """
        for sample in data_samples:
            video, frame = frame_name(sample)
            prediction = self._image(sample['output'][self.pred_key])
            truth = self._truth(video, frame, sample, prediction)
            values = self.frame_values(video, frame, truth, prediction)
            self.results.append((video, frame, values))

    def _truth(self, video: str, frame: str, sample: dict,
               prediction: np.ndarray) -> np.ndarray | None:
        """The ground truth of a frame, if it is needed."""
        if not self.needs_truth:
            return None
        if self.gt_key not in sample:
            raise ValueError(f'frame {video}/{frame} has no ground truth '
                             f"('{self.gt_key}'): {type(self).__name__} "
                             'cannot score it')
        truth = self._image(sample[self.gt_key])
        if truth.shape != prediction.shape:
            raise ValueError(
                f'frame {video}/{frame}: prediction {prediction.shape} '
                f'and ground truth {truth.shape} differ in size')
        return truth

    def _image(self, tensor: torch.Tensor) -> np.ndarray:
        """``(3, h, w)`` of the configured order -> uint8 RGB ``(h, w, 3)``."""
        if tensor.ndim != 3 or tensor.shape[0] != 3:
            raise ValueError('expected an image (3, h, w), got '
                             f'{tuple(tensor.shape)}')
        image = round_to_uint8(tensor.detach().cpu().float().numpy())
        image = image[::-1] if self.channel_order == 'BGR' else image
        return crop_border(
            np.ascontiguousarray(image.transpose(1, 2, 0)), self.border)

    def frame_values(self, video: str, frame: str, truth: np.ndarray | None,
                     prediction: np.ndarray) -> dict[str, float]:
        """Values of one frame by name; empty where there are none.

        Args:
            video (str): Name of the video.
            frame (str): Name of the frame.
            truth (ndarray[uint8, h, w, 3], optional): RGB; None if
                ``needs_truth`` is False.
            prediction (ndarray[uint8, h, w, 3]): RGB.
        """
        values: dict[str, float] = {}
        given: Any = truth  # None for metrics that do not look at it
        if 'RGB' in self.channels:
            values[self.metric] = self.score(given, prediction)
        if 'Y' in self.channels:
            values[f'{self.metric}_Y'] = self.score(
                luma(given), luma(prediction))
        return values

    def finish_videos(self) -> None:
        """Score what waits for the end of the videos seen so far."""

    def evaluate(self, size: int | None = None) -> dict[str, float]:
        """Gather every process's frames, average, log one row per video.

        Args:
            size (int, optional): Not used: frames are told apart by name.
                Present because mmengine's loops pass it, mmagic's do not.

        Returns:
            dict[str, float]: Name (with the prefix, if any) -> mean over
            the videos.
        """
        gathered = self.gather()
        self.results.clear()
        means = self.compute_metrics(gathered)
        print_log(self._table(means), logger='current')
        prefix = f'{self.prefix}/' if self.prefix else ''
        return {prefix + name: value for name, value in means.items()}

    def gather(self) -> list[tuple[str, str, dict]]:
        """The results of all processes."""
        return [
            row for rows in all_gather_object(self.results) for row in rows
        ]

    def compute_metrics(
            self, results: list[tuple[str, str, dict]]) -> dict[str, float]:
        """Mean over the videos of the per-video means.

        Args:
            results (list): ``(video, frame, {name: value})``; a frame that
                is listed twice counts once.

        Raises:
            ValueError: If there is no frame at all.
        """
        if not results:
            raise ValueError(f'{type(self).__name__}: no frame was scored')
        frames: defaultdict[str, dict] = defaultdict(dict)
        for video, frame, values in results:
            if values:
                frames[video][frame] = values
        self.videos = {
            video: _mean(list(scores.values()))
            for video, scores in sorted(frames.items())
        }
        return _mean(list(self.videos.values()))

    def _table(self, means: dict[str, float]) -> str:
        """Per-video values as text, the mean in the last row."""
        if not means:
            return f'{self.metric}: not defined for any of these frames'
        names = list(means)
        rows = [*self.videos.items(), ('mean', means)]
        width = max(len('video'), *(len(video) for video, _ in rows))
        lines = ['video'.ljust(width) + ''.join(f'{n:>10}' for n in names)]
        lines += [
            video.ljust(width) + ''.join(f'{values[n]:10.4f}' for n in names)
            for video, values in rows
        ]
        return f'{self.metric} per video\n' + '\n'.join(lines)


def frame_name(sample: dict) -> tuple[str, str]:
    """Video and frame of a sample: its ``key``, else its ``gt_path``.

    Raises:
        ValueError: If the sample has neither.
    """
    if 'key' in sample:
        video, _, frame = str(sample['key']).rpartition('/')
        return video, frame
    path = sample.get('gt_path')
    if isinstance(path, (list, tuple)) and path:
        path = path[len(path) // 2]
    if not path:
        raise ValueError("a sample carries neither 'key' nor 'gt_path': add "
                         "'key' to the meta_keys of PackInputs")
    path = PurePath(path)
    return path.parent.name, path.stem


def frame_number(video: str, frame: str) -> int:
    """The number that a frame is named by, 1 of ``Frame 001``.

    Raises:
        ValueError: If there is none in its name.
    """
    digits = re.findall('[0-9]+', frame)
    if not digits:
        raise ValueError(f'frame {video}/{frame} is not named by its number')
    return int(digits[-1])


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each value; of no rows, none.

    The sum is exact: frames come in another order from several processes.
    """
    return {
        name: math.fsum(row[name] for row in rows) / len(rows)
        for name in (rows[0] if rows else {})
    }

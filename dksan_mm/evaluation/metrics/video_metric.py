# Copyright (c) DKSAN-MM contributors.
"""Base of all metrics: 8-bit frames, means per video, all processes."""
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

    mmagic's metrics average over all frames and score float predictions. Here,
    all videos have equal weight, and frames are scored as they would be saved:
    rounded to 8 bits. Values are named after the metric for RGB (``PSNR``),
    with the suffix ``_Y`` for the luma of
    :func:`dksan_mm.evaluation.functional.image_quality.luma`.

    Frames are ``(3, h, w)`` tensors, 0-255; ground truth and prediction must
    have the same size. Frames for which a metric is undefined do not count;
    videos with only such frames are excluded. Processes exchange results as
    ``(video, frame, values)``. Samples that a distributed sampler repeats thus
    count once, and averages do not depend on the number of processes.

    Args:
        channels (Sequence[str]): Any of ``'RGB'`` and ``'Y'``.
        border (int): HR pixels cropped from each edge. The paper states none,
            so 0 is *chosen here*.
        channel_order (str): Channel order of both images: ``'BGR'``, which
            mmagic's ``DataPreprocessor`` passes to metrics regardless of the
            loaded order, or ``'RGB'``.
        **kwargs: ``prefix``, ``gt_key``, ``pred_key`` of mmagic's
            ``BaseSampleWiseMetric``.

    Attributes:
        metric (str): Name of the value; a class attribute, as the next four.
        needs_truth (bool): Whether the metric uses ground truth.
        better (str): 'higher' or 'lower', for tables of comparisons.
        digits (int): Decimals in these tables.
        unit (str): Unit in these tables, '' for a plain number.
        videos (dict): Video -> name -> mean value, after :meth:`evaluate`.

    Raises:
        ValueError: If an argument has any other value.
    """

    default_prefix = ''  # mmengine warns about None
    metric = 'value'
    needs_truth = True  # False: the metric ignores ground truth
    better, digits, unit = 'higher', 4, ''

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
        """Score one frame: two images (h, w, 3) or (h, w), 0-255."""
        raise NotImplementedError

    def process(self, data_batch: Sequence[dict],
                data_samples: Sequence[dict]) -> None:
        """Score the frames of one batch.

        Args:
            data_batch (Sequence[dict]): Not used.
            data_samples (Sequence[dict]): Samples with ``gt_img``,
                ``output/pred_img`` and ``key`` ('video/frame').

        Raises:
            ValueError: If required ground truth is missing, or its size
                differs from that of the prediction.
        """
        for sample in data_samples:
            video, frame = frame_name(sample)
            prediction = self._image(sample['output'][self.pred_key])
            truth = self._truth(video, frame, sample, prediction)
            values = self.frame_values(video, frame, truth, prediction)
            self.results.append((video, frame, values))

    def _truth(self, video: str, frame: str, sample: dict,
               prediction: np.ndarray) -> np.ndarray | None:
        """Return the ground truth of a frame if it is needed."""
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
        """Convert ``(3, h, w)`` in the configured order to uint8 RGB."""
        if tensor.ndim != 3 or tensor.shape[0] != 3:
            raise ValueError('expected an image (3, h, w), got '
                             f'{tuple(tensor.shape)}')
        image = round_to_uint8(tensor.detach().cpu().float().numpy())
        image = image[::-1] if self.channel_order == 'BGR' else image
        return crop_border(
            np.ascontiguousarray(image.transpose(1, 2, 0)), self.border)

    def frame_values(self, video: str, frame: str, truth: np.ndarray | None,
                     prediction: np.ndarray) -> dict[str, float]:
        """Return the values of one frame by name; empty if it has none.

        Args:
            video (str): Name of the video.
            frame (str): Name of the frame.
            truth (ndarray[uint8, h, w, 3], optional): RGB; None if
                ``needs_truth`` is False.
            prediction (ndarray[uint8, h, w, 3]): RGB.
        """
        values: dict[str, float] = {}
        given: Any = truth  # None for metrics that ignore it
        if 'RGB' in self.channels:
            values[self.metric] = self.score(given, prediction)
        if 'Y' in self.channels:
            values[f'{self.metric}_Y'] = self.score(
                luma(given), luma(prediction))
        return values

    def finish_videos(self) -> None:
        """Compute the values of whole videos for the videos seen so far."""

    def evaluate(self, size: int | None = None) -> dict[str, float]:
        """Gather the frames of all processes, average and log a table.

        Args:
            size (int, optional): Not used, since frames are distinguished by
                name. mmengine's loops pass it; mmagic's do not.

        Returns:
            dict[str, float]: Name (with the prefix, if any) -> mean over the
            videos.
        """
        gathered = self.gather()
        self.results.clear()
        means = self.compute_metrics(gathered)
        print_log(self._table(means), logger='current')
        prefix = f'{self.prefix}/' if self.prefix else ''
        return {prefix + name: value for name, value in means.items()}

    def gather(self) -> list[tuple[str, str, dict]]:
        """Gather the results of all processes."""
        return [
            row for rows in all_gather_object(self.results) for row in rows
        ]

    def compute_metrics(
            self, results: list[tuple[str, str, dict]]) -> dict[str, float]:
        """Average the means of the videos.

        Args:
            results (list): ``(video, frame, {name: value})``; duplicate frames
                count once.

        Raises:
            ValueError: If there are no frames.
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
        """Format the values per video, with the mean in the last row."""
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
    """Return video and frame of a sample from its ``key`` or ``gt_path``.

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
    """Return the number in a frame's name, e.g. 1 for ``Frame 001``.

    Raises:
        ValueError: If the name has no number.
    """
    digits = re.findall('[0-9]+', frame)
    if not digits:
        raise ValueError(f'frame {video}/{frame} is not named by its number')
    return int(digits[-1])


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Compute the mean of each value; empty if there are no rows.

    The sum is exact, because several processes change the order of frames.
    """
    return {
        name: math.fsum(row[name] for row in rows) / len(rows)
        for name in (rows[0] if rows else {})
    }

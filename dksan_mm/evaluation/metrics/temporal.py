# Copyright (c) DKSAN-MM contributors.
"""Metric of flicker: errors of the change between consecutive frames."""
import logging
from typing import Any

import numpy as np
from mmagic.registry import METRICS
from mmengine.dist import all_gather_object, get_world_size
from mmengine.logging import print_log

from dksan_mm.evaluation.functional.image_quality import LUMA_WEIGHTS
from .video_metric import VideoMetric, frame_number

# Video, number of the frame, and its error (prediction - ground truth), int16.
Error = tuple[str, int, np.ndarray]


@METRICS.register_module()
class VideoTemporalError(VideoMetric):
    """Mean absolute error of frame differences, ``TE``, in 8-bit levels.

    With prediction P and ground truth G of frames t - 1 and t of a video::

        TE(t) = mean |(P(t) - P(t-1)) - (G(t) - G(t-1))|

    over all pixels and channels; 0 is best. Errors that are equal in both
    frames do not count, so any static prediction of a static video gets 0: TE
    measures flicker and complements PSNR. ``TE_Y`` is the value for luma. A
    frame whose predecessor (its number less one) is not evaluated, such as the
    first frame of a video, has no value and does not count.

    Each process must get its frames in order, and several processes must get
    blocks (:class:`dksan_mm.datasets.ConsecutiveSampler`). Two frames are kept
    in memory; processes exchange the errors at the borders of their blocks.

    Args:
        **kwargs: As in :class:`VideoMetric`.
    """

    metric = 'TE'
    better, digits = 'lower', 3
    unit = 'temporal error, 8-bit levels'

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._first: Error | None = None  # first error of this process
        self._last: Error | None = None

    def frame_values(self, video: str, frame: str, truth: np.ndarray | None,
                     prediction: np.ndarray) -> dict[str, float]:
        """Return the values of a frame if the previous frame came before.

        Raises:
            ValueError: If the frame's name has no number, or its size differs
                from that of the previous frame.
        """
        given: Any = truth  # needs_truth is True
        error = np.subtract(prediction, given, dtype=np.int16)
        previous, current = self._last, (video, frame_number(video,
                                                             frame), error)
        if previous is not None and current[:2] == previous[:2]:
            return {}  # padding of a sampler
        self._last = current
        if self._first is None:
            self._first = current
        return self._change(previous, current)

    def gather(self) -> list[tuple[str, str, dict]]:
        """Gather the results of all processes and of changes between them.

        If frames were out of order, a warning is logged, and there are no
        values.
        """
        rows = super().gather()
        ends, self._first, self._last = (self._first, self._last), None, None
        if get_world_size() > 1:
            errors = [e for pair in all_gather_object(ends) for e in pair if e]
            names = {
                (video, frame_number(video, frame)): frame
                for video, frame, _ in rows
            }
            rows += [(video, names[video, number],
                      self._change(previous, (video, number, error)))
                     for video, number, error in errors for previous in errors]
        gap = _find_gap(rows)
        if gap is None:
            return rows
        print_log(
            f'{self.metric} is left out: {gap}; the data loader needs the '
            'sampler ConsecutiveSampler',
            logger='current',
            level=logging.WARNING)
        return [(video, frame, {}) for video, frame, _ in rows]

    def _change(self, previous: Error | None,
                current: Error) -> dict[str, float]:
        """Compare two errors; empty if the frames are not consecutive."""
        video, number, error = current
        if previous is None or previous[:2] != (video, number - 1):
            return {}
        if error.shape != previous[2].shape:
            raise ValueError(f'frame {number} of {video} has another size '
                             'than the frame before')
        change = error - previous[2]
        values = {}
        if 'RGB' in self.channels:
            values[self.metric] = float(np.abs(change).mean())
        if 'Y' in self.channels:
            luma = change @ (np.array(LUMA_WEIGHTS) / 255)
            values[f'{self.metric}_Y'] = float(np.abs(luma).mean())
        return values


def _find_gap(rows: list[tuple[str, str, dict]]) -> str | None:
    """Find a frame without a value whose predecessor was evaluated."""
    present, scored = set(), set()
    for video, frame, values in rows:
        place = video, frame_number(video, frame)
        present.add(place)
        if values:
            scored.add(place)
    for video, number in sorted(present - scored):
        if (video, number - 1) in present:
            return f'frame {number} of {video} did not follow its predecessor'
    return None

# Copyright (c) DKSAN-MM contributors.
"""Metric of the visible difference between whole videos."""
import logging
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from mmagic.registry import METRICS
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log
from torch import nn
from torch.utils.data import DataLoader

from dksan_mm.evaluation.functional.learned import load_cvvdp
from .video_metric import VideoMetric, frame_number


@METRICS.register_module()
class VideoCVVDP(VideoMetric):
    """ColorVideoVDP (Mantiuk et al., 2024) of each video, in JOD.

    Computed by the authors' package ``cvvdp``, which models the visibility of
    contrast, colour and flicker on a display. 10 means no difference; one JOD
    less means that three of four people prefer the ground truth. The package
    is optional.

    The frames of a video must be consecutive; otherwise, it has no value.
    They are stored in a temporary folder, which all processes must share.

    Args:
        border (int): As in :class:`VideoMetric`.
        fps (float): Frames per second. *Chosen here*: data sets do not state
            theirs, and most clips have about 30.
        display (str): Name of the display in the package. *Chosen here*:
            1920x1080, 24 inches, viewed at 0.6 m.
        **kwargs: As in :class:`VideoMetric`, except ``channels``.

    Raises:
        ValueError: If ``fps`` is not positive.
    """

    metric = 'CVVDP'
    digits, unit = 2, 'JOD'

    def __init__(self,
                 border: int = 0,
                 *,
                 fps: float = 30.,
                 display: str = 'standard_fhd',
                 **kwargs) -> None:
        super().__init__('RGB', border, **kwargs)
        if not fps > 0:
            raise ValueError(f'fps must be positive, got {fps}')
        self.fps, self.display = fps, display
        self._quality: Any = None
        self._kept: tempfile.TemporaryDirectory | None = None
        self._folder: Path | None = None

    def prepare(self, module: nn.Module, dataloader: DataLoader) -> None:
        """Load the package and share a folder before the first frame.

        Raises:
            UserError: If the package is not installed.
        """
        super().prepare(module, dataloader)
        self._quality = load_cvvdp(self.display)
        self._make_folder()

    def _make_folder(self) -> Path:
        """Create the folder on the main process and broadcast its path."""
        if self._folder is None:
            if is_main_process():
                self._kept = tempfile.TemporaryDirectory(prefix='cvvdp-')
            names: list[Any] = [self._kept and self._kept.name]
            broadcast_object_list(names)
            self._folder = Path(names[0])
        return self._folder

    def frame_values(self, video: str, frame: str, truth: np.ndarray | None,
                     prediction: np.ndarray) -> dict[str, float]:
        """Store a frame until the end; it has no value of its own.

        Raises:
            ValueError: If the frame's name has no number.
        """
        number = frame_number(video, frame)
        folder = self._make_folder() / quote(video, safe='')
        folder.mkdir(exist_ok=True)
        pair: Any = [truth, prediction]  # needs_truth is True
        np.save(folder / f'{number}.npy', np.stack(pair))
        return {}

    def finish_videos(self) -> None:
        """Score the videos whose frames this process has all seen."""
        self.results: list = self._score_all(list(self.results))
        self._forget()

    def gather(self) -> list[tuple[str, str, dict]]:
        """Gather the results; the main process scores the videos."""
        rows = super().gather()
        scored: list[Any] = [
            self._score_all(rows) if is_main_process() else None
        ]
        broadcast_object_list(scored)
        self._forget()
        return scored[0]

    def _score_all(
            self, rows: list[tuple[str, str,
                                   dict]]) -> list[tuple[str, str, dict]]:
        """Add a video's value to the row of its first frame."""
        frames: dict[str, dict[int, str]] = {}
        for video, frame, values in rows:
            if values:  # already scored
                frames[video] = {}
            elif frames.get(video) != {}:
                number = frame_number(video, frame)
                frames.setdefault(video, {})[number] = frame
        return rows + [
            (video, numbers[min(numbers)], self._score(video, sorted(numbers)))
            for video, numbers in sorted(frames.items()) if numbers
        ]

    def _forget(self) -> None:
        if self._kept is not None:
            self._kept.cleanup()
        self._kept = self._folder = None

    def _score(self, video: str, numbers: list[int]) -> dict[str, float]:
        """Return the value of a video by name; empty if frames are missing."""
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            print_log(
                f'{self.metric} of {video} is left out: its frames do not '
                'follow one another',
                logger='current',
                level=logging.WARNING)
            return {}
        folder = self._make_folder() / quote(video, safe='')
        pairs = [np.load(folder / f'{number}.npy') for number in numbers]
        truth, prediction = map(np.stack, zip(*pairs))
        if self._quality is None:
            self._quality = load_cvvdp(self.display)
        quality, _ = self._quality.predict(
            prediction, truth, dim_order='FHWC', frames_per_second=self.fps)
        return {self.metric: float(quality)}

# Copyright (c) DKSAN-MM contributors.
"""A metric of whole videos, of what people see of their differences."""
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

    By the authors' package ``cvvdp``, which models contrast, colour and
    flicker as seen on a display. 10 is no difference; a JOD less and three of
    four people prefer the ground truth. The package is optional.

    A video's frames must follow one another; where some are left out, it has
    no value. Until the end they lie in a temporary folder, which all
    processes must see.

    Args:
        border (int): As in :class:`VideoMetric`.
        fps (float): Frames per second. *Chosen here*: data sets do not name
            theirs, and most clips have about 30.
        display (str): The package's name of the display that is looked at.
            *Chosen here*: one of 1920x1080, 24 inches at 0.6 m.
        **kwargs: As in :class:`VideoMetric`, but for ``channels``.

    Raises:
        ValueError: If ``fps`` is not positive.
    """

    metric = 'CVVDP'

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
        """Load the package, and agree on a folder, before the first frame.

        Raises:
            UserError: If the package is not installed.
        """
        super().prepare(module, dataloader)
        self._quality = load_cvvdp(self.display)
        self._make_folder()

    def _make_folder(self) -> Path:
        """Make the main process's folder, and tell the others of it."""
        if self._folder is None:
            if is_main_process():
                self._kept = tempfile.TemporaryDirectory(prefix='cvvdp-')
            names: list[Any] = [self._kept and self._kept.name]
            broadcast_object_list(names)
            self._folder = Path(names[0])
        return self._folder

    def frame_values(self, video: str, frame: str, truth: np.ndarray | None,
                     prediction: np.ndarray) -> dict[str, float]:
        """Keep a frame for the end; it has no value of its own.

        Raises:
            ValueError: If the frame's name is no number.
        """
        number = frame_number(video, frame)
        folder = self._make_folder() / quote(video, safe='')
        folder.mkdir(exist_ok=True)
        pair: Any = [truth, prediction]  # needs_truth is True
        np.save(folder / f'{number}.npy', np.stack(pair))
        return {}

    def finish_videos(self) -> None:
        """Score the videos whose frames this process has seen, all of them."""
        self.results: list = self._score_all(list(self.results))
        self._forget()

    def gather(self) -> list[tuple[str, str, dict]]:
        """The results of all processes; the main one scores the videos."""
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
            if values:  # scored before
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
        """Value of a video by name; empty if frames are missing."""
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

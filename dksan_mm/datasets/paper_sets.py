# Copyright (c) DKSAN-MM contributors.
"""The paper's data sets."""
from mmagic.registry import DATASETS

from .video_window_dataset import VideoWindowDataset


@DATASETS.register_module()
class Vid3oCDataset(VideoWindowDataset):
    """Vid3oC (Kim et al., 2019), the paper's training and validation data.

    It has 50 training videos, 16 validation videos of 120 frames and 16 test
    videos without public ground truth (paper, sec. 4). Frames are named
    ``%06d.png``. See :class:`VideoWindowDataset`.
    """

    METAINFO = dict(dataset_type='vid3oc', task_name='vsr')


@DATASETS.register_module()
class IntVIDDataset(VideoWindowDataset):
    """IntVID, the paper's second test set: 14 frames of videos 050-059.

    The paper evaluates 14 consecutive frames of each video (sec. 4) without
    stating which. The first 14 are *chosen here*; ``first_frame`` and
    ``max_frames`` change that. Their windows may use all frames of the clip.
    See :class:`VideoWindowDataset`.
    """

    METAINFO = dict(dataset_type='intvid', task_name='vsr')

    def __init__(self,
                 data_root: str,
                 *,
                 max_frames: int | None = 14,
                 **kwargs) -> None:
        super().__init__(data_root, max_frames=max_frames, **kwargs)

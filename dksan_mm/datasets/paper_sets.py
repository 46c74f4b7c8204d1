# Copyright (c) DKSAN-MM contributors.
"""The paper's data sets."""
from mmagic.registry import DATASETS

from .video_window_dataset import VideoWindowDataset


@DATASETS.register_module()
class Vid3oCDataset(VideoWindowDataset):
    """Vid3oC (Kim et al. 2019), the paper's training and validation data.

    50 videos to train, 16 of 120 frames to validate and 16 to test, whose
    ground truth is not public (paper, sec. 4); frames named ``%06d.png``.
    See :class:`VideoWindowDataset`.
    """

    METAINFO = dict(dataset_type='vid3oc', task_name='vsr')


@DATASETS.register_module()
class IntVIDDataset(VideoWindowDataset):
    """IntVID, the paper's second test set: 14 frames of videos 050-059.

    The paper evaluates 14 consecutive frames of each video (sec. 4) and
    does not say which; the first 14 are *chosen here* (``first_frame`` and
    ``max_frames`` change it). Their windows reach over the whole clip.
    See :class:`VideoWindowDataset`.
    """

    METAINFO = dict(dataset_type='intvid', task_name='vsr')

    def __init__(self,
                 data_root: str,
                 *,
                 max_frames: int | None = 14,
                 **kwargs) -> None:
        super().__init__(data_root, max_frames=max_frames, **kwargs)

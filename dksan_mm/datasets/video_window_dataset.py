# Copyright (c) DKSAN-MM contributors.
"""Data sets of windows of LR frames with the centre's HR frame."""
import os.path as osp
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmagic.datasets import BasicFramesDataset
from mmagic.registry import DATASETS

from dksan_mm.io.layout import list_clips, read_annotation
from dksan_mm.utils.steps import named_steps
from .clip_files import STORES, find_stores, list_pairs
from .samplers import SeededIndex, numpy_seed
from .sources import check_sources, samples_of_clips

Step = dict | Callable


@DATASETS.register_module()
class VideoWindowDataset(BasicFramesDataset):
    """Data set of clips in folders; each sample is one centre frame.

    The folders are ``{data_root}/{prefix}/{clip}/``, with PNG or JPEG frames
    whose names end in consecutive numbers, starting anywhere. LR and HR frames
    are matched by number.

    An epoch has ``len(dataset)`` samples: by default, every frame of every
    clip, including first and last frames, is a centre once. A sample has the
    keys ``key`` ('050/000019'), ``clip``, ``frame`` (index in the clip),
    ``img_path`` (all LR frames of the clip; ``GenerateWindowIndices`` selects
    the window), ``gt_path`` (the centre's HR frame), ``num_input_frames``,
    ``num_output_frames``, ``sequence_length`` and ``still`` (whether the clip
    is a single frame, such as a photograph; :class:`~dksan_mm.datasets.
    SyntheticMotion` always moves it).

    The constructor follows mmagic's ``BasicFramesDataset``, but clips and
    frames are listed differently: mmagic's class drops folders with a dot in
    their name, assumes equal clip lengths and has one sample per clip.

    Errors are raised, never skipped: missing, empty or unequal folders when
    the data set is built, unreadable frames when they are loaded.

    Args:
        data_root (str): Root of the prepared data set.
        data_prefix (dict): Folders of the clips below ``data_root``: 'img'
            for LR and, if there is ground truth, 'gt' for HR.
        ann_file (str): Text file, absolute or below ``data_root``, with one
            clip per line: its name and optionally, after a tab, its number of
            frames, e.g. ``train/clips.txt`` from tools/prepare_data.py.
            Default: all clips in the folders.
        clips (Sequence[str], optional): Names of the clips to use, such as
            REDS4 of REDS. Default: all.
        skip_clips (Sequence[str]): Names of clips to skip.
        num_input_frames (int): LR frames of a window, odd.
        first_frame (int): Index of the first centre frame of each clip.
        max_frames (int, optional): Maximum number of centre frames per clip.
        frame_step (int): Distance between centre frames. Windows may always
            use all frames of a clip.
        samples_per_clip (int, optional): Samples per clip and epoch,
            regardless of its length: equally spaced centre frames of those
            above, repeated if there are fewer. *Chosen here* for clips of very
            unequal length: a long clip shows more frames than a short one,
            but not more scenes.
        sources (Sequence[dict], optional): Several annotation files instead
            of ``ann_file``, each as ``dict(ann_file=..., share=...)``. Its
            clips get this share of an epoch's samples, relative to the sum of
            shares, divided equally among them. ``samples_per_clip`` is then
            the mean over all clips. Numbers are rounded, to at least one.
        store (str): 'png' reads image files; 'array' and 'tiles' read the
            files that ``tools/prepare_data.py --store`` writes next to the
            folders (arrays for LR in both cases); 'auto' reads the fastest
            available. The pixels are the same. With 'array' and 'tiles',
            samples have the paths ``img_store`` and ``gt_store``.
        pipeline (Sequence | Mapping): Transforms, as mmengine's list or as an
            ordered dict, whose entries configs can change by name; empty
            dicts are placeholders.
        test_mode (bool): As in mmengine's ``BaseDataset``.
        metainfo (dict, optional): As in mmengine's ``BaseDataset``.
        **kwargs: Other arguments of mmengine's ``BaseDataset``.

    Raises:
        FileNotFoundError: If a folder or a named clip is missing; names it.
        ValueError: If a folder is empty, frames are missing or unmatched, or
            no centre frame is left; names the path.
    """

    METAINFO = dict(dataset_type='video_windows', task_name='vsr')

    def __init__(self,
                 data_root: str,
                 *,
                 data_prefix: dict[str, str],
                 ann_file: str = '',
                 clips: Sequence[str] | None = None,
                 skip_clips: Sequence[str] = (),
                 num_input_frames: int = 7,
                 first_frame: int = 0,
                 max_frames: int | None = None,
                 frame_step: int = 1,
                 samples_per_clip: int | None = None,
                 sources: Sequence[dict] | None = None,
                 store: str = 'auto',
                 pipeline: Sequence[Step] | Mapping[str, Step] = (),
                 test_mode: bool = False,
                 metainfo: dict | None = None,
                 **kwargs) -> None:
        self.centers = (first_frame, max_frames, frame_step)
        _check_numbers(num_input_frames, self.centers, samples_per_clip)
        check_sources(sources, ann_file, samples_per_clip)
        if isinstance(clips, str) or isinstance(skip_clips, str):
            raise ValueError('clips and skip_clips must be lists of names, '
                             f'got {clips!r} and {skip_clips!r}')
        self.clips, self.skip_clips = clips, skip_clips
        if 'img' not in data_prefix:
            raise ValueError("data_prefix must name the LR folder as 'img', "
                             f'got {data_prefix}')
        if store not in STORES:
            raise ValueError(f'store must be one of {STORES}, got {store!r}')
        self.store = store
        self.stores: dict[str, dict[str, str]] = {}
        self.stated: dict[str, int | None] = {}
        self.samples_per_clip = samples_per_clip
        self.sources = sources
        self.counts: dict[str, int] = {}
        self.frames: dict[str, dict[str, list[str]]] = {}
        # A pipeline that returns None is an error; no other sample is tried.
        kwargs.setdefault('max_refetch', 0)
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=data_prefix,
            pipeline=list(named_steps(pipeline).values()),
            test_mode=test_mode,
            filename_tmpl={},
            num_input_frames=num_input_frames,
            num_output_frames=1,
            **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the samples; see the class for the checks.

        Returns:
            list[dict]: ``key``, ``clip`` and ``frame`` of each sample.
        """
        samples = []
        for clip in self._clip_names():
            self._find_files(clip)
            paths = self.frames[clip]['img']
            for frame in self._center_frames(clip, len(paths)):
                name = osp.splitext(osp.basename(paths[frame]))[0]
                samples.append(
                    dict(key=f'{clip}/{name}', clip=clip, frame=frame))
        if not samples:
            raise ValueError(f'{self.data_prefix["img"]}: no clip has a frame '
                             f'of index {self.centers[0]}')
        return samples

    def _find_files(self, clip: str) -> None:
        """Find the frames and the stores of a clip."""
        self.frames[clip] = list_pairs(
            self.data_prefix,
            clip,
            stated=self.stated.get(clip),
            annotation=self.ann_file or 'its annotation')
        if self.store != 'png':
            self.stores[clip] = find_stores(self.data_prefix, clip,
                                            self.frames[clip], self.store)

    def _center_frames(self, clip: str, length: int) -> Sequence[int]:
        """Return the indices of the centre frames of a clip."""
        first, limit, step = self.centers
        frames = range(first, length, step)[:limit]
        count = self.counts.get(clip, self.samples_per_clip)
        if count is None or not frames:
            return frames
        # Centres of equal parts.
        return [
            frames[(2 * k + 1) * len(frames) // (2 * count)]
            for k in range(count)
        ]

    def get_data_info(self, idx: int) -> dict:
        """Return a sample before the pipeline; see the class for its keys."""
        info = super().get_data_info(idx)
        frames = self.frames[info['clip']]
        info.update(
            img_path=list(frames['img']),
            sequence_length=len(frames['img']),
            still=len(frames['img']) == 1,
            num_input_frames=self.num_input_frames,
            num_output_frames=self.num_output_frames)
        if 'gt' in frames:
            info['gt_path'] = frames['gt'][info['frame']]
        info.update(self.stores.get(info['clip'], {}))
        return info

    def __getitem__(self, idx: int) -> dict:
        """Return a sample after the pipeline.

        Args:
            idx (int): Index, optionally with the seed of the augmentation as a
                :class:`~dksan_mm.datasets.SeededIndex`.

        Returns:
            dict: Output of the pipeline.
        """
        if isinstance(idx, SeededIndex):
            with numpy_seed(idx.seed):
                return super().__getitem__(int(idx))
        return super().__getitem__(idx)

    def _clip_names(self) -> list[str]:
        """Return the clips to use."""
        available = self._list_clips()
        where = self.ann_file or self.data_prefix['img']
        missing = sorted(set(self.clips or ()) - set(available))
        if missing:
            raise FileNotFoundError(f'{where}: no clip {missing[0]}')
        names = [
            name for name in self.clips or available
            if name not in self.skip_clips
        ]
        if not names:
            raise ValueError(f'{where}: no clips')
        return names

    def _list_clips(self) -> list[str]:
        """Return the clips of the annotation files, or all clips."""
        for folder in self.data_prefix.values():
            if not osp.isdir(folder):
                raise FileNotFoundError(
                    f'{folder}: no such folder; tools/prepare_data.py makes '
                    'it')
        if self.sources:
            samples: Any = self.samples_per_clip  # checked with sources
            self.stated, self.counts = samples_of_clips(
                self.sources, self.data_root, samples)
        elif self.ann_file:
            self.stated = read_annotation(self.ann_file)
        else:
            return sorted(
                set().union(*map(list_clips, self.data_prefix.values())))
        return list(self.stated)


def _check_numbers(num_input_frames: int, centers: tuple[int, int | None, int],
                   samples_per_clip: int | None) -> None:
    if num_input_frames < 1 or num_input_frames % 2 == 0:
        raise ValueError(
            f'num_input_frames must be odd, got {num_input_frames}')
    first_frame, max_frames, frame_step = centers
    if first_frame < 0 or frame_step < 1 or (max_frames is not None
                                             and max_frames < 1):
        raise ValueError('first_frame must not be negative, frame_step '
                         'and max_frames must be at least 1, got '
                         f'{first_frame}, {frame_step}, {max_frames}')
    if samples_per_clip is not None and samples_per_clip < 1:
        raise ValueError('samples_per_clip must be at least 1, got '
                         f'{samples_per_clip}')

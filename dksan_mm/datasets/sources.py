# Copyright (c) DKSAN-MM contributors.
"""Shares of several lists of clips in an epoch's samples."""
import os.path as osp
from collections.abc import Sequence

from dksan_mm.io.layout import read_annotation

# For each clip, its stated number of frames and its samples per epoch.
Clips = tuple[dict[str, int | None], dict[str, int]]


def check_sources(sources: Sequence[dict] | None, ann_file: str,
                  samples_per_clip: int | None) -> None:
    """Reject sources that are incomplete or contradict other arguments.

    Args:
        sources (Sequence[dict], optional): As in :class:`VideoWindowDataset`.
        ann_file (str): Annotation file of the data set itself.
        samples_per_clip (int, optional): Mean number of samples per clip.

    Raises:
        ValueError: If there are both sources and an annotation file, the
            number of samples is missing, or a source lacks a file or share.
    """
    if sources is None:
        return
    if ann_file:
        raise ValueError('sources and ann_file exclude each other, got '
                         f'{list(sources)} and {ann_file!r}')
    if samples_per_clip is None or not sources:
        raise ValueError('sources need one entry at least, and '
                         f'samples_per_clip, got {list(sources)} and '
                         f'{samples_per_clip}')
    for source in sources:
        if set(source) != {'ann_file', 'share'} or not source['share'] > 0:
            raise ValueError('a source is dict(ann_file=..., share=...) with '
                             f'a positive share, got {dict(source)}')


def samples_of_clips(sources: Sequence[dict], data_root: str,
                     samples_per_clip: int) -> Clips:
    """Read the clips of all sources and distribute the samples.

    Args:
        sources (Sequence[dict]): Sources with ``ann_file`` and ``share``.
        data_root (str): Root of relative annotation files.
        samples_per_clip (int): Mean number of samples over all clips.

    Returns:
        tuple: For each clip, the stated number of frames (or None) and the
        number of samples, which is equal for all clips of a source.

    Raises:
        OSError: If an annotation file cannot be read.
        ValueError: If it has no clips, or shares a clip with another one.
    """
    lists = []
    stated: dict[str, int | None] = {}
    for source in sources:
        path = osp.join(data_root, source['ann_file'])
        clips = read_annotation(path)
        twice = sorted(clips.keys() & stated.keys())
        if twice or not clips:
            what = f'clip {twice[0]} of another source' if twice else 'no clip'
            raise ValueError(f'{path}: {what}')
        lists.append(clips)
        stated.update(clips)
    total = samples_per_clip * len(stated)
    shares = sum(source['share'] for source in sources)
    counts = {}
    for source, clips in zip(sources, lists):
        count = total * source['share'] / shares / len(clips)
        counts.update(dict.fromkeys(clips, max(round(count), 1)))
    return stated, counts

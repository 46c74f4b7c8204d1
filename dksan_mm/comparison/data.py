# Copyright (c) DKSAN-MM contributors.
"""Frames to compare on: an existing prepared data set, or a new one."""
import os
import os.path as osp
from collections.abc import Sequence

from dksan_mm.io.images import write_bytes
from dksan_mm.io.layout import SPLITS, list_clips
from dksan_mm.prepare.manifest import read_manifest
from dksan_mm.utils.errors import UserError
from .request import DataSpec

# Frames to prepare after the last scored one, for its window.
MARGIN = 10


def is_prepared(folder: str, split: str, scale: int) -> bool:
    """Return whether tools/prepare_data.py wrote the split of a folder."""
    spec = DataSpec(folder, split, '', scale=scale)
    return all(osp.isdir(osp.join(folder, f)) for f in (spec.lr, spec.hr))


def find_split(folder: str, split: str | None, scale: int) -> str:
    """Find the split to compare on.

    Args:
        folder (str): Value of ``--data``.
        split (str | None): Value of ``--split``.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.

    Returns:
        str: ``split``, else 'val' if it exists, else the only existing split.

    Raises:
        UserError: If ``folder`` does not exist, or the choice is ambiguous.
    """
    if not osp.exists(folder):
        raise UserError(f'--data: there is no {folder}')
    prepared = [name for name in SPLITS if is_prepared(folder, name, scale)]
    if split or not prepared or 'val' in prepared:
        return split or 'val'
    if len(prepared) > 1:
        raise UserError(
            f'--data: {folder} has the splits {" and ".join(prepared)}'
            ': choose one with --split')
    return prepared[0]


def preparation(source: str, target: str, split: str, scale: int,
                max_frames: int | None) -> list[str]:
    """Return the arguments of tools/prepare_data.py to make the frames.

    Args:
        source (str): Videos or folders of frames.
        target (str): Folder for the prepared data set; clips that an earlier
            run prepared there are kept.
        split (str): Split of the clips.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.
        max_frames (int | None): Number of frames per clip to score.
    """
    before = read_manifest(target, split).values()
    limit = max_frames and max_frames + MARGIN
    for entry in before:  # the tool refuses to remove frames
        limit = limit and entry['max_frames'] and max(limit,
                                                      entry['max_frames'])
    arguments = [source, target, '--split', split, '--scale', str(scale)]
    return arguments + (['--max-frames', str(limit)] if limit else [])


def source_clips(source: str, split: str, scale: int) -> list[str]:
    """List the names of the clips in a folder of videos or frames.

    Raises:
        UserError: If there are none.
    """
    from dksan_mm.prepare.layouts import Source
    try:
        return [clip.name for clip in Source(source, scale).select([split])]
    except (OSError, ValueError) as error:
        raise UserError(f'--data: {error}') from error


def prepared_clips(folder: str, split: str, scale: int) -> list[str]:
    """List the names of the clips of a prepared data set.

    Raises:
        UserError: If there are none.
    """
    spec = DataSpec(folder, split, '', scale=scale)
    clips = list_clips(osp.join(folder, spec.lr))
    if not clips:
        raise UserError(f'--data: there are no clips in {folder}/{spec.lr}')
    return clips


def choose_clips(available: Sequence[str],
                 wanted: Sequence[str] | None) -> list[str]:
    """Return the clips to compare on, sorted.

    Raises:
        UserError: If a clip that ``--videos`` names does not exist.
    """
    for name in wanted or ():
        if name not in available:
            raise UserError(f'--videos: there is no {name}, only '
                            f'{", ".join(sorted(available))}')
    return sorted(set(wanted or available))


def write_clips(path: str, clips: Sequence[str]) -> None:
    """Write the annotation file that restricts each data set to the clips."""
    os.makedirs(osp.dirname(path), exist_ok=True)
    write_bytes(path, ''.join(f'{name}\n' for name in clips).encode())

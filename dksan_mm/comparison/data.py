# Copyright (c) DKSAN-MM contributors.
"""Frames to compare on: a prepared data set, or one made here."""
import os
import os.path as osp
from collections.abc import Sequence

from dksan_mm.io.images import write_bytes
from dksan_mm.io.layout import SPLITS, list_clips
from dksan_mm.utils.errors import UserError
from ..prepare.manifest import read_manifest
from .request import DataSpec

# Frames prepared beyond the last that is scored: windows reach there.
MARGIN = 10


def is_prepared(folder: str, split: str, scale: int) -> bool:
    """Return whether tools/prepare_data.py wrote the split of a folder."""
    spec = DataSpec(folder, split, '', scale=scale)
    return all(osp.isdir(osp.join(folder, f)) for f in (spec.lr, spec.hr))


def find_split(folder: str, split: str | None, scale: int) -> str:
    """The split to compare on.

    Args:
        folder (str): What ``--data`` names.
        split (str | None): What ``--split`` names.
        scale (int): HR pixels per LR pixel along each axis.

    Returns:
        str: ``split``, else 'val', else the one that is prepared.

    Raises:
        UserError: If there is nothing at ``folder``, or several other splits.
    """
    if not osp.exists(folder):
        raise UserError(f'--data: there is no {folder}')
    there = [name for name in SPLITS if is_prepared(folder, name, scale)]
    if split or not there or 'val' in there:
        return split or 'val'
    if len(there) > 1:
        raise UserError(
            f'--data: {folder} has the splits {" and ".join(there)}'
            ': choose one with --split')
    return there[0]


def preparation(source: str, target: str, split: str, scale: int,
                max_frames: int | None) -> list[str]:
    """Arguments of tools/prepare_data.py that make the frames.

    Args:
        source (str): Videos, or folders of frames.
        target (str): Folder for the prepared data set; what an earlier run
            prepared there stays, and is not prepared again.
        split (str): The split that the clips become.
        scale (int): HR pixels per LR pixel along each axis.
        max_frames (int | None): Frames that are scored of each clip.
    """
    before = read_manifest(target, split).values()
    limit = max_frames and max_frames + MARGIN
    for entry in before:  # the tool refuses to take frames away
        limit = limit and entry['max_frames'] and max(limit,
                                                      entry['max_frames'])
    arguments = [source, target, '--split', split, '--scale', str(scale)]
    return arguments + (['--max-frames', str(limit)] if limit else [])


def source_clips(source: str, split: str, scale: int) -> list[str]:
    """Names of the clips in a folder of videos or frames.

    Raises:
        UserError: If there are none.
    """
    from ..prepare.layouts import Source
    try:
        return [clip.name for clip in Source(source, scale).select([split])]
    except (OSError, ValueError) as error:
        raise UserError(f'--data: {error}') from error


def prepared_clips(folder: str, split: str, scale: int) -> list[str]:
    """Names of the clips of a prepared data set.

    Raises:
        UserError: If there are none.
    """
    spec = DataSpec(folder, split, '', scale=scale)
    clips = list_clips(osp.join(folder, spec.lr))
    if not clips:
        raise UserError(f'--data: there are no clips in {folder}/{spec.lr}')
    return clips


def choose_clips(there: Sequence[str],
                 wanted: Sequence[str] | None) -> list[str]:
    """The clips to compare on, sorted.

    Raises:
        UserError: If one that ``--videos`` names is not there.
    """
    for name in wanted or ():
        if name not in there:
            raise UserError(f'--videos: there is no {name}, only '
                            f'{", ".join(sorted(there))}')
    return sorted(set(wanted or there))


def write_clips(path: str, clips: Sequence[str]) -> None:
    """Write the annotation file that limits every data set to the clips."""
    os.makedirs(osp.dirname(path), exist_ok=True)
    write_bytes(path, ''.join(f'{name}\n' for name in clips).encode())

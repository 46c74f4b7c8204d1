# Copyright (c) DKSAN-MM contributors.
"""Names of clips and frames, and the layout and split that they imply."""
import os
import os.path as osp
import re
from collections.abc import Mapping, Sequence

from dksan_mm.io.layout import IMAGE_SUFFIXES
from .sources import Clip

_JOINED = re.compile(r'([0-9]{3}_)[0-9]+\.[a-z]+')


def guess_layout(clips: Sequence[Clip]) -> str:
    """Guess the layout of clips that are not in split folders.

    Returns:
        str: 'vid3oc' or 'intvid' if clips and frames are numbered as in these
        data sets, else 'videos'.
    """
    names = {clip.name for clip in clips}
    if not all(re.fullmatch('[0-9]{3}', name) for name in names):
        return 'videos'
    digits = {_frame_digits(clip) for clip in clips}
    numbers = {int(name) for name in names}
    if digits == {4} and numbers <= set(range(50, 60)):
        return 'intvid'
    if digits == {6} and min(numbers) < 50 <= max(numbers) < 82:
        return 'vid3oc'
    return 'videos'


def _frame_digits(clip: Clip) -> int:
    """Return the number of digits of frame numbers; 0 for a video file."""
    if clip.is_video:
        return 0
    names = [
        osp.splitext(n)[0] for n in sorted(os.listdir(clip.path))
        if n.startswith(clip.prefix) and n.lower().endswith(IMAGE_SUFFIXES)
    ]
    digits = re.findall('[0-9]+', names[0]) if names else []
    return len(digits[-1]) if digits else 0


def split_of_number(clip: Clip) -> str:
    """Return the split of a video in Vid3oC (paper, sec. 4).

    Raises:
        ValueError: If its name is not a number of three digits.
    """
    if not re.fullmatch('[0-9]{3}', clip.name):
        raise ValueError(f'{clip.path}: a clip of Vid3oC is named by three '
                         f'digits, not {clip.name!r}; --layout videos takes '
                         'any name')
    number = int(clip.name)
    return 'train' if number < 50 else 'val' if number < 66 else 'test'


def check_name(clip: Clip, others: Mapping[str, Clip]) -> None:
    """Check that the name of a clip can be used.

    Raises:
        ValueError: If it is not printable or taken by another clip.
    """
    if not clip.name.isprintable():
        raise ValueError(f'{clip.path!r}: tabs, line breaks and other '
                         'unprintable characters cannot be in a clip\'s name; '
                         'rename it')
    if clip.name in others:
        raise ValueError(f'{clip.path}: would get the same clip name as '
                         f'{others[clip.name].path}')


def joined_clips(folder: str, images: list[str],
                 split: str) -> dict[str, Clip]:
    """Find clips whose frames share one folder, ``050_000019.png``.

    Args:
        folder (str): Path of the folder.
        images (list[str]): Names of all images in the folder.
        split (str): Split of the clips.

    Returns:
        dict[str, Clip]: Clips by name; empty if an image has another form of
        name, or all belong to one clip.
    """
    found = [_JOINED.fullmatch(name.lower()) for name in images]
    matches = [match for match in found if match]
    if len(matches) < len(found):
        return {}
    prefixes = sorted({match[1] for match in matches})
    if len(prefixes) < 2:
        return {}
    return {
        prefix[:-1]: Clip(prefix[:-1], split, folder, prefix=prefix)
        for prefix in prefixes
    }

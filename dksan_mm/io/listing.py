# Copyright (c) DKSAN-MM contributors.
"""Files of a folder: which are frames, which videos, and which neither."""
import os
import os.path as osp
import re
import stat
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .layout import IMAGE_SUFFIXES, VIDEO_SUFFIXES

# Of two files of one frame, the one with the earlier suffix is taken.
_QUALITY = ('.png', '.tif', '.tiff', '.bmp', '.webp')
_KINDS = ((stat.S_ISFIFO, 'a named pipe'), (stat.S_ISSOCK, 'a socket'),
          (stat.S_ISCHR, 'a device'), (stat.S_ISBLK, 'a device'))


class Listing(NamedTuple):
    """Frames of a folder, in order, and what a user should know of them.

    Attributes:
        files (list[str]): Paths.
        notes (list[str]): Sentences about files that are not taken, and
            about gaps.
    """
    files: list[str]
    notes: list[str]


class Content(NamedTuple):
    """Names in a folder, in natural order, without hidden ones.

    Attributes:
        images (list[str]): Image files.
        videos (list[str]): Video files.
        folders (list[str]): Folders.
        others (list[str]): All else: other types, pipes, dead links.
    """
    images: list[str]
    videos: list[str]
    folders: list[str]
    others: list[str]


def natural(path: str) -> list[tuple[int, str]]:
    """Sorting key: numbers by value, everything else by letters."""
    parts = re.split('([0-9]+)', path)
    return [(int(p), '') if p.isdecimal() else (0, p) for p in parts]


def refuse_special(path: str) -> None:
    """Refuse what is neither a file nor a folder, without opening it.

    Opening a pipe waits until somebody writes to it, and what has been read
    from one is gone, but videos are read more than once.

    Args:
        path (str): A path; nothing need be there.

    Raises:
        ValueError: If it is a pipe, a socket or a device.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return  # what opens it says why
    for is_kind, name in _KINDS:
        if is_kind(mode):
            raise ValueError(f'{path}: is {name}, and the input is read more '
                             'than once; write it to a file first')


def is_video_name(name: str) -> bool:
    """Return whether a file's suffix is a video's."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def is_image_name(name: str) -> bool:
    """Return whether a file's suffix is an image's."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def read_folder(folder: str) -> Content:
    """Sort the names in a folder by what they stand for.

    Raises:
        OSError: If it cannot be read.
    """
    content = Content([], [], [], [])
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: natural(entry.name))
    for entry in found:
        if entry.name[0] == '.':
            continue
        if entry.is_dir():
            content.folders.append(entry.name)
        elif not entry.is_file():
            content.others.append(entry.name)
        elif is_image_name(entry.name):
            content.images.append(entry.name)
        elif is_video_name(entry.name):
            content.videos.append(entry.name)
        else:
            content.others.append(entry.name)
    return content


def list_frames_of(folder: str) -> Listing:
    """Find the frames in a folder of a video's frames.

    Names that differ in their numbers alone belong together. A cover next to
    them, files of other types, and second files of one frame are left out
    and named; a gap in the numbers is, too.

    Args:
        folder (str): A folder.

    Returns:
        Listing: Its frames; none if it has no images.

    Raises:
        ValueError: If it holds frames of several videos.
        OSError: If it cannot be read.
    """
    content = read_folder(folder)
    names, left_out = _largest_group(folder, content.images)
    names, doubles = _without_doubles(folder, names)
    left_out = sorted(left_out + doubles + content.others + content.videos)
    notes = [not_taken(folder, left_out)] if left_out and names else []
    return Listing([osp.join(folder, name) for name in names],
                   notes + find_gaps(folder, names))


def not_taken(path: str, names: Sequence[str]) -> str:
    """A sentence that names files which are left out."""
    shown = ', '.join(names[:3])
    more = f' and {len(names) - 3} more' if names[3:] else ''
    return f'{path}: not taken: {shown}{more}'


def _form(name: str) -> str:
    """Reduce a name to what its sequence shares: all but the numbers."""
    return re.sub('[0-9]+', '#', osp.splitext(name)[0])


def group_names(names: Sequence[str]) -> dict[str, list[str]]:
    """Sequences of frames by the form of their names, the largest first.

    Names without a number are a group of their own, ``''``.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        form = _form(name)
        groups.setdefault(form if '#' in form else '', []).append(name)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def _largest_group(folder: str,
                   names: list[str]) -> tuple[list[str], list[str]]:
    """Split names into those of the one sequence and others, such as covers.

    Raises:
        ValueError: If there are two sequences.
    """
    groups = group_names(names)
    numbered = {
        form: group
        for form, group in groups.items() if form and len(group) > 1
    }
    if len(numbered) > 1:
        forms = ', '.join(form.replace('#', '*') for form in numbered)
        raise ValueError(
            f'{folder}: holds frames of several videos ({forms}); name one '
            f'of them by a pattern, such as {folder}/{next(iter(numbered))}'.
            replace('#', '*') + osp.splitext(names[0])[1])
    if not numbered or len(groups) == 1:
        return list(names), []
    [group] = numbered.values()
    if len(group) < len(names) - len(group):
        return list(names), []  # photographs: nothing tells them apart
    return group, [name for name in names if name not in set(group)]


def _without_doubles(folder: str,
                     names: list[str]) -> tuple[list[str], list[str]]:
    """Leave out JPEG files of frames that are there as PNG files."""
    taken: dict[str, str] = {}
    for name in names:
        stem = osp.splitext(name)[0]
        other = taken.setdefault(stem, name)
        if _rank(name) < _rank(other):
            taken[stem] = name
    kept = set(taken.values())
    return ([name for name in names
             if name in kept], [name for name in names if name not in kept])


def _rank(name: str) -> int:
    suffix = osp.splitext(name)[1].lower()
    return _QUALITY.index(suffix) if suffix in _QUALITY else len(_QUALITY)


def find_gaps(path: str, names: Sequence[str]) -> list[str]:
    """A sentence if frames are missing in between, else nothing.

    Args:
        path (str): What the frames are of, for the sentence.
        names (Sequence[str]): Names of one sequence, in order. Of their
            numbers one may differ from frame to frame.
    """
    if len({_form(name) for name in names}) != 1:
        return []
    fields = list(
        zip(*([int(n) for n in re.findall('[0-9]+',
                                          osp.splitext(name)[0])]
              for name in names)))
    varying = [field for field in fields if len(set(field)) > 1]
    if len(varying) != 1:
        return []
    steps = [b - a for a, b in zip(varying[0], varying[0][1:])]
    usual, count = Counter(steps).most_common(1)[0]
    if usual < 1 or 2 * count < len(steps):
        return []  # times, or numbers of another meaning
    gaps = [i for i, step in enumerate(steps) if step // usual > 1]
    if not gaps:
        return []
    missing = sum(steps[i] // usual - 1 for i in gaps)
    first = gaps[0]
    return [
        f'{path}: {missing} {"frame is" if missing == 1 else "frames are"}'
        f' missing, after {names[first]} comes {names[first + 1]}; what '
        'is there is taken'
    ]

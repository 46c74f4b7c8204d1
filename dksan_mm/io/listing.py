# Copyright (c) DKSAN-MM contributors.
"""Classification of the files in a folder: frames, videos and others."""
import errno
import os
import os.path as osp
import re
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .layout import IMAGE_SUFFIXES, VIDEO_SUFFIXES

# If a frame has several files, the one with the earliest suffix is taken.
_QUALITY = ('.png', '.tif', '.tiff', '.bmp', '.webp')
_KINDS = ((stat.S_ISFIFO, 'a named pipe'), (stat.S_ISSOCK, 'a socket'),
          (stat.S_ISCHR, 'a device'), (stat.S_ISBLK, 'a device'))


class Listing(NamedTuple):
    """Frames of a folder, in order, and notes for the user.

    Attributes:
        files (list[str]): Paths of the frames.
        notes (list[str]): Sentences about gaps and about files that are left
            out.
    """
    files: list[str]
    notes: list[str]


class Content(NamedTuple):
    """Names in a folder, in natural order, without hidden ones.

    Attributes:
        images (list[str]): Image files.
        videos (list[str]): Video files.
        folders (list[str]): Folders.
        others (list[str]): Everything else, such as pipes and dead links.
    """
    images: list[str]
    videos: list[str]
    folders: list[str]
    others: list[str]


def natural(path: str) -> list[tuple[int, str]]:
    """Sort key that compares numbers by value and the rest as text."""
    parts = re.split('([0-9]+)', path)
    return [(int(p), '') if p.isdecimal() else (0, p) for p in parts]


def refuse_special(path: str) -> None:
    """Reject paths of pipes, sockets and devices without opening them.

    Opening a pipe blocks until something writes to it, and its data can be
    read only once, whereas videos are read several times.

    Args:
        path (str): A path, which need not exist.

    Raises:
        ValueError: If it is a pipe, a socket or a device.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return  # opening it reports the reason
    for is_kind, name in _KINDS:
        if is_kind(mode):
            raise ValueError(f'{path}: is {name}, and the input is read more '
                             'than once; write it to a file first')


def check_reachable(path: str) -> None:
    """Raise the reason if the system cannot follow a path to its end.

    A path that does not exist passes.

    Args:
        path (str): Path of a file or folder, or a pattern.

    Raises:
        ValueError: If it is a link to nothing.
        OSError: If a folder on the way may not be read, or the links form a
            loop; names the path.
    """
    try:
        os.stat(path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise
        if osp.islink(path):
            raise ValueError(f'{path}: is a link to {os.readlink(path)}, '
                             'which does not exist') from error
    except ValueError:
        pass  # a null byte, which no name has


def is_video_name(name: str) -> bool:
    """Return whether a file has the suffix of a video."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def is_image_name(name: str) -> bool:
    """Return whether a file has the suffix of an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def read_folder(folder: str) -> Content:
    """Classify the names in a folder.

    Raises:
        OSError: If the folder cannot be read.
    """
    content = Content([], [], [], [])
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: natural(entry.name))
    for entry in found:
        if entry.name[0] == '.':
            continue
        if _is(entry.is_dir):
            content.folders.append(entry.name)
        elif not _is(entry.is_file):
            content.others.append(entry.name)
        elif is_image_name(entry.name):
            content.images.append(entry.name)
        elif is_video_name(entry.name):
            content.videos.append(entry.name)
        else:
            content.others.append(entry.name)
    return content


def _is(kind: Callable[[], bool]) -> bool:
    """Return whether an entry is of a kind; False for links in a loop."""
    try:
        return kind()
    except OSError:
        return False


def list_frames_of(folder: str) -> Listing:
    """List the frames of one video in a folder.

    Names that differ only in their numbers form a sequence. Cover images,
    other types of files and duplicates of a frame are left out. The notes
    name them, and gaps in the numbers as well.

    Args:
        folder (str): Path of the folder.

    Returns:
        Listing: The frames; none if the folder has no images.

    Raises:
        ValueError: If the folder holds frames of several videos.
        OSError: If the folder cannot be read.
    """
    content = read_folder(folder)
    names, left_out = _largest_group(folder, content.images)
    names, doubles = _without_doubles(folder, names)
    left_out = sorted(left_out + doubles + content.others + content.videos)
    notes = [not_taken(folder, left_out)] if left_out and names else []
    return Listing([osp.join(folder, name) for name in names],
                   notes + find_gaps(folder, names))


def not_taken(path: str, names: Sequence[str]) -> str:
    """Return a sentence that names the ignored files."""
    shown = ', '.join(names[:3])
    more = f' and {len(names) - 3} more' if names[3:] else ''
    return f'{path}: ignored: {shown}{more}'


def _form(name: str) -> str:
    """Reduce a name to what its sequence shares, without the numbers."""
    return re.sub('[0-9]+', '#', osp.splitext(name)[0])


def group_names(names: Sequence[str]) -> dict[str, list[str]]:
    """Group frame names into sequences, the largest first.

    Names without a number form the group ``''``.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        form = _form(name)
        groups.setdefault(form if '#' in form else '', []).append(name)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def _largest_group(folder: str,
                   names: list[str]) -> tuple[list[str], list[str]]:
    """Split names into the single sequence and others, such as covers.

    Raises:
        ValueError: If there are several sequences.
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
        return list(names), []  # photos, which form no sequence
    return group, [name for name in names if name not in set(group)]


def _without_doubles(folder: str,
                     names: list[str]) -> tuple[list[str], list[str]]:
    """Leave out duplicates of a frame, such as a JPEG next to a PNG."""
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
    """Return sentences about missing frames and repeated numbers.

    Args:
        path (str): Folder or pattern of the frames, for the sentences.
        names (Sequence[str]): Names of one sequence, in order. Gaps are found
            if a single one of their numbers varies.
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
    if 0 in steps:
        first = steps.index(0)
        return [
            f'{path}: {names[first]} and {names[first + 1]} have the same '
            'number; both are taken'
        ]
    usual, count = Counter(steps).most_common(1)[0]
    if usual < 1 or 2 * count < len(steps):
        return []  # the numbers are timestamps or the like
    gaps = [i for i, step in enumerate(steps) if step // usual > 1]
    if not gaps:
        return []
    missing = sum(steps[i] // usual - 1 for i in gaps)
    first = gaps[0]
    return [
        f'{path}: {missing} {"frame is" if missing == 1 else "frames are"}'
        f' missing, after {names[first]} comes {names[first + 1]}; the '
        'others are used'
    ]

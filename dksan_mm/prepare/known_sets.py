# Copyright (c) DKSAN-MM contributors.
"""Location of the clips in copies of well-known data sets."""
import os
import os.path as osp
import re
from collections.abc import Sequence

from dksan_mm.io.listing import not_taken, read_folder
from .sources import Clip

# DAVIS: frames and masks, which are images too; the largest size comes first.
_DAVIS, _SIZES = 'JPEGImages', ('Full-Resolution', '1080p', '480p')
# SPMCS, UDM10 and GoPro: HR frames of a clip next to LR or blurred ones.
_TRUTH = ('truth', 'gt', 'original', 'sharp', 'hr')
# Vimeo-90K: lists of clips, such as 00001/0001, and their splits.
_VIMEO = 'sequences'
_LISTS = {
    'sep_trainlist.txt': 'train',
    'sep_testlist.txt': 'test',
    'tri_trainlist.txt': 'train',
    'tri_testlist.txt': 'test'
}


def find_root(path: str) -> str:
    """Return the folder of clips in a copy of DAVIS, else ``path``.

    Args:
        path (str): Source as the user named it.
    """
    inner = osp.join(path, _DAVIS)
    if osp.basename(osp.abspath(path)) == _DAVIS:
        inner = path
    for size in _SIZES:
        if osp.isdir(osp.join(inner, size)):
            return osp.join(inner, size)
    return path


def clip_at(path: str, split: str) -> Clip:
    """Make a clip of a video file or a folder and name it accordingly.

    Args:
        path (str): A video file or a folder of frames; or, as in SPMCS and
            UDM10, a folder with the HR frames in ``truth`` next to LR ones.
        split (str): Split of the clip.
    """
    name = osp.basename(osp.abspath(path))
    if not osp.isdir(path):
        name = osp.splitext(name)[0]
    return Clip(name, split, _find_truth(path))


def _find_truth(path: str) -> str:
    """Return the folder of HR frames in a clip's folder, else ``path``."""
    if not osp.isdir(path) or _has_images(path):
        return path
    names = {name.lower(): name for name in reversed(_folders(path))}
    for name in _TRUTH:
        inner = osp.join(path, names.get(name, ''))
        if name in names and _has_images(inner):
            return inner
    return path


def find_vimeo(path: str) -> dict[str, list[tuple[str, str]]] | None:
    """Find the clips of a copy of Vimeo-90K.

    Args:
        path (str): Source as the user named it.

    Returns:
        dict[str, list[tuple[str, str]]] | None: For each split, pairs of clip
        name, ``00001_0001``, and folder. Without lists of clips, all belong
        to the split ``train``. None for other sources.
    """
    root = osp.join(path, _VIMEO)
    if not osp.isdir(root):
        return None
    splits: dict[str, list[str]] = {}
    for name, split in _LISTS.items():
        if osp.isfile(osp.join(path, name)):
            with open(osp.join(path, name), encoding='utf-8') as file:
                splits.setdefault(split, []).extend(file.read().split())
    if not splits:
        splits['train'] = [
            f'{group}/{clip}' for group in read_folder(root).folders
            for clip in read_folder(osp.join(root, group)).folders
        ]
    found = {
        split: [(name.replace('/', '_'), osp.join(root, *name.split('/')))
                for name in names if '..' not in name]
        for split, names in splits.items()
    }
    return found if any(found.values()) else None


def blurred_lr(names: Sequence[str]) -> list[str]:
    """Return the folders of blurred LR, ``BDx4``, next to ``BIx4``.

    Networks here are trained on the bicubic LR instead.

    Args:
        names (Sequence[str]): Names of all folders in a folder.
    """
    plain = {re.sub('[_-]', '', name.lower()): name for name in names}
    return [
        name for key, name in plain.items()
        if key.startswith('bdx') and 'bi' + key[2:] in plain
    ]


def find_deeper(path: str, roles: re.Pattern[str], depth: int = 3) -> str:
    """Find the first nested folder that is a source.

    Args:
        path (str): A folder without clips.
        roles (Pattern): Matches the names of folders of splits, HR and LR, in
            lower case. The source is the folder that holds these.
        depth (int): Maximum depth of the search for folders of images.

    Returns:
        str: Path of the folder; '' if there is none.
    """
    found = _find_images(path, depth)
    while roles.fullmatch(osp.basename(found).lower()) and not osp.samefile(
            osp.dirname(found), path):
        found = osp.dirname(found)
    return found


def _find_images(path: str, depth: int) -> str:
    """Find the first nested folder that holds folders of images; '' if none.
    """
    level = [path]
    for _ in range(depth):
        level = [
            osp.join(folder, name) for folder in level
            for name in _folders(folder)
        ][:1000]
        for folder in level:
            if any(_has_images(osp.join(folder, n)) for n in _folders(folder)):
                return folder
    return ''


def find_others(path: str, splits: re.Pattern[str]) -> list[str]:
    """Note videos and folders of frames next to the folders of the splits.

    Args:
        path (str): Folder that has folders of splits.
        splits (Pattern): Matches the names of these folders, in lower case.

    Returns:
        list[str]: A sentence if there are any.
    """
    content = read_folder(path)
    others = content.videos + [
        name for name in content.folders if not splits.fullmatch(name.lower())
        and _has_images(osp.join(path, name))
    ]
    return [not_taken(path, others)] if others else []


def _folders(path: str) -> list[str]:
    try:
        return read_folder(path).folders
    except OSError:
        return []


def _has_images(folder: str) -> bool:
    return os.access(folder, os.R_OK) and bool(read_folder(folder).images)

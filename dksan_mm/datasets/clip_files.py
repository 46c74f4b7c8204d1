# Copyright (c) DKSAN-MM contributors.
"""Files of a clip: its frames, of which LR and HR must match, and stores."""
import os.path as osp
from collections.abc import Mapping

from dksan_mm.io.layout import frame_number, list_frames
from dksan_mm.io.stores.stores import KINDS, open_store, store_path

STORES = ('auto', 'png', 'array', 'tiles')


def list_pairs(folders: Mapping[str, str],
               clip: str,
               *,
               stated: int | None = None,
               annotation: str = 'its annotation') -> dict[str, list[str]]:
    """List the frames of a clip.

    Args:
        folders (Mapping[str, str]): Folders of the clips: 'img' for LR and,
            if there is ground truth, 'gt' for HR.
        clip (str): Name of the clip.
        stated (int, optional): Number of frames that it must have.
        annotation (str): Origin of that number, for the error message.

    Returns:
        dict[str, list[str]]: Paths in temporal order, by the same keys.

    Raises:
        FileNotFoundError: If one of its folders is missing; names it.
        ValueError: If a folder is empty, or frames are missing or unmatched;
            names the path.
    """
    frames: dict[str, list[str]] = {}
    for key, folder in folders.items():
        folder = osp.join(folder, clip)
        if not osp.isdir(folder):
            raise FileNotFoundError(f'{folder}: no such folder, though '
                                    f'there is a clip {clip}')
        frames[key] = list_frames(folder)
        if not frames[key]:
            raise ValueError(f'{folder}: no PNG or JPEG frames')
        if stated is not None and stated != len(frames[key]):
            raise ValueError(f'{folder}: {len(frames[key])} frames, '
                             f'{annotation} says {stated}')
    for paths in frames.values():
        _check_in_step(frames['img'], paths)
    return frames


def _check_in_step(lr_frames: list[str], frames: list[str]) -> None:
    """Check that both lists have the same frame numbers."""
    lr_numbers = {frame_number(path): path for path in lr_frames}
    numbers = {frame_number(path): path for path in frames}
    alone = sorted(
        lr_numbers.keys() ^ numbers.keys(),
        key=lambda number: -1 if number is None else number)
    if alone:
        path = lr_numbers.get(alone[0]) or numbers[alone[0]]
        other = frames[0] if path in lr_frames else lr_frames[0]
        raise ValueError(
            f'{path}: no frame of that number in {osp.dirname(other)} '
            f'({len(lr_frames)} LR frames, {len(frames)} HR frames)')


def find_stores(folders: Mapping[str, str], clip: str,
                frames: Mapping[str, list[str]], store: str) -> dict[str, str]:
    """Find the stores of a clip next to its folders.

    Args:
        folders (Mapping[str, str]): Folders of the clips, by kind.
        clip (str): Name of the clip.
        frames (Mapping[str, list[str]]): Its frames, by kind.
        store (str): 'array' or 'tiles', which must exist (arrays for LR in
            both cases), or 'auto' for the fastest available.

    Returns:
        dict[str, str]: Paths by the keys of a sample, such as 'gt_store'.

    Raises:
        FileNotFoundError: If a store is missing; names it.
        ValueError: If one is damaged or has another number of frames.
    """
    found = {}
    for key, folder in folders.items():
        suffixes = list(KINDS)
        if store != 'auto':
            tiles = store == 'tiles' and key == 'gt'
            suffixes = ['.tiles' if tiles else '.npy']
        paths = [store_path(osp.join(folder, clip), s) for s in suffixes]
        existing = [path for path in paths if osp.isfile(path)]
        if existing:
            _check_store(existing[0], len(frames[key]))
            found[f'{key}_store'] = existing[0]
        elif store != 'auto':
            raise FileNotFoundError(
                f'{paths[0]}: no such file; tools/prepare_data.py --store '
                f"{store} makes it; store='png' does not need it")
    return found


def _check_store(path: str, count: int) -> None:
    with open_store(path) as store:
        if len(store) != count:
            raise ValueError(
                f'{path}: has {len(store)} frames, the folder next to it '
                f'{count}; delete it, tools/prepare_data.py --store makes '
                'it again')

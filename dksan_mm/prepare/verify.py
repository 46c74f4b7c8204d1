# Copyright (c) DKSAN-MM contributors.
"""Verification of prepared clips, frame by frame."""
import os
import os.path as osp
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dksan_mm.io.images import file_crc32, read_image
from dksan_mm.io.layout import (HR_DIR, SPLITS, list_clips, lr_dir,
                                number_frames)
from dksan_mm.io.stores.stores import (KINDS, Store, open_store, store_path,
                                       unfinished_paths)
from dksan_mm.utils.resize import matlab_resize
from .manifest import read_manifest
from .writer import PARTIAL_DIR


@dataclass(frozen=True)
class PreparedClip:
    """A prepared clip to check.

    Attributes:
        split (str): 'train', 'val' or 'test'.
        name (str): Folder name of the clip.
        hr (str | None): Folder of its HR frames; None if it needs none (in
            the test split, or for a copy of LR frames).
        lr (str): Folder of its LR frames.
        entry (dict | None): Its entry in the manifest; None for LR frames of
            another program.
    """
    split: str
    name: str
    hr: str | None
    lr: str
    entry: dict | None


def find_prepared(out: str, splits: list[str],
                  scale: int) -> list[PreparedClip]:
    """List the clips of a prepared data set, including incomplete ones.

    Args:
        out (str): Root of the prepared data set.
        splits (list[str]): Splits to check; all existing ones by default.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.

    Returns:
        list[PreparedClip]: Clips sorted by split and name.

    Raises:
        FileNotFoundError: If there is nothing to check; names the path.
    """
    clips = []
    for split in splits or SPLITS:
        root = osp.join(out, split)
        hr, lr = osp.join(root, HR_DIR), osp.join(root, lr_dir(scale))
        entries = read_manifest(out, split)
        names = set(entries)
        for folder in (hr, lr):
            names.update(list_clips(folder) if osp.isdir(folder) else [])
        if split in splits and not names:
            raise FileNotFoundError(f'{root}: no prepared clips')
        for name in sorted(names):
            entry = entries.get(name)
            needs_hr = (
                entry['has_hr']
                if entry else split != 'test' or osp.isdir(osp.join(hr, name)))
            clips.append(
                PreparedClip(split, name,
                             osp.join(hr, name) if needs_hr else None,
                             osp.join(lr, name), entry))
    if not clips:
        raise FileNotFoundError(
            f'{out}: no prepared clips (no {"/".join(SPLITS)} with {HR_DIR} '
            f'and {lr_dir(scale)} in it)')
    return clips


def find_unfinished(out: str, splits: list[str]) -> list[str]:
    """List the paths of clips whose preparation was interrupted."""
    found = []
    for split in splits or SPLITS:
        partial = osp.join(out, split, PARTIAL_DIR)
        if osp.isdir(partial):
            found += [
                osp.join(partial, n) for n in sorted(os.listdir(partial))
            ]
    return found


def verify_clip(clip: PreparedClip,
                scale: int,
                on_frame: Callable[[], None] = lambda: None) -> list[str]:
    """Check one prepared clip.

    Args:
        clip (PreparedClip): The clip.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.
        on_frame (Callable[[], None]): Called after each frame.

    Returns:
        list[str]: One sentence per problem, which begins with a path.
    """
    frames, problems = _list_frames(clip)
    numbers = set().union(*frames.values())
    checker = _FrameChecker(clip, scale)
    for folder, found in frames.items():
        problems += checker.open_stores(folder, list(found))
    for number in range(min(numbers, default=0), max(numbers, default=-1) + 1):
        problems += checker.check(
            {
                folder: found.get(number)
                for folder, found in frames.items()
            }, number)
        on_frame()
    checker.close()
    return problems


def _list_frames(
        clip: PreparedClip) -> tuple[dict[str, dict[int, str]], list[str]]:
    """Return the files of each folder by number, and the problems."""
    problems: list[str] = []
    frames: dict[str, dict[int, str]] = {}
    for folder in filter(None, (clip.lr, clip.hr)):
        try:
            found = number_frames(folder)
        except (OSError, ValueError) as error:
            problems.append(_sentence(error, folder))
            continue
        frames[folder] = found
        if not found:
            problems.append(f'{folder}: no frames')
        elif clip.entry and len(found) != clip.entry['frames']:
            problems.append(f'{folder}: {len(found)} frames, the manifest '
                            f'says {clip.entry["frames"]}')
    return frames, problems


class _FrameChecker:
    """Checks a clip's frames against each other and against the first one."""

    def __init__(self, clip: PreparedClip, scale: int) -> None:
        self.clip = clip
        self.scale = scale
        self.size: dict[str, tuple] = {}
        self.stores: dict[str, list[Store]] = {}
        self.index: dict[str, dict[int, int]] = {}

    def close(self) -> None:
        """Close the stores."""
        for store in sum(self.stores.values(), []):
            store.close()

    def open_stores(self, folder: str, numbers: list[int]) -> list[str]:
        """Open the stores next to a folder for :meth:`check`: existing ones
        and those that the manifest states."""
        self.index[folder] = {n: i for i, n in enumerate(numbers)}
        self.stores[folder], problems = [], []
        kind = osp.basename(osp.dirname(folder))
        for suffix in KINDS:
            path = store_path(folder, suffix)
            stated = (self.clip.entry or {}).get('stores', {})
            stated = stated.get(kind + suffix)
            problems += [
                f'{left}: unfinished; run the preparation again'
                for left in unfinished_paths(path)
            ]
            if stated or osp.isfile(path):
                problems += self._open_store(folder, path, stated)
        return problems

    def _open_store(self, folder: str, path: str,
                    stated: dict | None) -> list[str]:
        try:
            store = open_store(path)
        except (OSError, ValueError) as error:
            return [_sentence(error, path)]
        self.stores[folder].append(store)
        count = len(self.index[folder])
        if len(store) != count:
            return [
                f'{path}: has {len(store)} frames, the folder next to it '
                f'{count}'
            ]
        if stated and file_crc32(path) != stated['crc32']:
            return [f'{path}: is not the file that was prepared (checksum)']
        return []

    def _check_stores(self, folder: str, number: int,
                      image: np.ndarray) -> list[str]:
        """Compare a frame with its copies in the stores, bit for bit."""
        problems, index = [], self.index[folder][number]
        for store in self.stores[folder]:
            if index >= len(store):
                continue
            try:
                same = np.array_equal(store.read(index), image[..., ::-1])
            except ValueError as error:
                problems.append(str(error))
                continue
            if not same:
                problems.append(f'{store.path}: differs from {number:06d}.png '
                                'in the folder next to it')
        return problems

    def check(self, paths: dict[str, str | None], number: int) -> list[str]:
        """Check the frames of one number; ``paths`` maps folder to file."""
        problems, images = [], {}
        for folder, path in paths.items():
            if path is None:
                problems.append(f'{osp.join(folder, "%06d.png" % number)}: '
                                'missing')
                continue
            try:
                images[folder] = read_image(path)
            except (OSError, ValueError) as error:
                problems.append(_sentence(error, path))
                continue
            problems += self._check_size(path, images[folder].shape[:2])
        for folder, image in images.items():
            problems += self._check_stores(folder, number, image)
        path = paths.get(self.clip.lr)
        if path and self.clip.lr in images and self.clip.hr in images:
            problems += self._check_pair(path, images[self.clip.lr],
                                         images[self.clip.hr])
        return problems or self._check_sums(paths, number)

    def _check_sums(self, paths: dict[str, str | None],
                    number: int) -> list[str]:
        """Compare intact frames with the checksums of the manifest."""
        entry = self.clip.entry or {}
        problems = []
        for folder, path in paths.items():
            kind = osp.basename(osp.dirname(folder))
            stated = entry.get('crc32', {}).get(kind, '').split()
            index = number - entry.get('first_frame', number)
            if path and 0 <= index < len(stated) and \
                    file_crc32(path) != stated[index]:
                problems.append(f'{path}: is not the file that was prepared '
                                '(checksum)')
        return problems

    def _check_size(self, path: str, size: tuple) -> list[str]:
        first = self.size.setdefault(osp.dirname(path), size)
        if size == first:
            return []
        return [
            f'{path}: is {size[1]}x{size[0]}, the clip\'s first frame '
            f'{first[1]}x{first[0]}'
        ]

    def _check_pair(self, path: str, lr: np.ndarray,
                    hr: np.ndarray) -> list[str]:
        wanted = tuple(n * self.scale for n in lr.shape[:2])
        if hr.shape[:2] != wanted:
            return [
                f'{path}: is {lr.shape[1]}x{lr.shape[0]}, its HR frame '
                f'{hr.shape[1]}x{hr.shape[0]} is not {self.scale} times '
                'that'
            ]
        entry = self.clip.entry
        if entry is None or 'lr_source' in entry:  # LR of another program
            return []
        made = matlab_resize(hr, 1 / self.scale)
        apart = int(np.abs(made.astype(int) - lr).max())
        if apart <= 1:
            return []
        return [
            f'{path}: out of step, differs by up to {apart} grey levels '
            'from its downscaled HR frame'
        ]


def _sentence(error: Exception, path: str) -> str:
    if isinstance(error, OSError):
        return f'{error.filename or path}: {error.strerror or error}'
    return str(error)

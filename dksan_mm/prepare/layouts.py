# Copyright (c) DKSAN-MM contributors.
"""Search for the clips of a source folder of any layout.

``vid3oc``
    Split folders (``train``, ``val``, ``test``, also ``training``, ``valid``,
    ``validation``, ``testing``) that hold clips, directly or in ``HR``
    (``GT``) and ``LRx16`` (``LR``, ``X16``); or ``train_HR``,
    ``train_LRx16`` and so on. Or clips named by three digits: 000-049 train,
    050-065 val, the others test (the paper's videos, sec. 4).
``intvid``
    Clips 050-059 with frames of four digits: the split test.
``videos``
    Anything: video files and folders of frames, one split.

Other data sets are used as unpacked: REDS (``train_sharp``), Vimeo-90K
(``sequences`` and its lists of clips), DAVIS (the largest frames of
``JPEGImages``), Vid4, UDM10 and SPMCS (``GT``, or a folder ``truth`` in each
clip).

With photographs, each image of a folder is a clip of one frame. Frames of
several clips may also share a folder if they are named
``{clip}_{frame}.png``, as in the paper's figures.
"""
import dataclasses
import os
import os.path as osp
import re
from collections.abc import Sequence

from dksan_mm.io.layout import SPLITS
from dksan_mm.io.listing import (is_image_name, not_taken, read_folder,
                                 refuse_special)
from .clip_names import check_name, guess_layout, joined_clips, split_of_number
from .known_sets import (blurred_lr, clip_at, find_deeper, find_others,
                         find_root, find_vimeo)
from .photos import find_photos
from .sources import Clip

LAYOUTS = ('vid3oc', 'intvid', 'videos')
_SPLIT_NAMES = dict(
    train='train',
    training='train',
    val='val',
    valid='val',
    validation='val',
    test='test',
    testing='test')
_SPLIT = re.compile(rf'({"|".join(_SPLIT_NAMES)})(?:[_-](.+))?')
_LR = re.compile(r'(?:(?:lr|bi|bd)[_-]?)?x([0-9]+)|lr')
_HR = ('hr', 'gt', 'sharp')  # REDS has train_sharp and train_blur
_ROLE = re.compile('|'.join((_SPLIT.pattern, _LR.pattern, *_HR)))


class Source:
    """A source folder of known or detected layout.

    Args:
        path (str): A folder, one video file, or one folder of frames.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.
        layout (str): 'vid3oc', 'intvid', 'videos', 'photos' for photographs,
            or 'auto' to detect it.
        keep_lr (bool): Whether to use LR clips next to HR clips instead of
            making LR from HR.
        skip_bad (bool): Whether to leave out clips with unusable names.
        photos (bool): Whether each image file is a clip of one frame.

    Attributes:
        left_out (list[str]): Clips that were left out, each with its reason.
        notes (list[str]): Sentences about files that are ignored.

    Raises:
        FileNotFoundError: If ``path`` does not exist.
        ValueError: If two folders or clips have the same role or name, or LR
            has another scale or no HR; names the path.
    """

    def __init__(self,
                 path: str,
                 scale: int,
                 *,
                 layout: str = 'auto',
                 keep_lr: bool = True,
                 skip_bad: bool = False,
                 photos: bool = False) -> None:
        if not osp.exists(path):
            raise FileNotFoundError(f'{path}: no such file or folder')
        refuse_special(path)
        self.path = path if photos else find_root(path)
        self.scale = scale
        self.keep_lr = keep_lr
        self.skip_bad, self.photos = skip_bad, photos
        self.left_out: list[str] = []
        self.notes: list[str] = []
        self.splits: list[str] = []
        self.clips: list[Clip] = []
        self._find_clips()
        self.layout = self._guess() if layout == 'auto' else layout

    def _find_clips(self) -> None:
        vimeo = None if self.photos else find_vimeo(self.path)
        for split, clips in (vimeo or {}).items():
            self.splits.append(split)
            self.clips += [Clip(name, split, path) for name, path in clips]
        if vimeo:
            return
        roots = self._find_split_folders()
        self.splits = list(roots)
        self.notes += find_others(self.path, _SPLIT) if roots else []
        roots = roots or {'': self._find_kinds(self.path)}
        for split, folders in roots.items():
            self.clips += self._pair(split, folders)
        if not any(
                clip.is_photo or clip.is_video or clip.prefix
                or read_folder(clip.path).images for clip in self.clips):
            self.clips = []  # they are folders of folders

    def select(self, splits: Sequence[str],
               names: Sequence[str] = ()) -> list[Clip]:
        """Return the clips with their splits.

        Args:
            splits (Sequence[str]): Splits to take; all by default. For the
                layouts intvid and videos without split folders, the one split
                to which the clips are assigned.
            names (Sequence[str]): Names of the clips to take; all by default.

        Returns:
            list[Clip]: Clips sorted by split and name.

        Raises:
            FileNotFoundError: If a requested split does not exist.
            ValueError: If clips cannot be assigned to splits, or there is no
                clip, or none with a requested name.
        """
        for split in splits if self.splits else ():
            if split not in self.splits:
                raise FileNotFoundError(
                    f'{osp.join(self.path, split)}: no such folder')
        clips = [
            clip for clip in self._split(splits)
            if not splits or clip.split in splits
        ]
        if not clips and self.photos:
            raise ValueError(f'{self.path}: no image file in it')
        if not clips:
            deeper = find_deeper(self.path, _ROLE)
            hint = f'; there are some in {deeper}' if deeper else ''
            raise ValueError(f'{self.path}: no video file and no folder of '
                             f'frames in it{hint}')
        missing = sorted(set(names) - {clip.name for clip in clips})
        if missing:
            raise ValueError(f'{self.path}: no clip {missing[0]}')
        clips = [clip for clip in clips if not names or clip.name in names]
        return sorted(clips, key=lambda c: (SPLITS.index(c.split), c.name))

    def _split(self, splits: Sequence[str]) -> list[Clip]:
        """Return all clips with their splits."""
        if self.splits:
            return self.clips
        if self.layout == 'vid3oc':
            return [_replace(c, split_of_number(c)) for c in self.clips]
        if len(splits) > 1:
            raise ValueError(
                f'{self.path}: has no folders train, val or test; name one '
                'split for its clips, not '
                f'{", ".join(splits)}')
        default = 'test' if self.layout == 'intvid' else 'train'
        split = splits[0] if splits else default
        return [_replace(clip, split) for clip in self.clips]

    def _guess(self) -> str:
        if self.photos:
            return 'photos'
        return 'vid3oc' if self.splits else guess_layout(self.clips)

    def _find_split_folders(self) -> dict[str, dict[str, str]]:
        """Map each split to its folders of clips by kind, 'HR' and 'LR'."""
        roots: dict[str, dict[str, str]] = {}
        for name in _folders(self.path):
            match = _SPLIT.fullmatch(name.lower())
            if not match:
                continue
            split = _SPLIT_NAMES[match[1]]
            path = osp.join(self.path, name)
            if match[2] is None:
                kinds = self._find_kinds(path)
            else:
                kind = self._kind(path, match[2])
                kinds = {kind: path} if kind else {}
            for kind, path in kinds.items():
                other = roots.setdefault(split, {}).setdefault(kind, path)
                if other != path:
                    raise ValueError(f'{path}: is the {kind} of the split '
                                     f'{split}, and so is {other}')
        return {split: roots[split] for split in SPLITS if split in roots}

    def _find_kinds(self, folder: str) -> dict[str, str]:
        """Find HR and LR folders in a folder; HR is itself by default."""
        kinds: dict[str, str] = {}
        names = _folders(folder)
        for name in (n for n in names if n not in blurred_lr(names)):
            path = osp.join(folder, name)
            match = _SPLIT.fullmatch(name.lower())  # REDS: train/train_sharp
            kind = self._kind(path, match and match[2] or name.lower())
            if kind and kinds.setdefault(kind, path) != path:
                raise ValueError(f'{path}: is {kind}, and so is {kinds[kind]}')
        return kinds or {'HR': folder}

    def _kind(self, path: str, name: str) -> str | None:
        """Return the kind of a folder by its name: 'HR', 'LR' or None."""
        if name in _HR:
            return 'HR'
        match = _LR.fullmatch(name)
        if not match:
            return None
        if match[1] in (None, str(self.scale)):
            return 'LR'
        names = [n.lower() for n in _folders(osp.dirname(path))]
        prefix = osp.basename(path).lower()[:-len(name)]
        if any(prefix + hr in names for hr in _HR):
            return None  # LR of another scale; LR is made from HR instead
        raise ValueError(f'{path}: holds LR of scale {match[1]}, not '
                         f'{self.scale}; use --scale {match[1]}')

    def _pair(self, split: str, folders: dict[str, str]) -> list[Clip]:
        """Return the clips of a split, with their LR if there is any."""
        hr = self._clips_in(folders['HR'], split) if 'HR' in folders else {}
        lr = self._clips_in(folders['LR'], split) if 'LR' in folders else {}
        if not hr:
            return [
                _replace(clip, split, has_hr=False) for clip in lr.values()
            ]
        if not lr or not self.keep_lr:
            return list(hr.values())
        alone: set[str] = hr.keys() ^ lr.keys()
        if alone:
            name = min(alone)
            clip, other = (hr, 'LR') if name in hr else (lr, 'HR')
            raise ValueError(f'{clip[name].path}: the clip {name} has no '
                             f'{other} clip in {folders[other]}')
        if osp.basename(folders['LR']).lower().startswith('bd'):
            self.notes.append(f'{folders["LR"]}: blurred LR is used; '
                              '--remake-lr makes bicubic LR')
        return [_replace(hr[n], split, lr=lr[n]) for n in hr]

    def _clips_in(self, folder: str, split: str) -> dict[str, Clip]:
        """Return the clips in a folder, or the folder itself as a clip."""
        if self.photos:
            photos, notes = find_photos(folder, split)
            self.notes += notes
            return self._add_clips(photos)
        if not osp.isdir(folder):
            if is_image_name(folder):
                raise ValueError(f'{folder}: is an image; --photos makes a '
                                 'clip of one frame of it')
            return self._add_clips([clip_at(folder, split)])
        content = read_folder(folder)
        clips = self._add_clips([
            clip_at(osp.join(folder, name), split)
            for name in sorted(content.videos + content.folders)
        ])
        images = content.images
        others = content.others + (images if clips else [])
        if clips and others:
            self.notes.append(not_taken(folder, others))
        if clips or not images:
            return clips
        return joined_clips(folder, images, split) or self._add_clips(
            [clip_at(folder, split)])

    def _add_clips(self, found: Sequence[Clip]) -> dict[str, Clip]:
        """Key clips by name; leave out or refuse those with unusable names."""
        clips: dict[str, Clip] = {}
        for clip in found:
            try:
                check_name(clip, clips)
                clips[clip.name] = clip
            except ValueError as error:
                if not self.skip_bad:
                    raise
                self.left_out.append(str(error))
        return clips


def _replace(clip: Clip,
             split: str,
             *,
             has_hr: bool = True,
             lr: Clip | None = None) -> Clip:
    return dataclasses.replace(
        clip, split=split, has_hr=clip.has_hr and has_hr, lr=lr or clip.lr)


def _folders(path: str) -> list[str]:
    """List the names of the folders in a folder; none for a file."""
    if not osp.isdir(path):
        return []
    return sorted(
        n for n in os.listdir(path)
        if n[0] != '.' and osp.isdir(osp.join(path, n)))

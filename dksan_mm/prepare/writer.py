# Copyright (c) DKSAN-MM contributors.
"""Writer of one clip of the source to the prepared layout.

A clip is built in ``{split}/.partial/{clip}`` and moved to its final folder
when it is complete, so that training never sees an incomplete clip.
"""
import json
import os
import os.path as osp
from collections.abc import Callable
from typing import Any

import numpy as np

from dksan_mm.io.images import (file_crc32, is_image, read_image, sync_folder,
                                sync_path, write_bytes, write_png)
from dksan_mm.io.layout import (HR_DIR, frame_number, list_frames, lr_dir,
                                number_frames)
from dksan_mm.io.stores.stores import remove_stores
from .building_place import SOURCE_FILE, is_ours, remove_leftovers, remove_ours
from .clip_stores import refuse_foreign_stores, stated_suffixes, update_stores
from .pairs import iter_pairs
from .settings import Settings, is_of_source
from .sources import PHOTOS, Clip

PARTIAL_DIR = '.partial'


class ClipWriter:
    """Prepares one clip; :meth:`run` can be repeated after an interrupt.

    Args:
        clip (Clip): The clip.
        out (str): Root of the prepared data set.
        settings (Settings): Scale, number of frames and so on.
        on_frame (Callable[[], None]): Called after each frame; may raise to
            stop, which keeps the written frames for the next run.
    """

    def __init__(self,
                 clip: Clip,
                 out: str,
                 *,
                 settings: Settings,
                 on_frame: Callable[[], None] = lambda: None) -> None:
        self.clip = clip
        self.settings = settings
        self.on_frame = on_frame
        self.notes: list[str] = []
        self.out, split = out, osp.join(out, clip.split)
        self.partial = osp.join(split, PARTIAL_DIR, clip.name)
        folders = [lr_dir(settings.scale)] + [HR_DIR] * clip.has_hr
        self.parts = [osp.join(self.partial, f) for f in folders]
        self.finals = [osp.join(split, f, clip.name) for f in folders]

    def recipe(self) -> dict[str, object]:
        """Return source and settings; equal recipes yield equal frames."""
        return dict(
            self.clip.fingerprint(),
            scale=self.settings.scale,
            max_frames=self.settings.max_frames,
            has_hr=self.clip.has_hr,
            **({} if self.settings.deinterlace or not self._reads_videos() else
               dict(deinterlace=False)))

    def _reads_videos(self) -> bool:
        return self.clip.is_video or (self.clip.lr is not None
                                      and self.clip.lr.is_video)

    def run(self, known: dict | None = None) -> dict[str, object]:
        """Write the missing frames of the clip and move it to its folder.

        Args:
            known (dict | None): The clip's entry in the manifest, if any.

        Returns:
            dict: New entry of the clip for the manifest.

        Raises:
            ValueError: If the source is damaged, too small or changes its
                frame size, or the target holds another clip.
            OSError: If the target cannot be written.
        """
        recipe, store = self.recipe(), self.settings.store
        ours = known is not None and _agree(known, recipe, {'max_frames'})
        if known is not None and not ours:
            self._refuse_other_fields(known, recipe)
        if ours and known is not None:
            self._check_not_fewer(known['frames'])
            same_limit = known.get('max_frames') == recipe['max_frames']
            if same_limit and self._is_whole(known['frames']):
                refuse_foreign_stores(self.finals, store, known)
                return self._with_stores(known)
        refuse_foreign_stores(self.finals, store, known if ours else None)
        self._open_partial(recipe, known if ours else None)
        try:
            self._write_frames()
        except (OSError, ValueError) as error:
            if is_of_source(error, self.out):
                self._undo(known if ours else None)
            raise
        self._move_in_place()
        return self._with_stores(self._describe(recipe))

    def _describe(self, recipe: dict[str, object]) -> dict[str, Any]:
        """Return the manifest's entry of the finished clip, without stores."""
        frames = list_frames(self.finals[0])
        sizes = {
            f'{kind}_size': list(read_image(list_frames(final)[0]).shape[:2])
            for kind, final in zip(('lr', 'hr'), self.finals)
        }
        return dict(
            recipe,
            frames=len(frames),
            first_frame=frame_number(frames[0]),
            **sizes,
            **self._notes(),
            crc32={
                osp.basename(osp.dirname(final)):
                ' '.join(map(file_crc32, list_frames(final)))
                for final in self.finals
            })

    def _with_stores(self, entry: dict[str, Any]) -> dict[str, Any]:
        return update_stores(self.finals, self.settings.store, entry,
                             self.on_frame)

    def _notes(self) -> dict[str, object]:
        """Return notes on changes, without the path, which may change."""
        path, name = self.clip.path, osp.basename(self.clip.path)
        notes = [note.replace(path, name) for note in self.notes]
        return dict(notes=notes) if notes else {}

    def close(self) -> None:
        """Remove the temporary folder once the manifest has the clip."""
        remove_ours(self.partial)

    def _refuse_other_fields(self, known: dict, recipe: dict) -> None:
        """Reject a clip that differs only in how it was deinterlaced."""
        others = {'max_frames', 'deinterlace'}
        if _agree(known, recipe, others):
            advice = ('with --no-deinterlace; use the option again'
                      if 'deinterlace' in known else
                      'without --no-deinterlace; omit the option')
            raise ValueError(f'{self.finals[0]}: was prepared {advice}, or '
                             'choose another target folder')

    def _check_not_fewer(self, frames: int) -> None:
        limit = self.settings.max_frames
        if limit is not None and frames > limit:
            raise ValueError(
                f'{self.finals[0]}: already has {frames} frames, more than '
                f'the requested {limit}; delete it (and its HR folder), or '
                'choose another target folder')

    def _is_whole(self, frames: int) -> bool:
        try:
            return all(len(list_frames(f)) == frames for f in self.finals)
        except (ValueError, FileNotFoundError):
            return False

    def _open_partial(self, recipe: dict[str, object],
                      known: dict | None) -> None:
        """Create the temporary folder, or resume one of the same recipe."""
        note = osp.join(self.partial, SOURCE_FILE)
        if _read_json(note) != recipe:
            present = [f for f in self.finals if osp.exists(f)]
            if present and known is None:
                raise ValueError(
                    f'{present[0]}: already exists, but was not prepared '
                    'from this source with these settings; move or delete '
                    'it, or choose another target folder')
            remove_ours(self.partial)
            if osp.lexists(self.partial):
                raise ValueError(f'{self.partial}: holds files that were not '
                                 'prepared here; move or delete it')
            os.makedirs(self.partial)
            write_bytes(note, json.dumps(recipe).encode(), sync=True)
        for part, final in zip(self.parts, self.finals):
            # The stores would no longer match once frames are added.
            remove_stores(final, stated_suffixes(known, final))
            if known and osp.isdir(final):  # continue it: frames are missing
                os.rename(final, part)
            if not osp.isdir(final):
                os.makedirs(part, exist_ok=True)

    def _write_frames(self) -> None:
        """Write the missing frames."""
        if not any(osp.isdir(part) for part in self.parts):
            return  # killed after the moves, before the manifest
        size, count = None, 0
        for number, load in iter_pairs(
                self.clip,
                self.settings.scale,
                deinterlace=self.settings.deinterlace,
                notes=self.notes):
            if count == self.settings.max_frames:
                break
            count += 1
            name = f'{number:06d}.png'
            exists = self._has_frame(name)
            # The first frame is needed for the size even if it exists.
            if size is None or not exists:
                images = load()
                size = self._check_size(images[0], size, name)
                if not exists:
                    self._write_frame(images, name)
            self.on_frame()

    def _undo(self, known: dict | None) -> None:
        """Restore the clip; a damaged one must not add frames to it."""
        if known is not None:
            self._drop_added(known['frames'])
            self._move_in_place()
        self.close()

    def _drop_added(self, frames: int) -> None:
        """Keep only the frames that the clip had before."""
        for part in filter(osp.isdir, self.parts):
            numbered = number_frames(part)
            for number, path in numbered.items():
                if number >= min(numbered) + frames and is_ours(
                        osp.basename(path)):
                    os.remove(path)

    def _move_in_place(self) -> None:
        for part, final in zip(self.parts, self.finals):
            if osp.isdir(part):
                remove_leftovers(part)
                sync_folder(part)
                os.makedirs(osp.dirname(final), exist_ok=True)
                os.rename(part, final)
                sync_path(osp.dirname(final))

    def _has_frame(self, name: str) -> bool:
        """Return whether LR and HR frame exist.

        Frames that are not synced yet are decoded: after a power cut such
        files may be empty or full of zeros.
        """
        return all(
            osp.exists(osp.join(final, name))
            or is_image(osp.join(part, name))
            for part, final in zip(self.parts, self.finals))

    def _check_size(self, lr: np.ndarray, size: tuple[int, int] | None,
                    name: str) -> tuple[int, int]:
        """Check that an LR frame has the clip's size (h, w)."""
        height, width = lr.shape[:2]
        if size is not None and (height, width) != size:
            raise ValueError(
                f'{self.clip.path}: frame {name[:-4]} makes an LR frame of '
                f'{width}x{height}, those before it of {size[1]}x{size[0]}: '
                'all frames of a clip must have one size' +
                ('' if self.clip.is_video else f'; {PHOTOS}'))
        return height, width

    def _write_frame(self, images: list[np.ndarray], name: str) -> None:
        for part, pixels in zip(self.parts, images):
            if osp.isdir(part):
                write_png(osp.join(part, name), pixels)


def _agree(known: dict, recipe: dict[str, object], ignored: set[str]) -> bool:
    """Return whether a clip of the manifest has a recipe, but for some keys.

    Manifests of earlier versions have no checksums of the sources.
    """
    keys = {*recipe, 'deinterlace'} - ignored
    return all(
        known.get(key) == recipe.get(key) for key in keys
        if key in known or not key.endswith('source_crc32'))


def _read_json(path: str) -> dict | None:
    try:
        with open(path, 'rb') as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None

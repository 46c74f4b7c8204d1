# Copyright (c) DKSAN-MM contributors.
"""Stores of a prepared clip: files next to its folders of frames."""
import os.path as osp
from collections.abc import Callable, Sequence
from typing import Any

from dksan_mm.io.layout import HR_DIR
from dksan_mm.io.stores.stores import (KINDS, is_as_stated, is_store,
                                       remove_temporary, store_path, suffix_of,
                                       write_store)


def refuse_foreign_stores(folders: Sequence[str], store: str,
                          known: dict | None) -> None:
    """Refuse to replace a file of the user by a store.

    Args:
        folders (Sequence[str]): The clip's folders of frames.
        store (str): 'png' for none, or the store to write.
        known (dict | None): The clip's entry in the manifest, if any.

    Raises:
        ValueError: If a file at the place of a store was not prepared here;
            names it.
    """
    for folder in folders if store != 'png' else ():
        suffix = suffix_of(folder, store)
        path = store_path(folder, suffix)
        if osp.lexists(path) and not osp.isdir(path) and \
                suffix not in stated_suffixes(known, folder) and \
                not is_store(path):
            raise ValueError(
                f'{path}: already exists, but was not prepared here; '
                'move or delete it, or choose another target folder')


def update_stores(folders: Sequence[str], store: str, entry: dict[str, Any],
                  on_frame: Callable[[], None]) -> dict[str, Any]:
    """Write the requested stores and keep the intact others.

    Args:
        folders (Sequence[str]): The clip's folders of frames.
        store (str): 'png' for none, or the store to write.
        entry (dict): The clip's entry in the manifest.
        on_frame (Callable[[], None]): Called after each HR frame; only HR is
            slow enough to show progress.

    Returns:
        dict: The entry with all stores.

    Raises:
        OSError: If a store cannot be written.
    """
    stated, stores = entry.get('stores', {}), {}
    for folder in folders:
        remove_temporary(folder)
        kind = osp.basename(osp.dirname(folder))
        for suffix in KINDS:
            known = stated.get(kind + suffix)
            if known and is_as_stated(store_path(folder, suffix), known):
                stores[kind + suffix] = known
            elif store != 'png' and suffix == suffix_of(folder, store):
                tick = on_frame if kind == HR_DIR else _nothing
                stores[kind + suffix] = write_store(folder, suffix, tick)
    entry = {key: entry[key] for key in entry if key != 'stores'}
    return dict(entry, stores=stores) if stores else entry


def _nothing() -> None:
    pass


def stated_suffixes(known: dict | None, folder: str) -> list[str]:
    """Return the suffixes of a folder's stores in the manifest.

    Args:
        known (dict | None): The clip's entry in the manifest, if any.
        folder (str): One of the clip's folders of frames.
    """
    kind, stores = osp.basename(osp.dirname(folder)), {}
    if known:
        stores = known.get('stores', {})
    return [suffix for suffix in KINDS if kind + suffix in stores]

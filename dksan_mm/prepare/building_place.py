# Copyright (c) DKSAN-MM contributors.
"""Temporary folder of a clip, and which of its files may be deleted."""
import os
import os.path as osp
import re

from dksan_mm.io.files import is_temporary, remove_matching

SOURCE_FILE = 'source.json'


def is_ours(name: str) -> bool:
    """Return whether a file has a name that is written here."""
    return name == SOURCE_FILE or is_temporary(name) or \
        re.fullmatch(r'[0-9]{6,}\.png', name) is not None


def remove_ours(folder: str) -> None:
    """Remove a temporary folder but keep files and folders of the user."""
    remove_matching(folder, is_ours)


def remove_leftovers(folder: str) -> None:
    """Remove the unfinished files that a killed run left."""
    for name in os.listdir(folder):
        if is_temporary(name):
            os.remove(osp.join(folder, name))

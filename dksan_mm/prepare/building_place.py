# Copyright (c) DKSAN-MM contributors.
"""Folder that a clip is built in: which of its files are ours to delete."""
import os
import os.path as osp
import re

from dksan_mm.io.files import is_temporary

SOURCE_FILE = 'source.json'


def is_ours(path: str) -> bool:
    """Return whether a file is called as those that are written here."""
    name = osp.basename(path)
    return name == SOURCE_FILE or is_temporary(name) or \
        re.fullmatch(r'[0-9]{6,}\.png', name) is not None


def remove_ours(folder: str) -> None:
    """Remove a building place; a file of the user and its folders stay."""
    for place, _, names in os.walk(folder, topdown=False):
        for path in [osp.join(place, name) for name in names]:
            if is_ours(path):
                os.remove(path)
        try:
            os.rmdir(place)
        except OSError:
            pass


def remove_leftovers(folder: str) -> None:
    """Remove the half-written temporary files of a killed run."""
    for name in os.listdir(folder):
        if is_temporary(name):
            os.remove(osp.join(folder, name))

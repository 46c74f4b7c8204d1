# Copyright (c) DKSAN-MM contributors.
"""Files of a prepared split: the origin of each clip (``manifest.json``), and
the lists of clips and photographs (``clips.txt``, ``photos.txt``)."""
import json
import os.path as osp

from dksan_mm.io.images import write_bytes

KERNEL = 'bicubic a=-0.5, antialiased, float64, rounded once to 8 bits'

ANNOTATION_FILE, PHOTOS_FILE = 'clips.txt', 'photos.txt'


def manifest_path(out: str, split: str) -> str:
    """Return the path of a split's manifest in the data set ``out``."""
    return osp.join(out, split, 'manifest.json')


def read_manifest(out: str, split: str) -> dict[str, dict]:
    """Read a split's manifest.

    Args:
        out (str): Root of the prepared data set.
        split (str): 'train', 'val' or 'test'.

    Returns:
        dict[str, dict]: Entries by clip name; empty without a manifest.

    Raises:
        ValueError: If the file is damaged; names the path.
    """
    path = manifest_path(out, split)
    if not osp.exists(path):
        return {}
    try:
        with open(path, encoding='utf-8') as file:
            clips = json.load(file)['clips']
        for name, entry in clips.items():
            if osp.basename(name) != name or name in ('', '.', '..'):
                raise ValueError(f'{name!r} is not a clip name')
            if not isinstance(entry['frames'], int):
                raise ValueError(f'{name}: frames is not a number')
            entry['has_hr']
        return clips
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path}: damaged manifest ({error}); delete it and the clips '
            'that it described, and prepare them again') from error


def write_manifest(out: str, split: str, clips: dict[str, dict]) -> None:
    """Write a split's manifest and annotation files, each in one step.

    An annotation file has one line per clip: name, tab, number of frames. The
    option ``ann_file`` of the data sets reads it, or a part of it.
    Photographs have a file of their own.

    Args:
        out (str): Root of the prepared data set.
        split (str): 'train', 'val' or 'test'.
        clips (dict[str, dict]): Entries by clip name.
    """
    content = dict(kernel=KERNEL, clips=dict(sorted(clips.items())))
    text = json.dumps(content, indent=1, ensure_ascii=False) + '\n'
    write_bytes(manifest_path(out, split), text.encode('utf-8'), sync=True)
    write_annotation(out, split, clips)


def write_annotation(out: str, split: str, clips: dict[str, dict]) -> None:
    """Write those of a split's annotation files that are missing or outdated.

    A run may have been killed after it wrote the manifest.

    Args:
        out (str): Root of the prepared data set.
        split (str): 'train', 'val' or 'test'.
        clips (dict[str, dict]): Entries by clip name.
    """
    for file in (ANNOTATION_FILE, PHOTOS_FILE):
        names = sorted(name for name, entry in clips.items()
                       if entry.get('photo', False) == (file == PHOTOS_FILE))
        lines = [f'{name}\t{clips[name]["frames"]}\n' for name in names]
        _write_list(osp.join(out, split, file), ''.join(lines).encode('utf-8'))


def _write_list(path: str, content: bytes) -> None:
    """Write a file unless it is up to date, or would be new and empty."""
    if osp.isfile(path):
        with open(path, 'rb') as file:
            if file.read() == content:
                return
    elif not content:
        return
    write_bytes(path, content, sync=True)

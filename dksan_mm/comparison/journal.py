# Copyright (c) DKSAN-MM contributors.
"""Journal of a model's finished work, to resume an interrupted comparison.

A journal is a file of JSON lines. The first holds the fingerprint of all that
the frames depend on; the others list the frames written and the clips scored.
A line is added only after its frame is on the disk, so a killed run loses no
more than the current frame.
"""
import ast
import hashlib
import json
import os
import os.path as osp
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dksan_mm.io.files import is_temporary, remove_matching
from dksan_mm.io.images import decode_image, write_png
from dksan_mm.utils.errors import UserError

FILE = 'journal.jsonl'
_PACKAGE = osp.dirname(osp.dirname(osp.abspath(__file__)))
# Packages that frames and scores depend on, including their imports.
_CODE = ('models', 'inference', 'datasets')
_SCORING_CODE = ('evaluation.metrics', )


class Journal:
    """The journal of one model, and its restored frames.

    Args:
        folder (str): Folder of the journal.
        frames (str): Folder of the model's restored frames.
        fingerprint (dict[str, str]): Digests of all that the frames depend
            on, by names such as 'checkpoint'. If it differs from that of the
            journal, frames and journal are deleted.

    Attributes:
        changed (list[str]): Names in the fingerprint that have changed.

    Raises:
        UserError: If there are frames without a journal.
    """

    def __init__(self, folder: str, frames: str,
                 fingerprint: Mapping[str, str]) -> None:
        self.path, self.folder = osp.join(folder, FILE), frames
        self._frames: dict[str, dict] = {}
        self._scores: dict[str, dict] = {}
        os.makedirs(folder, exist_ok=True)
        records = list(_read_lines(self.path))
        before = records[0].get('fingerprint') if records else None
        if before is None and osp.isdir(frames) and os.listdir(frames):
            raise UserError(f'{frames}: contains frames that were not written '
                            'by a comparison; move them, or choose another '
                            '--out')
        self.changed = sorted(name for name in {
            **(before or {}),
            **fingerprint
        } if before and before.get(name) != fingerprint.get(name))
        if before != fingerprint:
            remove_matching(frames, _is_ours)
            with open(self.path, 'w', encoding='utf-8'):
                pass
            self._append(dict(fingerprint=dict(fingerprint)))
            return
        for record in records[1:]:
            self._remember(record)

    def _remember(self, record: dict) -> None:
        if 'frame' in record:
            self._frames[record['frame']] = record
        else:
            self._scores[record['clip']] = record

    def _append(self, record: dict) -> None:
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write(json.dumps(record) + '\n')
            file.flush()

    def path_of(self, key: str) -> str:
        """Return the path of a restored frame; ``key`` is 'clip/000012'."""
        return osp.join(self.folder, f'{key}.png')

    def add_frame(self, key: str, image: np.ndarray, **facts) -> None:
        """Write a frame and record it.

        Args:
            key (str): 'clip/000012'.
            image (ndarray[h, w, 3]): uint8, BGR.
            **facts: Values that :meth:`facts` returns later.
        """
        path = self.path_of(key)
        os.makedirs(osp.dirname(path), exist_ok=True)
        write_png(path, image)
        with open(path, 'rb') as file:
            content = file.read()
        record = dict(
            frame=key, bytes=len(content), crc32=zlib.crc32(content), **facts)
        self._remember(record)
        self._append(record)

    def facts(self, key: str) -> dict:
        """Return the values recorded with a frame; {} for a new frame."""
        return self._frames.get(key, {})

    def read_frame(self, key: str, source: str) -> np.ndarray | None:
        """Read a recorded frame; None if it is missing or has changed.

        Args:
            key (str): 'clip/000012'.
            source (str): Digest of its source, recorded as ``source`` when
                the frame was added.
        """
        if not self.has_frame(key, source):
            return None
        path = self.path_of(key)
        with open(path, 'rb') as file:
            content = file.read()
        if zlib.crc32(content) != self._frames[key]['crc32']:
            return None
        return decode_image(content, path)

    def has_frame(self, key: str, source: str) -> bool:
        """Return whether a frame exists, by its file size, without reading."""
        record = self._frames.get(key)
        try:
            return record is not None and record.get('source') == source and \
                osp.getsize(self.path_of(key)) == record['bytes']
        except FileNotFoundError:
            return False

    def add_scores(self, clip: str, key: str, scores: list) -> None:
        """Record the scores of a finished clip.

        Args:
            clip (str): Name of the clip.
            key (str): Digest of all that they depend on except the frames.
            scores (list): Any value that JSON can represent.
        """
        record = dict(clip=clip, key=key, scores=scores)
        self._remember(record)
        self._append(record)

    def scores(self, clip: str, key: str) -> list | None:
        """Return the scores of a clip; None if missing or of another key."""
        record = self._scores.get(clip)
        return record['scores'] if record and record['key'] == key else None

    def tidy(self, clip: str, keep: Sequence[str]) -> None:
        """Delete all frames of a clip but some.

        Args:
            clip (str): Name of the clip.
            keep (Sequence[str]): Keys of the frames to keep.
        """
        folder = osp.join(self.folder, clip)
        names = {osp.basename(self.path_of(key)) for key in keep}
        for name in os.listdir(folder) if osp.isdir(folder) else ():
            if name not in names and _is_ours(name):
                os.remove(osp.join(folder, name))


def _is_ours(name: str) -> bool:
    """Return whether a file has a name that is written here."""
    return is_temporary(name) or \
        re.fullmatch(r'[0-9]+\.png', name) is not None


def _read_lines(path: str) -> Iterator[dict]:
    """Yield the lines of a file; truncate an incomplete last line."""
    if not osp.exists(path):
        return
    with open(path, 'rb+') as file:
        while line := file.readline():
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not line.endswith(b'\n') or not isinstance(record, dict):
                file.seek(-len(line), os.SEEK_CUR)
                file.truncate()
                return
            yield record


def digest(value: object) -> str:
    """Return a digest of any JSON value; other objects count as ``str``."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file."""
    total = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def content_digest(paths: Sequence[str]) -> str:
    """Return a digest of the names and contents of files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(osp.basename(path).encode() + b'\0')
        total.update(bytes.fromhex(file_digest(path)))
    return total.hexdigest()[:16]


def stat_digest(paths: Sequence[str]) -> str:
    """Return a digest of names, sizes and times, if files are too many."""
    return digest([(osp.basename(path), stat.st_size, stat.st_mtime_ns)
                   for path in paths for stat in [os.stat(path)]])


def code_digest() -> str:
    """Return a digest of the package's code that frames depend on."""
    return content_digest(_sources(_CODE))


def scoring_digest() -> str:
    """Return a digest of the package's code that scores depend on."""
    return content_digest(_sources(_SCORING_CODE))


def _sources(names: Sequence[str]) -> list[str]:
    """List the source files of modules and of what they import from here.

    Raises:
        FileNotFoundError: If a module does not exist.
    """
    found, waiting = set(), [f'dksan_mm.{name}' for name in names]
    while waiting:
        for path in _files(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting += _imports(path)
    return sorted(found)


def _files(module: str) -> list[str]:
    """List the source files of a module or package, including C++."""
    path = osp.join(osp.dirname(_PACKAGE), *module.split('.'))
    if osp.isfile(f'{path}.py'):
        return [f'{path}.py']
    if not osp.isdir(path):
        raise FileNotFoundError(f'there is no module {module} to digest')
    return [
        osp.join(folder, name) for folder, _, files in os.walk(path)
        for name in files if name.endswith(('.py', '.cpp', '.h'))
    ]


def _imports(path: str) -> list[str]:
    """List the modules of this package that a source file imports."""
    if not path.endswith('.py'):
        return []
    with open(path, encoding='utf-8') as file:
        tree = ast.parse(file.read())
    folder = osp.relpath(osp.dirname(path), osp.dirname(_PACKAGE))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = folder.split(os.sep)
            parts = parts[:len(parts) + 1 - node.level] if node.level else []
            base = '.'.join([*parts, *filter(None, [node.module])])
            found += [f'{base}.{alias.name}' for alias in node.names]
            found.append(base)
    return [
        name for name in found
        if name.startswith('dksan_mm.') and _is_module(name)
    ]


def _is_module(name: str) -> bool:
    """Return whether a name is a module, not a class or function."""
    path = osp.join(osp.dirname(_PACKAGE), *name.split('.'))
    return osp.isfile(f'{path}.py') or osp.isdir(path)

# Copyright (c) DKSAN-MM contributors.
"""Choice and checks of the checkpoint that a training starts from."""
import math
import re
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from dksan_mm.utils.errors import UserError
from .checkpoint import DamagedError, read_checkpoint, shapes

POINTER = 'last_checkpoint'  # mmengine's file with the newest one's path
FIRST = 'iter_0.pth'  # default form of names
NUMBER = re.compile(r'(\d+)\.pth$')


class Start(NamedTuple):
    """Checkpoint that a training starts from.

    Attributes:
        path (str): Path of the checkpoint; '' if there is none.
        shapes (dict): Shapes of its weights; {} if there is none.
        damaged (list[str]): Sentences about newer, damaged checkpoints.
    """

    path: str
    shapes: dict[str, tuple[int, ...]]
    damaged: list[str]


def find_start(config: Config) -> Start:
    """Find the checkpoint that a training starts from, before any building.

    With ``resume`` and without ``load_from``, it is the newest intact
    checkpoint of the work dir. A checkpoint with anything but data is not
    skipped, because it is not accidental: the user has to inspect it.

    Args:
        config (Config): Config with ``work_dir``, ``resume``, ``load_from``.

    Returns:
        Start: Checkpoint, or an empty path.

    Raises:
        UserError: If the checkpoint cannot be loaded, or the run cannot be
            resumed.
    """
    automatic = config.get('resume') and not config.get('load_from')
    paths = [config.get('load_from')]
    if automatic:
        paths = list_checkpoints(config.work_dir)
    damaged: list[str] = []
    for path in map(str, filter(None, paths)):
        try:
            checkpoint = read_checkpoint(path)
        except DamagedError as error:
            if not automatic:
                raise
            damaged.append(str(error))
            continue
        if 'converted' in checkpoint:  # mmengine would load none of it
            raise UserError(f'{path} does not have the structure that '
                            'mmengine reads; save its weights as a plain '
                            'state dict')
        if config.get('resume'):
            check_resumable(path, checkpoint)
        return Start(path, shapes(checkpoint['state_dict']), damaged)
    return Start('', {}, damaged)


def check_new(work_dir: str) -> None:
    """Refuse to start a training in a folder with checkpoints.

    It would overwrite those of equal iterations and delete others, including
    the best one.

    Raises:
        UserError: If there is a checkpoint.
    """
    best = sorted(
        path for path in Path(work_dir).glob('best_*.pth')
        if NUMBER.search(path.name))
    for path in (list_checkpoints(work_dir) + best)[:1]:
        raise UserError(
            f'{work_dir} holds checkpoints of a training ({path.name}): '
            'use --resume to continue it, or another --work-dir')


def list_checkpoints(work_dir: str) -> list[Path]:
    """List a run's checkpoints, e.g. ``iter_*.pth``, newest first.

    ``last_checkpoint`` names the newest one, unless the run was killed just
    after writing a later one. Older files with higher numbers are obsolete
    because the run was resumed from an earlier iteration or restarted; they
    come last. Without a valid ``last_checkpoint``, the numbers decide.

    Args:
        work_dir (str): Folder of the run, which may have been moved.
    """
    pointer = Path(work_dir, POINTER)
    named = _named_by(pointer)
    found = _like(pointer.with_name(named.name)) or _like(named) or \
        _like(pointer.with_name(FIRST))
    last, when = math.inf, 0
    if found and found[0].with_name(named.name) in found:
        last, when = _number(named), pointer.stat().st_mtime_ns

    def order(path: Path) -> tuple[bool, int]:
        given_up = _number(path) > last and path.stat().st_mtime_ns <= when
        return given_up, -_number(path)

    return sorted(found, key=order)


def _named_by(pointer: Path) -> Path:
    """Return the path in the pointer, or a default if it is invalid."""
    text = pointer.read_text(errors='replace') if pointer.is_file() else ''
    path = Path(text.strip().replace('\0', ''))
    return path if NUMBER.search(path.name) else pointer.with_name(FIRST)


def _like(path: Path) -> list[Path]:
    """Return files whose names differ from a path only in the number."""
    start = NUMBER.sub('', path.name)
    pattern = re.compile(re.escape(start) + NUMBER.pattern)
    if not path.parent.is_dir():
        return []
    return [p for p in path.parent.iterdir() if pattern.fullmatch(p.name)]


def _number(path: Path) -> int:
    """Return the iteration in a checkpoint's name."""
    found = NUMBER.search(path.name)
    if found is None:
        raise ValueError(f'{path}: no iteration in the name')
    return int(found[1])


def check_resumable(path: str, checkpoint: dict) -> None:
    """Reject checkpoints from which a run cannot or must not be resumed.

    Args:
        path (str): Checkpoint path for the message.
        checkpoint (dict): Content of the checkpoint.

    Raises:
        UserError: If it contains only weights, or a program.
    """
    if not {'meta', 'optimizer', 'message_hub'} <= checkpoint.keys():
        raise UserError(f'{path} contains only weights, from which a training '
                        'cannot be resumed; use load_from to start a new one')
    # mmengine would execute it; no version since 0.1 writes it.
    if 'config' in checkpoint['meta']:
        raise UserError(f'{path} is not loaded: it holds a program '
                        '(meta.config), and a checkpoint must hold nothing '
                        'but data')

# Copyright (c) DKSAN-MM contributors.
"""Start of a training: which checkpoint, and whether it can be used."""
import math
import re
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from dksan_mm.utils.errors import UserError
from .checkpoint import DamagedError, read_checkpoint, shapes

POINTER = 'last_checkpoint'  # mmengine's; it holds the newest one's path
FIRST = 'iter_0.pth'  # what checkpoints are called
NUMBER = re.compile(r'(\d+)\.pth$')


class Start(NamedTuple):
    """Checkpoint that a training starts from.

    Attributes:
        path (str): The checkpoint, '' without one.
        shapes (dict): Of its weights, {} without one.
        damaged (list[str]): Sentences about newer ones that are damaged.
    """

    path: str
    shapes: dict[str, tuple[int, ...]]
    damaged: list[str]


def find_start(config: Config) -> Start:
    """Find what a training starts from; nothing is built yet.

    With ``resume`` and without ``load_from`` it is the newest checkpoint of
    the work dir that is whole. One that holds other things than data is no
    accident, and no reason to look further: someone has to see it.

    Args:
        config (Config): With ``work_dir``, ``resume`` and ``load_from``.

    Returns:
        Start: What was found.

    Raises:
        UserError: If the checkpoint cannot be loaded, or the run not
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
        if 'converted' in checkpoint:  # mmengine would load nothing of it
            raise UserError(f'{path} is not laid out as mmengine reads it; '
                            'save its weights as a plain state dict')
        if config.get('resume'):
            check_resumable(path, checkpoint)
        return Start(path, shapes(checkpoint['state_dict']), damaged)
    return Start('', {}, damaged)


def check_new(work_dir: str) -> None:
    """Refuse to start a training where an earlier one left checkpoints.

    It would replace those of the same iteration, and delete others, the best
    one too.

    Raises:
        UserError: If there is a checkpoint.
    """
    best = sorted(
        path for path in Path(work_dir).glob('best_*.pth')
        if NUMBER.search(path.name))
    for path in (list_checkpoints(work_dir) + best)[:1]:
        raise UserError(
            f'{work_dir} holds checkpoints of a training ({path.name}): '
            '--resume continues it, another --work-dir keeps it')


def list_checkpoints(work_dir: str) -> list[Path]:
    """A run's checkpoints, ``iter_*.pth`` or so, the newest first.

    The newest is what ``last_checkpoint`` names, or was written after it by a
    run that was killed just then. Older files with higher numbers are of a
    future that was given up, by going back or starting over; they come last.
    Without a pointer that makes sense, the numbers decide.

    Args:
        work_dir (str): The run's folder; it may have been moved.
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
    """The checkpoint that the pointer names, if that can be one's name."""
    text = pointer.read_text(errors='replace') if pointer.is_file() else ''
    path = Path(text.strip().replace('\0', ''))
    return path if NUMBER.search(path.name) else pointer.with_name(FIRST)


def _like(path: Path) -> list[Path]:
    """Return files that differ from a path in the number alone."""
    start = NUMBER.sub('', path.name)
    pattern = re.compile(re.escape(start) + NUMBER.pattern)
    if not path.parent.is_dir():
        return []
    return [p for p in path.parent.iterdir() if pattern.fullmatch(p.name)]


def _number(path: Path) -> int:
    """The iteration in a checkpoint's name."""
    found = NUMBER.search(path.name)
    if found is None:
        raise ValueError(f'{path}: no iteration in the name')
    return int(found[1])


def check_resumable(path: str, checkpoint: dict) -> None:
    """Refuse what no run can, or should, be resumed from.

    Args:
        path (str): The checkpoint, for the message.
        checkpoint (dict): What it holds.

    Raises:
        UserError: If it holds weights only, or a program.
    """
    if not {'meta', 'optimizer', 'message_hub'} <= checkpoint.keys():
        raise UserError(f'{path} holds weights only, no run can be resumed '
                        'from it; load_from starts a new one with them')
    # mmengine would run it as a program; no version since 0.1 writes it.
    if 'config' in checkpoint['meta']:
        raise UserError(f'{path} is not loaded: it holds a program '
                        '(meta.config), and a checkpoint must hold nothing '
                        'but data')

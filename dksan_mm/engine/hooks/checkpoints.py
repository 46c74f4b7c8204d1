# Copyright (c) DKSAN-MM contributors.
"""Checkpoints that survive being killed, and load everywhere."""
import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmagic.registry import HOOKS
from mmengine.dist import all_gather_object, is_main_process, master_only
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import weights_to_cpu

from dksan_mm.engine.runner.random_state import random_state
from dksan_mm.engine.runner.resume import POINTER
from dksan_mm.io.files import remove_leftovers
from dksan_mm.io.images import write_bytes

# What a killed run may have been writing: a regular expression.
UNFINISHED = rf'.*\.pth|{re.escape(POINTER)}'


@register_backend('atomic', force=True)
class AtomicBackend(LocalBackend):
    """mmengine's local files; a written one is whole, or as it was before.

    It is on the disk when ``put`` returns.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file under another name, then move it to its place."""
        os.makedirs(os.path.dirname(filepath) or '.', exist_ok=True)
        write_bytes(str(filepath), obj, sync=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's hook, for runs that are killed at any moment.

    * Files are written whole (:class:`AtomicBackend`), first the new one,
      then ``last_checkpoint``; old ones go after that. mmengine removes
      first.
    * A best checkpoint is replaced in the same order, and goes only when a
      checkpoint that names its successor is on the disk.
    * After each validation a checkpoint is written, with the scores.
    * Between two steps of accumulated gradients, which no checkpoint holds,
      it waits for the step.
    * When the disk is full, the training continues with the checkpoints that
      are there, and warns. It fails in the end if the last is missing.
    * Everything in a checkpoint is on the CPU and loads with a bare
      ``torch.load``: mmengine 0.10 pickles its log history as objects, which
      torch >= 2.6 refuses; here it is tensors.

    Args:
        **kwargs: Those of mmengine's ``CheckpointHook``.
    """

    def __init__(self, *args, **kwargs) -> None:
        if not (kwargs.get('backend_args') or kwargs.get('file_client_args')):
            kwargs['backend_args'] = dict(backend='atomic')
        super().__init__(*args, **kwargs)
        self._postponed = False
        self._error: OSError | None = None

    def before_train(self, runner) -> None:
        """Remove what a killed run has left over."""
        super().before_train(runner)
        if runner.iter > 0:  # resumed
            self.last_ckpt = runner._load_from
        if not is_main_process():
            return
        for folder in {self.out_dir, runner.work_dir}:
            remove_leftovers(folder, UNFINISHED)
        if runner.iter > 0:
            self._adopt_best(runner)
            self._remove_superseded_best(runner)
            self._adopt_start(runner)

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch=None,
                         outputs=None) -> None:
        """Save every ``interval`` iterations, or as soon as possible then."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self._postponed and runner.optim_wrapper.should_update():
            self._save_checkpoint(runner)

    def after_train_val(self, runner) -> None:
        """Save what a validation on the way has found.

        mmengine has no such stage; ``ResumableTrainLoop`` calls it.
        """
        step, last = runner.iter, runner.iter >= runner.max_iters
        if (self.interval > 0 and step >= self.save_begin) or \
                (self.save_last and last):
            meta = dict(epoch=runner.epoch, iter=step)
            self._save_checkpoint_with_step(runner, step, meta)

    def after_train(self, runner) -> None:
        """Fail if the trained model is not on the disk."""
        super().after_train(runner)
        if self._error is not None:
            raise OSError(
                f'the last checkpoint could not be written: {self._error}; '
                'make room, and --resume continues from '
                f'{self.last_ckpt or "the beginning"}')

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Leave nothing but CPU tensors, numbers, strings and containers."""
        for name in ('state_dict', 'ema_state_dict'):
            if name in checkpoint:
                checkpoint[name] = weights_to_cpu(checkpoint[name])
        _make_plain(checkpoint['message_hub'])

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Make ``HistoryBuffer`` objects of the log history again."""
        scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
        for name, history in scalars.items():
            if isinstance(history, dict):
                scalars[name] = HistoryBuffer(history['logs'].cpu().numpy(),
                                              history['counts'].cpu().numpy(),
                                              history['max_length'])

    def _save_checkpoint_with_step(self, runner, step: int,
                                   meta: dict) -> None:
        """Write a checkpoint, point at it, remove those that are too many.

        Until they are removed, the checkpoint lists them too; mmengine then
        does it on ``--resume``.
        """
        self._postponed = not runner.optim_wrapper.should_update()
        if self._postponed:
            return
        states = all_gather_object(random_state())  # of all ranks
        path = self._path_of(step)
        try:
            with _forgotten_on_error(runner.message_hub,
                                     ('last_ckpt', 'keep_ckpt_ids')):
                runner.message_hub.update_info('random_states', states)
                runner.message_hub.update_info('last_ckpt', path)
                self._list_kept(runner, step)
                self._write(runner, path, meta)
        except OSError as error:
            return self._go_on_without(runner, path, error)
        self.last_ckpt, self._error = path, None
        self._remove_surplus(runner)
        self._remove_superseded_best(runner)

    def _path_of(self, step: int) -> str:
        return self.file_backend.join_path(self.out_dir,
                                           self.filename_tmpl.format(step))

    def _list_kept(self, runner, step: int) -> None:
        """Put the new checkpoint on the list of those that are there."""
        if self.max_keep_ckpts > 0:
            others = [kept for kept in self.keep_ckpt_ids if kept != step]
            runner.message_hub.update_info('keep_ckpt_ids', [*others, step])

    def _write(self, runner, path: str, meta: dict) -> None:
        """Write the checkpoint, then the pointer to it."""
        runner.save_checkpoint(
            self.out_dir,
            os.path.basename(path),
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args)
        self._point_at(runner, path)

    def _save_best_checkpoint(self, runner, metrics: dict[str, float]) -> None:
        """Write the best checkpoint next to the one that was best.

        mmengine would remove that first, so it is not told of it here; nor
        shall it save again, :meth:`after_train_val` does.
        """
        if not self.save_best:
            return
        last_ckpt, self.last_ckpt = self.last_ckpt, None
        self._tell_best({})
        try:
            with _forgotten_on_error(runner.message_hub, 'best_'):
                super()._save_best_checkpoint(runner, metrics)
        except OSError as error:
            self._go_on_without(runner, 'the best checkpoint', error)
        self._tell_best(_named(runner.message_hub, 'best_ckpt'))
        self.last_ckpt = last_ckpt

    def _tell_best(self, paths: dict[str, str]) -> None:
        """Set what mmengine takes for the best checkpoints so far."""
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths.get('best_ckpt')
        else:
            self.best_ckpt_path_dict = {
                key: paths.get(f'best_ckpt_{key}')
                for key in self.key_indicators
            }

    def _go_on_without(self, runner, what: str, error: OSError) -> None:
        """Losing what came after the last checkpoint is better than all."""
        self._error = error
        runner.logger.error(
            f'{what} could not be written: {error}; the training continues, '
            'and a resumed one would from '
            f'{self.last_ckpt or "the beginning"}')

    @master_only
    def _point_at(self, runner, path: str) -> None:
        """Name the checkpoint that ``--resume`` takes, as mmengine does."""
        pointer = os.path.join(runner.work_dir, POINTER)
        write_bytes(pointer, path.encode(), sync=True)

    def _remove_surplus(self, runner) -> None:
        """Keep ``max_keep_ckpts`` checkpoints."""
        if self.max_keep_ckpts <= 0:
            return
        steps = runner.message_hub.get_info('keep_ckpt_ids')
        self.keep_ckpt_ids = deque(steps, self.max_keep_ckpts)
        for path in map(self._path_of, steps[:-self.max_keep_ckpts]):
            if is_main_process() and self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _adopt_start(self, runner) -> None:
        """Let later checkpoints be those of a future that was given up."""
        start = runner._load_from
        if start and Path(start).resolve().parent == Path(
                self.out_dir).resolve():
            self._point_at(runner, start)

    def _adopt_best(self, runner) -> None:
        """Find the best checkpoints of a work dir that was moved."""
        for key, path in _named(runner.message_hub, 'best_ckpt').items():
            moved = os.path.join(self.out_dir, os.path.basename(path))
            if os.path.isfile(moved):
                runner.message_hub.update_info(key, moved)

    @master_only
    def _remove_superseded_best(self, runner) -> None:
        """Leave the best checkpoint that the one on the disk names, alone.

        Where that is gone, because the run goes back behind a better one,
        the better one stays until the run gets there again.
        """
        for path in _named(runner.message_hub, 'best_ckpt').values():
            inside = Path(path).parent == Path(self.out_dir)
            if inside and os.path.isfile(path):
                _remove(set(_of_other_steps(path)) - {path})


def _named(hub, start: str | tuple[str, ...]) -> dict[str, Any]:
    """Values in the message hub whose names start in some way."""
    return {
        name: value
        for name, value in hub.runtime_info.items() if name.startswith(start)
    }


@contextmanager
def _forgotten_on_error(hub, start: str | tuple[str, ...]) -> Iterator[None]:
    """Put such values back when a file could not be written."""
    before = _named(hub, start)
    try:
        yield
    except OSError:
        for name in _named(hub, start):
            hub.pop_info(name)
        hub.update_info_dict(before)
        raise


def _of_other_steps(path: str) -> Iterator[str]:
    """Files that are named like one, but for its last number."""
    folder, name = os.path.split(path)
    start, end = re.split(r'\d+(?=\D*$)', name, maxsplit=1)
    form = re.compile(rf'{re.escape(start)}\d+{re.escape(end)}')
    for other in os.listdir(folder):
        if form.fullmatch(other):
            yield os.path.join(folder, other)


def _remove(paths) -> None:
    for path in paths:
        os.remove(path)


def _make_plain(hub: dict) -> None:
    """Replace each ``HistoryBuffer`` by two tensors and its length.

    Among what else mmengine remembers, the time left and the best score are
    numpy's numbers; they become Python's.
    """
    hub['runtime_info'] = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in hub['runtime_info'].items()
    }
    scalars = hub['log_scalars']
    for name, history in scalars.items():
        logs, counts = history.data
        scalars[name] = dict(
            logs=torch.as_tensor(logs),
            counts=torch.as_tensor(counts),
            max_length=history.max_length)

# Copyright (c) DKSAN-MM contributors.
"""Checkpoints that survive killed runs and load on every device."""
import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmagic.registry import HOOKS
from mmengine.dist import all_gather_object, is_main_process, master_only
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook

from dksan_mm.engine.runner.plain_state import make_plain, restore_histories
from dksan_mm.engine.runner.random_state import random_state
from dksan_mm.engine.runner.resume import POINTER
from dksan_mm.io.files import remove_leftovers
from dksan_mm.io.images import write_bytes
from dksan_mm.utils.errors import UserError

# Regular expression of files that a killed run may leave incomplete.
UNFINISHED = rf'.*\.pth|{re.escape(POINTER)}'


@register_backend('atomic', force=True)
class AtomicBackend(LocalBackend):
    """Local backend of mmengine with atomic writes.

    The file is on the disk when ``put`` returns.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file under a temporary name, then rename it."""
        os.makedirs(os.path.dirname(filepath) or '.', exist_ok=True)
        write_bytes(str(filepath), obj, sync=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """Checkpoint hook of mmengine for runs that may be killed at any time.

    * Files are written atomically (:class:`AtomicBackend`): first the new
      checkpoint, then ``last_checkpoint``. Old checkpoints are removed last;
      mmengine removes them first.
    * The best checkpoint is replaced in the same order, and removed only when
      a checkpoint that names its successor is on the disk.
    * A checkpoint with the scores is written after each validation.
    * While gradients are being accumulated, which checkpoints do not contain,
      saving is postponed until the optimizer step.
    * If the disk is full, training continues with a warning and keeps the
      existing checkpoints. It fails at the end if the last one is missing.
    * All tensors of a checkpoint are on the CPU, and ``torch.load`` alone can
      load it. mmengine 0.10 pickles its log history as objects, which
      torch >= 2.6 rejects; here, they are tensors.

    Args:
        **kwargs: Arguments of mmengine's ``CheckpointHook``.

    Raises:
        TypeError: If it has no such argument. mmengine's hook keeps others
            until the first checkpoint is saved, where they fail.
    """

    def __init__(self, *args, **kwargs) -> None:
        if not (kwargs.get('backend_args') or kwargs.get('file_client_args')):
            kwargs['backend_args'] = dict(backend='atomic')
        super().__init__(*args, **kwargs)
        if self.args:
            raise TypeError(f'{type(self).__name__} has no argument '
                            f'{", ".join(self.args)}')
        self._postponed = False
        self._error: OSError | None = None

    def before_train(self, runner) -> None:
        """Remove incomplete files of a killed run."""
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
        """Save every ``interval`` iterations or as soon as possible after."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self._postponed and runner.optim_wrapper.should_update():
            self._save_checkpoint(runner)

    def after_train_val(self, runner) -> None:
        """Save a checkpoint with the scores of a validation.

        ``ResumableTrainLoop`` calls this stage, which mmengine lacks.
        """
        step, last = runner.iter, runner.iter >= runner.max_iters
        if (self.interval > 0 and step >= self.save_begin) or \
                (self.save_last and last):
            meta = dict(epoch=runner.epoch, iter=step)
            self._save_checkpoint_with_step(runner, step, meta)

    def after_train(self, runner) -> None:
        """Raise an error if the trained model is not on the disk."""
        super().after_train(runner)
        if self._error is not None:
            raise OSError(
                f'the last checkpoint could not be written: {self._error}; '
                'free some space, and --resume continues from '
                f'{self.last_ckpt or "the beginning"}') from self._error

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Convert to CPU tensors, numbers, strings and containers."""
        make_plain(checkpoint)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Restore the log history as ``HistoryBuffer`` objects."""
        restore_histories(checkpoint)

    def _save_checkpoint_with_step(self, runner, step: int,
                                   meta: dict) -> None:
        """Write a checkpoint and its pointer, then remove surplus ones.

        The checkpoint still lists surplus ones, so that mmengine removes them
        on ``--resume`` if the run is killed before.
        """
        self._postponed = not runner.optim_wrapper.should_update()
        if self._postponed:
            return
        states = all_gather_object(random_state())  # from all ranks
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
        """Add the new checkpoint to the list of existing ones."""
        if self.max_keep_ckpts > 0:
            others = [kept for kept in self.keep_ckpt_ids if kept != step]
            runner.message_hub.update_info('keep_ckpt_ids', [*others, step])

    def _write(self, runner, path: str, meta: dict) -> None:
        """Write the checkpoint, then the pointer."""
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
        """Write the new best checkpoint without removing the previous one.

        Both it and the last checkpoint are hidden from mmengine, which would
        remove the former first and save the latter again.
        """
        if not self.save_best:
            return
        self._check_best(metrics)
        last_ckpt, self.last_ckpt = self.last_ckpt, None
        self._tell_best({})
        try:
            with _forgotten_on_error(runner.message_hub, 'best_'):
                super()._save_best_checkpoint(runner, metrics)
        except OSError as error:
            self._go_on_without(runner, 'the best checkpoint', error)
        self._tell_best(_named(runner.message_hub, 'best_ckpt'))
        self.last_ckpt = last_ckpt

    def _check_best(self, metrics: dict[str, float]) -> None:
        """Reject a ``save_best`` that the validation does not compute."""
        for key in self.key_indicators:
            if key not in metrics and key != 'auto':
                raise UserError('default_hooks.checkpoint.save_best: the '
                                f'validation computes no {key}, but '
                                f'{", ".join(metrics)}')

    def _tell_best(self, paths: dict[str, str]) -> None:
        """Set mmengine's paths of the best checkpoints."""
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths.get('best_ckpt')
        else:
            self.best_ckpt_path_dict = {
                key: paths.get(f'best_ckpt_{key}')
                for key in self.key_indicators
            }

    def _go_on_without(self, runner, what: str, error: OSError) -> None:
        """Log an error and continue training from the last checkpoint."""
        self._error = error
        runner.logger.error(
            f'{what} could not be written: {error}; the training continues, '
            'and could be resumed from '
            f'{self.last_ckpt or "the beginning"}')

    @master_only
    def _point_at(self, runner, path: str) -> None:
        """Write the name of the checkpoint for ``--resume``, as mmengine."""
        pointer = os.path.join(runner.work_dir, POINTER)
        write_bytes(pointer, path.encode(), sync=True)

    def _remove_surplus(self, runner) -> None:
        """Remove all but the last ``max_keep_ckpts`` checkpoints."""
        if self.max_keep_ckpts <= 0:
            return
        steps = runner.message_hub.get_info('keep_ckpt_ids')
        self.keep_ckpt_ids = deque(steps, self.max_keep_ckpts)
        for path in map(self._path_of, steps[:-self.max_keep_ckpts]):
            if is_main_process() and self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _adopt_start(self, runner) -> None:
        """Point at the resumed checkpoint; later ones become obsolete."""
        start = runner._load_from
        if start and Path(start).resolve().parent == Path(
                self.out_dir).resolve():
            self._point_at(runner, start)

    def _adopt_best(self, runner) -> None:
        """Update the paths of best checkpoints if the work dir was moved."""
        for key, path in _named(runner.message_hub, 'best_ckpt').items():
            moved = os.path.join(self.out_dir, os.path.basename(path))
            if os.path.isfile(moved):
                runner.message_hub.update_info(key, moved)

    @master_only
    def _remove_superseded_best(self, runner) -> None:
        """Remove all best checkpoints but the one that the run names.

        If that one is missing, because the run was resumed from an iteration
        before a better one, the better one is kept until a new best is saved.
        """
        for path in _named(runner.message_hub, 'best_ckpt').values():
            inside = Path(path).parent == Path(self.out_dir)
            if inside and os.path.isfile(path):
                for other in set(_of_other_steps(path)) - {path}:
                    os.remove(other)


def _named(hub, start: str | tuple[str, ...]) -> dict[str, Any]:
    """Return the values in the message hub whose names have a prefix."""
    return {
        name: value
        for name, value in hub.runtime_info.items() if name.startswith(start)
    }


@contextmanager
def _forgotten_on_error(hub, start: str | tuple[str, ...]) -> Iterator[None]:
    """Restore values with a prefix if a file cannot be written."""
    before = _named(hub, start)
    try:
        yield
    except OSError:
        for name in _named(hub, start):
            hub.pop_info(name)
        hub.update_info_dict(before)
        raise


def _of_other_steps(path: str) -> Iterator[str]:
    """Yield files whose names differ at most in the last number."""
    folder, name = os.path.split(path)
    start, end = re.split(r'\d+(?=\D*$)', name, maxsplit=1)
    form = re.compile(rf'{re.escape(start)}\d+{re.escape(end)}')
    for other in os.listdir(folder):
        if form.fullmatch(other):
            yield os.path.join(folder, other)

# Copyright (c) DKSAN-MM contributors.
"""Early stop of a diverging training, on all processes at once."""
import math

import torch
from mmagic.registry import HOOKS
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import find_latest_checkpoint

from dksan_mm.utils.errors import UserError


def stop_together(runner, reason: str) -> None:
    """Stop the training if any process has a reason.

    All processes must call this in the same iteration.

    Args:
        runner (Runner): mmengine Runner in a training iteration.
        reason (str): Problem of this process; empty if there is none.

    Raises:
        UserError: On all processes, naming the iteration, the first reason and
            the remaining checkpoint.
    """
    if get_world_size() > 1:
        wrong = torch.tensor(float(bool(reason)))
        all_reduce(wrong, op='max')
        if wrong:
            reason = next(filter(None, all_gather_object(reason)))
    if reason:
        raise UserError(f'training stopped at iteration {runner.iter + 1}: '
                        f'{reason}; {_what_is_left(runner.work_dir)}')


def _what_is_left(work_dir: str) -> str:
    path = find_latest_checkpoint(work_dir)
    if path is None:
        return ('no checkpoint has been written yet; try a lower '
                'optim_wrapper.optimizer.lr')
    return (f'{path} is the last checkpoint before; start from it with a '
            f'lower learning rate: --cfg-options load_from={path} '
            'optim_wrapper.optimizer.lr=...')


@HOOKS.register_module()
class DivergenceHook(Hook):
    """Stop the training if the loss or gradient norm is not finite.

    Both have already been read from the device for the log, so the only cost
    is one number exchanged between several processes. The check precedes
    logging, weight averaging and saving of the iteration, and checkpoints
    never contain non-finite values.

    With float16, updates with infinite gradients are normal
    (:attr:`~dksan_mm.engine.optimizers.StepOptimWrapper.skips_updates`).
    """

    priority = 'ABOVE_NORMAL'  # before logging, averaging and saving

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Check the loss and the gradient norm of the iteration."""
        stop_together(runner, self._complaint(runner))

    def _complaint(self, runner) -> str:
        scalars = runner.message_hub.log_scalars
        skips = getattr(runner.optim_wrapper, 'skips_updates', False)
        for name, what in (('loss', 'loss'), ('grad_norm', 'gradient norm')):
            value = scalars[f'train/{name}'].current() \
                if f'train/{name}' in scalars else 0.
            if not math.isfinite(value) and not (name != 'loss' and skips):
                return f'the {what} is {value}'
        return ''

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Refuse to save weights that are not finite.

        Raises:
            UserError: If a weight is not finite, which can happen without a
                gradient norm or after too large an update. Only the first
                process saves; the launcher then terminates the others.
        """
        for name, value in checkpoint['state_dict'].items():
            if not value.isfinite().all():
                raise UserError(
                    f'training stopped at iteration {runner.iter + 1}: {name} '
                    'is not finite; no checkpoint of it is written; '
                    f'{_what_is_left(runner.work_dir)}')

# Copyright (c) DKSAN-MM contributors.
"""Training stops when it diverges, on all processes at once."""
import math

import torch
from mmagic.registry import HOOKS
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import find_latest_checkpoint

from dksan_mm.utils.errors import UserError


def stop_together(runner, reason: str) -> None:
    """Stop the training if any process has a reason to.

    Every process must call this in the same iteration.

    Args:
        runner (Runner): mmengine's, in a training iteration.
        reason (str): What is wrong; ``''``: nothing.

    Raises:
        UserError: On all processes, with the iteration, the first reason and
            the checkpoint that stays.
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
    """Stop as soon as the loss or a gradient is not finite.

    What it looks at has been read from the device for the log already, so
    that it costs nothing but, with several processes, one number sent. It
    acts before anything of the iteration is logged, averaged or saved; no
    checkpoint with a value that is not finite is ever written.

    With float16, updates with infinite gradients are a matter of course
    (:attr:`~dksan_mm.engine.optimizers.StepOptimWrapper.skips_updates`).
    """

    priority = 'ABOVE_NORMAL'  # after the numbers are there, before the rest

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Look at the loss and the gradient norm of the iteration."""
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
            UserError: If there are such, as without a gradient norm or after
                an update that was too large. The first process saves, alone:
                the launcher ends the others with it.
        """
        for name, value in checkpoint['state_dict'].items():
            if not value.isfinite().all():
                raise UserError(
                    f'training stopped at iteration {runner.iter + 1}: {name} '
                    'is not finite; no checkpoint of it is written; '
                    f'{_what_is_left(runner.work_dir)}')

# Copyright (c) DKSAN-MM contributors.
"""Training a cascade from its first levels on."""

from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper


@HOOKS.register_module()
class ProgressiveScaleHook(Hook):
    """Train the first levels of a cascade alone for a while, then all.

    *Chosen here*: most of what can be gained at x16 is gained at the lower
    scales, whose levels cost a small part of the whole, and the later levels
    begin as bicubic interpolation. The ground truth is shrunk to the scale
    that is trained; validation is always at the full scale.

    For models with a ``train_scale``, such as ``WindowVSR`` with a
    ``DKSANNet``.

    Args:
        scale (int): Scale of the levels that are trained first, e.g. 4.
        until (int | float): Iterations with these levels alone; a number
            below 1 is a share of the training's iterations.

    Raises:
        ValueError: If ``until`` is negative or no whole number; when training
            begins, if the network has no level of this scale.
    """

    def __init__(self, scale: int, until: int | float) -> None:
        if until < 0:
            raise ValueError(f'until must be >= 0, got {until}')
        if until > 1 and until != int(until):
            raise ValueError('until must be a whole number of iterations or '
                             f'a share below 1, got {until}')
        self.scale, self.until = scale, until

    def before_train(self, runner) -> None:
        """Check that the network has such a level."""
        scales = getattr(_model(runner).generator, 'level_scales', ())
        if self.scale not in scales:
            raise ValueError(f'scale must be one of {scales}, those of the '
                             f"network's levels, got {self.scale}")
        self._warn(runner)

    def after_train(self, runner) -> None:
        """Say once more what has not been trained."""
        self._warn(runner)

    def _end(self, runner) -> int:
        """Return the first iteration in which all levels are trained."""
        share = 0 < self.until < 1
        return round(self.until * (runner.max_iters if share else 1))

    def _warn(self, runner) -> None:
        end = self._end(runner)
        if runner.max_iters <= end:
            runner.logger.warning(
                f'The training ends at iteration {runner.max_iters}, before '
                f'all levels are trained (from iteration {end} on): '
                f'the levels above x{self.scale} stay untrained. A longer '
                "train_cfg.max_iters or a smaller 'until' of "
                'ProgressiveScaleHook trains them.')

    def before_train_iter(self,
                          runner,
                          batch_idx: int,
                          data_batch: dict | None = None) -> None:
        """Choose the scale; after a resume too, the iteration decides."""
        end = self._end(runner)
        early = batch_idx < end
        _model(runner).train_scale = self.scale if early else None
        if batch_idx == end:
            runner.logger.info('all levels are trained from now on')


def _model(runner):
    model = runner.model
    return model.module if is_model_wrapper(model) else model

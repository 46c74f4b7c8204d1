# Copyright (c) DKSAN-MM contributors.
"""Progressive training of a cascade, first levels first."""

from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper


@HOOKS.register_module()
class ProgressiveScaleHook(Hook):
    """Train only the first levels of a cascade at first, then all.

    *Chosen here*: most of the gain at x16 comes from the lower scales, whose
    levels have a small share of the cost, and later levels start as bicubic
    interpolation. The ground truth is downscaled to the trained scale;
    validation always uses the full scale.

    This is for models with a ``train_scale``, such as ``WindowVSR`` with a
    ``DKSANNet``.

    Args:
        scale (int): Scale factor of the levels trained first, e.g. 4.
        until (int | float): Number of iterations with only these levels, or,
            below 1, their share of all iterations; 0 for any network.

    Raises:
        ValueError: If ``until`` is negative or not an integer; at the start of
            training, if the network has no level of this scale.
    """

    def __init__(self, scale: int, until: int | float) -> None:
        if until < 0:
            raise ValueError(f'until must be >= 0, got {until}')
        if until > 1 and until != int(until):
            raise ValueError('until must be a whole number of iterations or '
                             f'a share below 1, got {until}')
        self.scale, self.until = scale, until

    def before_train(self, runner) -> None:
        """Check that the network has a level of this scale."""
        scales = getattr(_model(runner).generator, 'level_scales', ())
        if self.until and self.scale not in scales:
            raise ValueError(f'scale must be one of {scales}, those of the '
                             f"network's levels, got {self.scale}; "
                             'default_hooks.progressive.until=0 trains the '
                             'whole network from the start')
        self._warn(runner)

    def after_train(self, runner) -> None:
        """Warn again if some levels have not been trained."""
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
        """Choose the scale by the iteration, also after resuming."""
        end = self._end(runner)
        early = batch_idx < end
        _model(runner).train_scale = self.scale if early else None
        if batch_idx == end:
            runner.logger.info('all levels are trained from now on')


def _model(runner):
    model = runner.model
    return model.module if is_model_wrapper(model) else model

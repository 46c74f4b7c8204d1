# Copyright (c) DKSAN-MM contributors.
"""Learning rates of a resumed training whose config has changed."""
import warnings
from collections.abc import Mapping
from typing import Any

# Entries of a scheduler's state that are its progress or follow from the
# optimizer. All others are settings.
_DERIVED = ('last_step', '_global_step', '_last_value', 'base_values')


def uneven_end(config: Mapping[str, Any]) -> str | None:
    """Return a note if schedules do not end with the training, or None.

    If only the length is changed, training continues at the schedule's final
    learning rate, or stops before the rate has decayed.

    Args:
        config (Mapping): Config with ``train_cfg`` and ``param_scheduler``.
    """
    length = config['train_cfg'].get('max_iters')
    schedulers = config.get('param_scheduler') or []
    if isinstance(schedulers, Mapping):
        schedulers = [schedulers]
    ends = {
        f'param_scheduler.{number}.{key}': scheduler[key]
        for number, scheduler in enumerate(schedulers)
        for key in ('end', 'T_max') if not scheduler.get('by_epoch', True)
        and isinstance(scheduler.get(key), int)
    }
    if not ends or not length or max(ends.values()) == length:
        return None
    name = max(ends, key=ends.__getitem__)
    what = 'the learning rate is constant after that' if ends[name] < length \
        else 'the learning rate does not reach its final value'
    return (f'{name} is {ends[name]}, but train_cfg.max_iters is {length}: '
            f'{what}')


class Schedule:
    """Settings of a Runner's optimizer and schedulers from its config.

    Checkpoints contain such settings too, by which mmengine silently replaces
    those of the config: a training resumed with more iterations would keep the
    learning rates of the short one.

    Args:
        runner (Runner): mmengine Runner, ready to train but not yet resumed.
    """

    def __init__(self, runner) -> None:
        self.groups = [
            _without(group, ['params'])
            for group in runner.optim_wrapper.param_groups
        ]
        self.schedulers = [dict(s.state_dict()) for s in _schedulers(runner)]

    def follow(self, runner) -> list[str]:
        """Apply the config's settings to a resumed Runner.

        Learning rates become those of a training with these settings.

        Args:
            runner (Runner): The same Runner after resuming.

        Returns:
            list[str]: Settings that differ from the checkpoint's, such as
            ``'LinearLR.end'``. If there are none, nothing is changed.

        Raises:
            ValueError: If the checkpoint is of another optimizer.
        """
        groups = runner.optim_wrapper.param_groups
        self._check_kind(runner.optim_wrapper)
        schedulers = _schedulers(runner)
        changed = [
            name for own, group in zip(self.groups, groups)
            for name in _differences(own, group, ['lr', 'params'])
        ]
        for own, scheduler in zip(self.schedulers, schedulers):
            kind = type(scheduler).__name__
            changed += [
                f'{kind}.{name}'
                for name in _differences(own, scheduler.state_dict(), _DERIVED)
            ]
        if changed:
            for own, group in zip(self.groups, groups):
                group.update(own)
            for own, scheduler in zip(self.schedulers, schedulers):
                scheduler.load_state_dict(dict(own))
            _forward(schedulers, runner)
        return sorted(set(changed))

    def _check_kind(self, wrapper: Any) -> None:
        """Reject loaded parameter groups without the optimizer's settings."""
        optimizer = getattr(wrapper, 'optimizer', None)
        wanted = getattr(optimizer, 'defaults', {})
        for own, group in zip(self.groups, wrapper.param_groups):
            # torch adds defaults when it loads a state.
            missing = sorted((wanted.keys() & own.keys()) - group.keys())
            if missing:
                raise ValueError('the checkpoint is of another optimizer than '
                                 f'{type(optimizer).__name__}: it has no '
                                 f'{", ".join(missing)}')


def _schedulers(runner) -> list:
    found = runner.param_schedulers
    return found if isinstance(found, list) else []


def _forward(schedulers: list, runner) -> None:
    """Step schedulers to the current iteration, without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for steps, by_epoch in ((runner.epoch, True), (runner.iter, False)):
            chosen = [s for s in schedulers if s.by_epoch is by_epoch]
            for _ in range(steps if chosen else 0):
                for scheduler in chosen:
                    scheduler.step()


def _without(settings: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {key: v for key, v in settings.items() if key not in names}


def _differences(own: dict[str, Any], other: dict[str, Any],
                 ignored: Any) -> list[str]:
    return [
        key for key in own
        if key not in ignored and (key not in other or own[key] != other[key])
    ]

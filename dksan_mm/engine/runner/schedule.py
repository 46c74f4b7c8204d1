# Copyright (c) DKSAN-MM contributors.
"""Learning rates of a resumed training, where its config has changed."""
import warnings
from collections.abc import Mapping
from typing import Any

# Of a scheduler's state, what tells how far it is, or follows from the
# optimizer. All else is its settings.
_DERIVED = ('last_step', '_global_step', '_last_value', 'base_values')


def uneven_end(config: Mapping[str, Any]) -> str | None:
    """Return a sentence if rates do not end with the training, or None.

    Who changes the length alone trains on at the schedule's last rate, or
    stops before rates have fallen.

    Args:
        config (Mapping): A config with ``train_cfg`` and ``param_scheduler``.
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
    what = 'rates stay as they are from there on' if ends[name] < length \
        else 'rates do not fall to their end'
    return (f'{name} is {ends[name]}, but train_cfg.max_iters is {length}: '
            f'{what}')


class Schedule:
    """Settings of a Runner's optimizer and schedulers, as its config says.

    A checkpoint holds such settings too, and mmengine puts them in place of
    the config's, without a word: a training that is resumed to be longer would
    end with the rates of the short one.

    Args:
        runner (Runner): mmengine's, ready to train and not yet resumed.
    """

    def __init__(self, runner) -> None:
        self.groups = [
            _without(group, ['params'])
            for group in runner.optim_wrapper.param_groups
        ]
        self.schedulers = [dict(s.state_dict()) for s in _schedulers(runner)]

    def follow(self, runner) -> list[str]:
        """Give a resumed Runner the config's settings.

        Rates become those of a training that had them from the start.

        Args:
            runner (Runner): As before, resumed.

        Returns:
            list[str]: Settings that differ from the checkpoint's, such as
            ``'LinearLR.end'``; nothing is changed if there are none.
        """
        groups = runner.optim_wrapper.param_groups
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


def _schedulers(runner) -> list:
    found = runner.param_schedulers
    return found if isinstance(found, list) else []


def _forward(schedulers: list, runner) -> None:
    """Step as often as the training has; mmengine warns that it has not."""
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

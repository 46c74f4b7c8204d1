# Copyright (c) DKSAN-MM contributors.
"""Check of the values of a config that make no sense in any training.

The libraries accept some of them in silence: with a negative ``max_norm``
gradients change their sign, and with ``max_iters=0`` nothing is trained.
"""
import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from dksan_mm.utils.errors import UserError


class _Kind(NamedTuple):
    name: str
    fits: Callable[[Any], bool]


_COUNT = _Kind('a whole number of at least 1',
               lambda value: value >= 1 and float(value).is_integer())
_COUNT_OR_0 = _Kind('a whole number of at least 0',
                    lambda value: value >= 0 and float(value).is_integer())
_FACTOR = _Kind('a finite number of at least 0',
                lambda value: value >= 0 and math.isfinite(value))
_ABOVE_0 = _Kind('a number above 0', lambda value: value > 0)
_MOMENTUM = _Kind('between 0 and 1', lambda value: 0 < value < 1)

# Patterns of dotted keys; the first that matches counts.
_KINDS = {
    'train_cfg.max_iters': _COUNT,
    'train_cfg.max_epochs': _COUNT,
    'train_cfg.val_interval': _COUNT,
    '*_dataloader*.batch_size': _COUNT,
    '*_dataloader*.num_workers': _COUNT_OR_0,
    '*_dataloader*.prefetch_factor': _COUNT,
    'optim_wrapper.accumulative_counts': _COUNT,
    'optim_wrapper.*max_norm': _ABOVE_0,  # inf: no clipping
    'optim_wrapper.*.lr': _FACTOR,
    'optim_wrapper.*weight_decay': _FACTOR,
    'optim_wrapper.*_mult': _FACTOR,
    'model.*_loss.*_weight': _FACTOR,
    'model.data_preprocessor.std.*': _ABOVE_0,
    'default_hooks.ema.momentum': _MOMENTUM,
    'log_processor.window_size': _COUNT,
    'randomness.seed': _COUNT_OR_0,
}


def check_values(config: Mapping[str, Any]) -> None:
    """Reject numbers that make no sense, wherever they were set.

    Values of None, and whatever the table does not know, are left to the
    classes.

    Args:
        config (Mapping): The whole config.

    Raises:
        UserError: If there is one; names its key.
    """
    for key, value in leaves(config):
        kind = next(
            (kind
             for pattern, kind in _KINDS.items() if fnmatchcase(key, pattern)),
            None)
        if kind and value is not None and not _fits(value, kind):
            raise UserError(f'{key} must be {kind.name}, got {value!r}')


def _fits(value: Any, kind: _Kind) -> bool:
    return isinstance(
        value,
        numbers.Real) and not isinstance(value, bool) and kind.fits(value)


def leaves(config: Any) -> Iterator[tuple[str, Any]]:
    """Yield those of the :func:`parts` that are neither dicts nor lists."""
    for key, value in parts(config):
        if not isinstance(value, (Mapping, list, tuple)):
            yield key, value


def parts(value: Any, prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys and the values of everything in a config.

    Args:
        value (Any): Config, or a part of it.
        prefix (str): Dotted key of the part.

    Yields:
        tuple[str, Any]: Dotted key, with indices of lists, and value; dicts
        and lists come before their items.
    """
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    for key, part in items:
        place = f'{prefix}.{key}'.strip('.')
        yield place, part
        yield from parts(part, place)

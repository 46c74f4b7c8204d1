# Copyright (c) DKSAN-MM contributors.
"""``--cfg-options``: check of keys and of the types of values."""
import argparse
import inspect
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.config import DictAction

from dksan_mm.utils.errors import UserError
from .config_keys import FREE, KNOWN, READ, SPECIAL, TOP, suggestion
from .config_values import leaves


class OptionAction(DictAction):
    """mmengine's ``DictAction`` with an error for values without ``=``."""

    def __call__(self,
                 parser: argparse.ArgumentParser,
                 namespace: argparse.Namespace,
                 values: Sequence[str],
                 option_string: str | None = None) -> None:
        for value in values:
            key, equals, _ = value.partition('=')
            if not equals or not key:
                parser.error(f'{option_string} takes KEY=VALUE without '
                             f'spaces, got {value!r}')
        before = getattr(namespace, self.dest, None) or {}
        try:
            super().__call__(parser, namespace, values, option_string)
        except (ValueError, AssertionError, RecursionError) as error:
            reason = 'brackets must enclose the whole value' if isinstance(
                error, RecursionError) else error
            parser.error(f'{option_string}: {" ".join(values)!r} cannot be '
                         f'read ({reason})')
        setattr(namespace, self.dest, {
            **before,
            **getattr(namespace, self.dest)
        })


class Place(NamedTuple):
    """A key in a dict that names a class, possibly an argument of the class.

    Attributes:
        option (str): Option as on the command line.
        kind (str | type): The class, or its name in a registry.
        key (str): Last part of the option.
        known (tuple[str, ...]): Existing keys of the dict.
    """
    option: str
    kind: Any
    key: str
    known: tuple[str, ...]


def check_options(config: Mapping[str, Any],
                  options: Mapping[str, Any]) -> list[Place]:
    """Reject keys that nothing reads and values of the wrong type.

    Args:
        config (dict): The config without the options.
        options (dict[str, Any]): Values by dotted key.

    Returns:
        list[Place]: Keys that only their classes can check; see
        :func:`check_arguments`.

    Raises:
        UserError: If a key or value is wrong; names the most similar key.
    """
    places = []
    for option, value in options.items():
        place = _check(config, option, value, options)
        places += [place] if place else []
    return places


def _check(config: Mapping[str, Any], option: str, value: Any,
           options: Mapping[str, Any]) -> Place | None:
    parts, here, name = option.split('.'), config, ''
    for depth, part in enumerate(parts):
        if isinstance(here, (list, tuple)):
            _check_index(option, part, here)
            here = here[int(part)]
            continue
        if not isinstance(here, Mapping):
            # A new dict in place of None or a value needs a type.
            if here is None and f'{".".join(parts[:depth])}.type' in options:
                return None
            raise UserError(f'--cfg-options {option}: '
                            f'{".".join(parts[:depth])} has no parts, its '
                            f'value is {here!r}')
        if part not in here or not depth:
            prefix = '.'.join(parts[:depth])
            if f'{prefix}.{part}.type'.strip('.') in options:
                return None
            place = _find_key(config, option, part, here, name, prefix)
            if part not in here:
                kind = options.get(f'{prefix}.type')
                return place and (place._replace(kind=kind) if kind else place)
        if not part.isdecimal():
            name = part
        here = here[part]
    _check_value(option, here, value)
    return None


def _check_index(option: str, part: str, here: Sequence[Any]) -> None:
    if not part.isdecimal() or int(part) >= len(here):
        raise UserError(f'--cfg-options {option}: {part!r} is not an index of '
                        f'a list of length {len(here)}; indices begin at 0')
    if isinstance(here, tuple):  # mmengine replaces items of lists only
        whole = option[:option.rindex(f'.{part}')]
        raise UserError(f'--cfg-options {option}: give all {len(here)} values,'
                        f' as in {whole}={str(list(here)).replace(" ", "")}')


def _find_key(config: Mapping[str, Any], option: str, part: str,
              here: Mapping[str, Any], name: str, prefix: str) -> Place | None:
    """Accept a key, leave its check to its class, or refuse it."""
    if not prefix:
        if part in TOP:
            return None
        if part in here:
            # A variable of the config: changing it later has no effect.
            if part not in READ:
                _refuse_variable(config, option)
            return None
        hint = option == part and settings_called(config, option)
        if hint:
            raise UserError(f'--cfg-options {option}: there is no {part} at '
                            f'the top of the config{hint}')
        _refuse(option, part, [*here, *TOP])
    if name == 'default_hooks' and option != f'{prefix}.{part}':
        _refuse(option, part, here, prefix)  # a new hook has a type
    if part in SPECIAL or part in KNOWN.get(name, ()) or name in FREE:
        return None
    if here.get('type') is not None:
        return Place(option, here['type'], option[len(prefix) + 1:],
                     (*here, *KNOWN.get(name, ())))
    _refuse(option, part, [*here, *KNOWN.get(name, ())], prefix)
    return None


def _refuse_variable(config: Mapping[str, Any], option: str) -> None:
    raise UserError(f'--cfg-options {option}: has no effect, it is a variable '
                    'that the config was made with'
                    f'{settings_called(config, option)}')


def settings_called(config: Mapping[str, Any], option: str) -> str:
    """Return a hint at settings with the name of an option, or ''."""
    others = sorted(key for key, _ in leaves(config)
                    if key.rpartition('.')[2] == option.rpartition('.')[2]
                    and key != option and key.partition('.')[0] in TOP)
    return f'; set {", ".join(others[:3])}' if others else ''


def _refuse(option: str,
            part: str,
            known: Iterable[str],
            prefix: str = '') -> None:
    where = f' in {prefix}' if prefix else ''
    raise UserError(f'--cfg-options {option}: there is no {part}{where}'
                    f'{suggestion(part, known)}')


def _check_value(option: str, old: Any, new: Any) -> None:
    """Reject text instead of a number, and an item instead of a list."""
    if isinstance(new, str) and isinstance(old, (numbers.Number, bool)):
        kind = 'True or False' if isinstance(old, bool) else 'a number'
        raise UserError(f'--cfg-options {option}: must be {kind}, such as '
                        f'{old}, got {new!r}')
    if _is_list_of_numbers(old) and isinstance(new, numbers.Number):
        raise UserError(f'--cfg-options {option}: must be a list, such as '
                        f'{str(list(old)).replace(" ", "")}, got {new!r}')
    if isinstance(
            old, Mapping) and new is not None and not isinstance(new, Mapping):
        raise UserError(f'--cfg-options {option}: has parts, such as '
                        f'{option}.{next(iter(old), "type")}; name one of '
                        'them')


def _is_list_of_numbers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(
        isinstance(item, numbers.Number) for item in value)


def check_arguments(places: Iterable[Place]) -> None:
    """Reject keys that the classes of a config do not accept.

    Args:
        places (Iterable[Place]): Result of :func:`check_options`; the modules
            that register the classes must be imported.

    Raises:
        UserError: If a key is wrong; names the most similar key.
    """
    for place in places:
        kind = _find_class(place.kind)
        first = place.key.split('.')[0]  # the class itself reads the others
        accepted = _arguments(kind) if kind else None
        if accepted is None or first in accepted:
            continue
        _refuse(place.option, first, accepted | set(place.known),
                place.option[:-len(place.key) - 1])


def _find_class(kind: Any) -> type | None:
    """Find a class by its name in any registry; None if not found."""
    if not isinstance(kind, str):
        return kind
    return registered_classes().get(kind)


def registered_classes() -> dict[str, Any]:
    """Return everything in mmagic's and mmengine's registries, by name."""
    from mmagic import registry as own
    from mmengine import registry as root
    from mmengine.registry import Registry
    classes: dict[str, Any] = {}
    for module in (root, own):  # mmagic's hide mmengine's
        for found in reversed(vars(module).values()):
            if isinstance(found, Registry):
                classes.update(found.module_dict)
    return classes


def _arguments(kind: Any) -> set[str] | None:
    """Return the names of a class's arguments; None if it takes any."""
    names: set[str] = set()
    classes = kind.__mro__ if inspect.isclass(kind) else (kind, )
    takes_more = False
    for cls in classes:
        if cls is object:
            return None if takes_more else names
        if inspect.isclass(cls) and '__init__' not in vars(cls):
            continue
        try:
            parameters = inspect.signature(cls).parameters.values()
        except (TypeError, ValueError):
            return None
        names |= {
            p.name
            for p in parameters
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        }
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names
        takes_more = True  # the rest goes to its base class
    return None

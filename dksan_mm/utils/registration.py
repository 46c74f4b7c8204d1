# Copyright (c) DKSAN-MM contributors.
"""Deferred registration of classes in mmagic's registries.

mmagic takes ten seconds to import, and upscaling does not need it. A class is
therefore registered when something else imports mmagic, such as the
``default_scope`` of a config, or at once if mmagic is already imported.
"""
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar

Call = Callable[[ModuleType], object]
Class = TypeVar('Class', bound=type)

_waiting: defaultdict[str, list[Call]] = defaultdict(list)


def register(registry: str) -> Callable[[Class], Class]:
    """Register the decorated class in one of mmagic's registries.

    Args:
        registry (str): Name in ``mmagic.registry``, such as 'MODELS'.

    Returns:
        Callable: A decorator that returns the class unchanged.
    """

    def decorate(kind: Class) -> Class:
        when_imported(
            'mmagic.registry', lambda module: getattr(module, registry).
            register_module(module=kind))
        return kind

    return decorate


def register_module(registry: str, name: str) -> None:
    """Make one of mmagic's registries import a module before any look-up.

    This is for modules that import mmagic themselves.

    Args:
        registry (str): Name in ``mmagic.registry``, such as 'MODELS'.
        name (str): Full name of the module.
    """

    def add(module: ModuleType) -> None:
        found = getattr(module, registry)
        if found._imported:  # it will not import its locations again
            import_module(name)
        else:
            found._locations.append(name)

    when_imported('mmagic.registry', add)


def when_imported(name: str, call: Call) -> None:
    """Call a function with a module once it has been imported.

    Nothing is imported here. Errors of the function are raised where the
    module is imported.

    Args:
        name (str): Full name of the module.
        call (Callable): The function; called at once if the module is loaded.
    """
    module = sys.modules.get(name)
    if module is not None and not getattr(module.__spec__, '_initializing',
                                          False):
        call(module)
        return
    if not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())
    _waiting[name].append(call)


class _Watch(MetaPathFinder):
    """Finds no modules, but notices when an awaited module is imported."""

    def find_spec(self,
                  name: str,
                  path: Sequence[str] | None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        """Let the other finders find it, and extend its loader."""
        if name not in _waiting:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(
                name, path, target)
            if spec is not None:
                _call_after(spec)
                return spec
        return None


def _call_after(spec: ModuleSpec) -> None:
    """Make a module's loader run the waiting calls after the module."""
    loader: Any = spec.loader
    load = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module  # an attribute of this loader alone
        load(module)
        for call in _waiting.pop(spec.name, ()):
            call(module)

    loader.exec_module = exec_module

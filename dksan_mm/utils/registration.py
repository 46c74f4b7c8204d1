# Copyright (c) DKSAN-MM contributors.
"""Classes in mmagic's registries, as soon as there are registries.

mmagic takes ten seconds to import, and upscaling does without it. A class is
therefore registered when somebody else imports mmagic, such as a config's
``default_scope``: at once if that has happened already.
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
    """Decorate a class that one of mmagic's registries shall hold.

    Args:
        registry (str): Its name in ``mmagic.registry``, such as 'MODELS'.

    Returns:
        Callable: A decorator that returns the class as it is.
    """

    def decorate(kind: Class) -> Class:
        when_imported(
            'mmagic.registry', lambda module: getattr(module, registry).
            register_module(module=kind))
        return kind

    return decorate


def register_module(registry: str, name: str) -> None:
    """Let one of mmagic's registries import a module before it is searched.

    For modules that import mmagic themselves.

    Args:
        registry (str): Its name in ``mmagic.registry``, such as 'MODELS'.
        name (str): The module's full name.
    """

    def add(module: ModuleType) -> None:
        found = getattr(module, registry)
        if found._imported:  # what it knows, and will not look again
            import_module(name)
        else:
            found._locations.append(name)

    when_imported('mmagic.registry', add)


def when_imported(name: str, call: Call) -> None:
    """Call a function with a module, once it has been imported.

    Nothing is imported here. What the function raises is raised where the
    module is imported.

    Args:
        name (str): The module's full name.
        call (Callable): Called at once if the module is there.
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
    """Finds nothing itself; notices when a module is that is waited for."""

    def find_spec(self,
                  name: str,
                  path: Sequence[str] | None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        """Let the other finders find the module, and its loader call."""
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
    """Have a module's loader call what waits, when it has run the module."""
    loader: Any = spec.loader
    load = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module  # an attribute of this loader alone
        load(module)
        for call in _waiting.pop(spec.name, ()):
            call(module)

    loader.exec_module = exec_module

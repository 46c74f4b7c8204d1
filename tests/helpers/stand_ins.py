# Copyright (c) DKSAN-MM contributors.
"""Stand-ins for packages that are not installed or need large weights."""
import sys
import types


def install(monkeypatch, name, **members):
    """Put a module and its parent packages into ``sys.modules``.

    Args:
        monkeypatch: pytest's, which takes it out again.
        name (str): The module's full name.
        **members: What it holds.
    """
    parents = name.split('.')[:-1]
    for depth in range(len(parents)):
        parent = '.'.join(parents[:depth + 1])
        if parent not in sys.modules:
            package = types.ModuleType(parent)
            package.__path__ = []
            monkeypatch.setitem(sys.modules, parent, package)
    module = types.ModuleType(name)
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, name, module)
    return module

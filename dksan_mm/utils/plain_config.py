# Copyright (c) DKSAN-MM contributors.
"""Configs of this project, read without mmengine."""
import os
import runpy
from pathlib import Path
from typing import Any


def read_model(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read ``model`` of a config and of those that it is based on.

    Args:
        path (str | PathLike): A config. Those of other packages that it is
            based on, such as ``mmagic::...``, are left out.

    Returns:
        dict: As mmengine merges it; empty if there is none.
    """
    content = runpy.run_path(os.fspath(path))
    bases = content.get('_base_', [])
    model: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases:
        if '::' not in base:
            model = _merge(model, read_model(Path(path).parent / base))
    return _merge(model, content.get('model', {}))


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Change a dict, and dicts in it, key by key."""
    changes = dict(changes)
    merged = {} if changes.pop('_delete_', False) else dict(base)
    for key, value in changes.items():
        if isinstance(value, dict):
            before = merged.get(key)
            value = _merge(before if isinstance(before, dict) else {}, value)
        merged[key] = value
    return merged

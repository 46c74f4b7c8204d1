# Copyright (c) DKSAN-MM contributors.
"""Reading of this project's configs without mmengine."""
import os
import runpy
from pathlib import Path
from typing import Any


def read_model(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read ``model`` of a config and of its base configs.

    Args:
        path (str | PathLike): Path of a config. Its bases in other packages,
            such as ``mmagic::...``, are ignored.

    Returns:
        dict: The model, merged as by mmengine; empty if there is none.
    """
    content = runpy.run_path(os.fspath(path))
    bases = content.get('_base_', [])
    model: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases:
        if '::' not in base:
            model = _merge(model, read_model(Path(path).parent / base))
    return _merge(model, content.get('model', {}))


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Update a dict and its nested dicts, key by key."""
    changes = dict(changes)
    merged = {} if changes.pop('_delete_', False) else dict(base)
    for key, value in changes.items():
        if isinstance(value, dict):
            before = merged.get(key)
            value = _merge(before if isinstance(before, dict) else {}, value)
        merged[key] = value
    return merged

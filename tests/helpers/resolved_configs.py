# Copyright (c) DKSAN-MM contributors.
"""Values of the configs with all their bases, as a file keeps them.

``python tests/helpers/resolved_configs.py`` writes that file again, when they
are to change; its difference shows which have.
"""
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / 'tests' / 'resolved_configs.json'
BASE = 'dksan_vid3oc_x16'  # the others are kept as differences from it


def leaves(value: Any, prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values; empty dicts and lists are values."""
    items = value.items() if isinstance(value, dict) else enumerate(value) \
        if isinstance(value, (list, tuple)) else ()
    if not items or not value:
        yield prefix, list(value) if isinstance(value, tuple) else value
        return
    for key, part in items:
        yield from leaves(part, f'{prefix}.{key}' if prefix else str(key))


def resolve() -> dict[str, dict[str, Any]]:
    """Return all values of the base, and those of others that differ.

    A value that a config lacks is ``'absent'`` there.
    """
    configs = {
        path.stem:
        dict(
            leaves(
                Config.fromfile(path, import_custom_modules=False).to_dict()))
        for path in sorted((ROOT / 'configs').glob('*/**/*.py'))
        if '_base_' not in path.parts
    }
    base = configs[BASE]
    kept = {BASE: base}
    for name, config in configs.items():
        if name != BASE:
            keys = [*config, *(key for key in base if key not in config)]
            kept[name] = {
                key: config.get(key, 'absent')
                for key in keys
                if config.get(key, 'absent') != base.get(key, 'absent')
            }
    return kept


if __name__ == '__main__':
    PATH.write_text(json.dumps(resolve(), indent=1) + '\n')

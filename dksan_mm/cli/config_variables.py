# Copyright (c) DKSAN-MM contributors.
"""Variables of a config file that look like settings but are none."""
import ast
import difflib
from pathlib import Path

from mmengine.config import Config

from dksan_mm.utils.errors import UserError
from .config_keys import READ, TOP
from .config_options import settings_called
from .config_values import parts


def check_variables(path: str, config: Config) -> None:
    """Reject variables that look like settings and that nothing reads.

    Args:
        path (str): Path of the config file; its base files are not looked at.
        config (Config): The loaded config.

    Raises:
        UserError: If there is one, such as ``data_root`` next to datasets
            with their own, or ``optim_wraper``; names the settings.
    """
    try:
        parsed = ast.parse(Path(path).read_text(encoding='utf-8'))
    except (ValueError, SyntaxError):  # another format
        return
    names = [node for node in ast.walk(parsed) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    known = {*TOP, *READ}
    for name in {node.id for node in names} - read - known:
        near = difflib.get_close_matches(name, TOP, 1, 0.9)
        if near and name in config and not _is_item(config, name, near[0]):
            raise UserError(f'the config {path}: {name} has no effect, as '
                            f'nothing reads it; did you mean {near[0]}?')
        settings = settings_called(dict(config.items()), name)
        values = [
            value for key, value in parts(dict(config.items()))
            if key.endswith(f'.{name}')
        ]
        # In a config that mmengine wrote, the setting has its value already.
        if settings and name in config and config[name] not in values:
            raise UserError(f'the config {path}: {name} has no effect, as '
                            f'nothing reads it{settings}')


def _is_item(config: Config, name: str, setting: str) -> bool:
    """Return whether a setting lists a variable: a, b in ``[a, b]``."""
    value = config.get(setting)
    return isinstance(value, (list, tuple)) and config[name] in value

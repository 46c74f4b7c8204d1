# Copyright (c) DKSAN-MM contributors.
"""Programs of tools/ as modules; nothing of OpenMMLab is imported."""
import importlib.util
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def load_tool(name):
    """Load tools/NAME.py as a module."""
    spec = importlib.util.spec_from_file_location(f'{name}_tool',
                                                  TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

# Copyright (c) DKSAN-MM contributors.
"""The rooms of the package: imports, import time, and quick tests."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / 'dksan_mm'
# From the ground up. A room imports from itself and from floors below.
FLOORS = (
    ('utils', ),
    ('io', 'ops'),
    ('engine', 'evaluation', 'datasets', 'prepare'),
    ('models', ),
    ('inference', ),
    ('apis', ),
    ('cli', ),
    ('analysis', ),
    ('comparison', ),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Rooms and modules that tools import before they have checked their input.
QUICK = ('io.files', 'io.locks', 'io.video.readers', 'io.video.writers',
         'prepare.writer', 'prepare.verify', 'cli.launch', 'cli.jobs',
         'cli.data_checks', 'engine.runner.scaling',
         'evaluation.functional.image_quality', 'comparison.request',
         'utils.resize')
# What upscaling a video imports: nothing of OpenMMLab, no image library.
LIGHT = ('cli.commands', 'cli.job_checks', 'utils.running', 'apis', 'models',
         'inference', 'io.video.readers', 'io.video.writers', 'utils.progress')


def name_of(path):
    parts = ['dksan_mm', *path.relative_to(PACKAGE).with_suffix('').parts]
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob('*.py'))}


def imported_by(module):
    """Return all modules of the package that a module imports."""
    parts = module.split('.')
    package = parts if MODULES[module].name == '__init__.py' else parts[:-1]
    return names_in(ast.parse(MODULES[module].read_text()), package)


def names_in(tree, package=()):
    """Return modules of the package that code in ``package`` imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[:len(package) + 1 - node.level]
            base = '.'.join(
                [*(above if node.level else []), *filter(None, [node.module])])
            names = [f'{base}.{alias.name}' for alias in node.names]
            names = [name if name in MODULES else base for name in names]
        else:
            continue
        yield from (name for name in names if name in MODULES)


IMPORTS = {module: set(imported_by(module)) for module in MODULES}


def test_every_folder_of_the_package_is_a_room_and_has_a_floor():
    folders = {
        path.name
        for path in PACKAGE.iterdir() if any(path.glob('*.py'))
    }
    assert folders == set(FLOOR)
    assert [path.name for path in PACKAGE.glob('*.py')] == ['__init__.py']
    for folder in {path.parent for path in MODULES.values()}:
        assert (folder / '__init__.py').is_file(), folder


@pytest.mark.parametrize('room', FLOOR)
def test_a_room_imports_from_floors_below(room):
    upwards = [
        f'{module} imports {name}' for module in MODULES
        if module.split('.')[1:2] == [room] for name in IMPORTS[module]
        if name != 'dksan_mm' and name.split('.')[1] != room
        and FLOOR[name.split('.')[1]] >= FLOOR[room]
    ]
    assert not upwards


def test_no_modules_import_one_another_in_a_circle():
    left = {
        module: {
            name
            for name in names
            # A package's own ``__init__`` gathers what lies in it.
            if not module.startswith(f'{name}.')
        }
        for module, names in IMPORTS.items()
    }
    while left:
        free = [
            module for module, names in left.items()
            if not names & left.keys()
        ]
        assert free, f'circles among {sorted(left)}'
        for module in free:
            del left[module]


@pytest.mark.parametrize('module', QUICK)
def test_what_tools_import_first_does_not_import_mmagic(module):
    code = (f'import sys, dksan_mm.{module}; '
            'print(*{"mmagic", "mmcv"} & sys.modules.keys())')
    done = subprocess.run([sys.executable, '-c', code],
                          cwd=PACKAGE.parent,
                          capture_output=True,
                          text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_upscaling_imports_nothing_of_openmmlab():
    names = ', '.join(f'dksan_mm.{module}' for module in LIGHT)
    code = (f'import sys, {names}; dksan_mm.load_model("bicubic"); '
            'print(*{"mmagic", "mmengine", "mmcv", "cv2", "PIL", "jinja2", '
            '"scipy"} & sys.modules.keys())')
    done = subprocess.run([sys.executable, '-c', code],
                          cwd=PACKAGE.parent,
                          capture_output=True,
                          text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


# `make test` leaves them out, or skips them without a GPU.
MARKS = ('slow', 'processes', 'gpu')


def is_marked(nodes):
    return any(f'mark.{mark}' in ast.unparse(node) for node in nodes
               for mark in MARKS)


def is_quick(path, tree):
    """Return whether `make test` runs a test of a file."""
    marks = [
        node.value for node in tree.body if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == 'pytestmark'
    ]
    return 'test_tools' not in path.parts and not is_marked(marks) and any(
        not is_marked(node.decorator_list) for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith('test_'))


def subjects_of(path, tree):
    """Return the module that a test file mirrors, and those it names."""
    parts = path.relative_to(TESTS).with_suffix('').parts
    yield '.'.join(
        ['dksan_mm', *(part.removeprefix('test_') for part in parts)])
    yield from names_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):  # as pytest.importorskip takes it
            yield node.value
        elif isinstance(node, ast.ImportFrom):
            yield from (source_of(node.module, alias.name)
                        for alias in node.names)


def source_of(module, name):
    """Return the module from which the package ``module`` gets a name."""
    if module not in MODULES or MODULES[module].name != '__init__.py':
        return module
    for node in ast.parse(MODULES[module].read_text()).body:
        if isinstance(node, ast.ImportFrom) and name in {
                alias.name
                for alias in node.names
        }:
            base = f'{module}.{node.module}' if node.level else node.module
            return source_of(base, name)
    return module


def test_every_module_has_a_quick_test():
    tested = set()
    for path in TESTS.rglob('test_*.py'):
        tree = ast.parse(path.read_text())
        if is_quick(path, tree):
            tested.update(subjects_of(path, tree))
    hidden = [
        module for module, path in MODULES.items()
        if path.name != '__init__.py' and module not in tested
    ]
    assert not hidden

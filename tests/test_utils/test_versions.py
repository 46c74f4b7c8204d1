# Copyright (c) DKSAN-MM contributors.
"""Wrong versions of packages are reported in one sentence."""

import configparser
import importlib.machinery
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from dksan_mm.utils import versions

ROOT = Path(__file__).parents[2]
PINS = dict(
    re.findall(r'^([\w-]+)==([^\s#]+)',
               (ROOT / 'requirements.txt').read_text(), re.M))


def _pretend(monkeypatch, found):
    """Pretend that packages have other versions; None: not installed."""
    real = versions.version

    def version(package):
        if package not in found:
            return real(package)
        if found[package] is None:
            raise PackageNotFoundError(package)
        return found[package]

    monkeypatch.setattr(versions, 'version', version)


@pytest.mark.parametrize('need', versions.OPENMMLAB)
def test_pip_is_told_the_same_ranges(need):
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    lines = config['options']['install_requires'].split('\n')
    lines += config['options.extras_require']['mmagic'].split('\n')
    told = map(Requirement, filter(None, lines))
    told = {one.name: one.specifier for one in told}[need.package]
    assert PINS[need.package] in told
    assert told in map(SpecifierSet,
                       (f'>={need.lowest},<{need.below}', f'=={need.lowest}'))


def test_the_installed_versions_pass():
    versions.check_torch()
    versions.check_openmmlab()


@pytest.mark.parametrize('need', versions.OPENMMLAB)
def test_the_pinned_versions_pass(need, monkeypatch):
    _pretend(monkeypatch, {need.package: PINS[need.package]})
    versions.check_openmmlab()


@pytest.mark.parametrize('package, found', [
    ('torch', '1.13.1'),
    ('numpy', '2.0.0'),
    ('numpy', '2.0.0rc1'),
    ('numpy', '2.1.3'),
    ('mmengine', '0.9.1'),
    ('mmcv', '2.2.0'),
    ('mmcv', '2.0.1'),
    ('mmcv', '1.7.2'),
    ('mmagic', '1.1.0'),
    ('mmagic', '1.3.0'),
])
def test_a_wrong_version_is_named_with_its_cure(package, found, monkeypatch):
    _pretend(monkeypatch, {package: found})
    with pytest.raises(ImportError) as caught:
        versions.check_openmmlab()
    message = str(caught.value)
    assert f'needs {package} ' in message
    assert f'{found} is installed' in message
    assert 'run `make setup`' in message
    assert '\n' not in message and message.endswith('.')


@pytest.mark.parametrize('found', ['2.11.0+cu130', '2.0', '2.12.0a0+git1'])
def test_builds_of_a_right_version_pass(found, monkeypatch):
    _pretend(monkeypatch, {'torch': found})
    versions.check_torch()


def test_a_missing_package_is_named(monkeypatch):
    _pretend(monkeypatch, {'mmagic': None})
    monkeypatch.setattr(versions, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='needs mmagic .* not installed'):
        versions.check_openmmlab()


def test_a_package_without_a_version_may_try(monkeypatch):
    _pretend(monkeypatch, {'torch': None})
    versions.check_torch()


def test_mmcv_without_compiled_operators_is_found(monkeypatch, tmp_path):
    (tmp_path / '__init__.py').touch()
    spec = importlib.machinery.ModuleSpec('mmcv', None, is_package=True)
    spec.submodule_search_locations.append(str(tmp_path))
    monkeypatch.setattr(versions, 'find_spec', lambda name: spec)
    with pytest.raises(ImportError, match='compiled operators'):
        versions.check_openmmlab()
    (tmp_path / '_ext.cpython-311-x86_64-linux-gnu.so').touch()
    versions.check_openmmlab()


def test_the_check_can_be_turned_off(monkeypatch):
    _pretend(monkeypatch, {'numpy': '2.1.3'})
    monkeypatch.setenv(versions.SKIP_VARIABLE, '1')
    versions.check_openmmlab()


def test_the_package_and_its_operators_are_light():
    code = ('import sys, dksan_mm.ops, dksan_mm.utils.versions as v; '
            'v.check_openmmlab(); '
            'print([m for m in ("mmagic", "mmcv", "mmengine") '
            'if m in sys.modules])')
    result = subprocess.run([sys.executable, '-c', code],
                            cwd=ROOT,
                            capture_output=True,
                            text=True,
                            check=True)
    assert result.stdout.strip() == '[]'

# Copyright (c) DKSAN-MM contributors.
"""Import paths of the set-up's modules, and a cache of their own."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / 'tools' / 'setup'))


@pytest.fixture(autouse=True)
def log(monkeypatch, tmp_path):
    """Use a cache in the test's folder; return its empty log."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    (tmp_path / 'xdg' / 'dksan_mm').mkdir(parents=True)
    path = tmp_path / 'xdg' / 'dksan_mm' / 'setup.log'
    path.touch()
    return path


@pytest.fixture
def script(tmp_path):
    """Write a shell script; return its path."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#!/bin/sh\n' + text)
        path.chmod(0o755)
        return path

    return write

# Copyright (c) DKSAN-MM contributors.
"""Bring the set-up's modules within reach, and their cache elsewhere."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / 'tools' / 'setup'))


@pytest.fixture(autouse=True)
def log(monkeypatch, tmp_path):
    """Keep the set-up's cache in the test's folder; its log, empty."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    (tmp_path / 'xdg' / 'dksan_mm').mkdir(parents=True)
    path = tmp_path / 'xdg' / 'dksan_mm' / 'setup.log'
    path.touch()
    return path


@pytest.fixture
def script(tmp_path):
    """Write a shell script; returns its path."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#!/bin/sh\n' + text)
        path.chmod(0o755)
        return path

    return write

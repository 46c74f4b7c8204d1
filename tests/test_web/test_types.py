# Copyright (c) DKSAN-MM contributors.
"""Types and lengths of the page's modules."""
import subprocess

import pytest
from helpers.web_page import WEB, missing


@pytest.mark.slow
@pytest.mark.processes
def test_the_types_fit():
    if missing():
        pytest.skip(missing())
    done = subprocess.run(['npm', 'run', '--silent', 'check'],
                          cwd=WEB,
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_are_short():
    modules = [*WEB.glob('src/*.js'), *WEB.glob('*.mjs')]
    assert len(modules) > 10
    for path in modules:
        assert len(path.read_text().splitlines()) <= 300, path


def test_packages_are_pinned_and_name_no_registry():
    text = (WEB / 'package-lock.json').read_text()
    assert '"integrity"' in text and '"resolved"' not in text

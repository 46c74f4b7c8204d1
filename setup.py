# Copyright (c) DKSAN-MM contributors.
"""Adds to a wheel what lies next to the package: configs, tools, weights.

Everything else is in setup.cfg. The links in ``dksan_mm/.mim``, by which an
editable installation finds them, are not there on every system.
"""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
RELEASE = ('model-index.yml', 'configs/**/*', 'weights/*.pth', 'tools/*.py')


class BuildWithRelease(build_py):
    """Copies the files into the folder where MIM looks."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for pattern in RELEASE:
            for path in filter(Path.is_file, ROOT.glob(pattern)):
                target = Path(self.build_lib, 'dksan_mm', '.mim',
                              path.relative_to(ROOT))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


setup(cmdclass=dict(build_py=BuildWithRelease))

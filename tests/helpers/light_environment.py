# Copyright (c) DKSAN-MM contributors.
"""Folders with only the packages of a light installation."""
import re
import sysconfig
from importlib import metadata
from pathlib import Path

SITE = Path(sysconfig.get_path('purelib'))
# What setup.cfg lists; whatever these need comes with them.
LIGHT = ('torch', 'numpy', 'av', 'filelock', 'rich')
FOREIGN = ('mmagic', 'mmengine', 'mmcv', 'cv2', 'PIL', 'scipy', 'safetensors',
           'ninja', 'torchvision')


def link_light_packages(folder: Path) -> None:
    """Link the light packages of this environment into a folder."""
    found = {
        _plain(one.metadata['Name']): one
        for one in metadata.distributions(path=[str(SITE)])
    }
    queue, seen = list(LIGHT), set()
    while queue:
        name = queue.pop()
        if name in seen or name not in found:
            continue
        seen.add(name)
        queue += [
            _plain(re.match('[A-Za-z0-9._-]+', need).group())
            for need in found[name].requires or () if 'extra ==' not in need
        ]
        for top in {file.parts[0] for file in found[name].files}:
            link = folder / top
            if (SITE / top).exists() and top != '..' and not link.exists():
                link.symlink_to(SITE / top)


def _plain(name: str) -> str:
    return re.sub('[-_.]+', '-', name).lower()

# Copyright (c) DKSAN-MM contributors.
"""``dksan_mm.ops`` needs only torch and imports nothing else."""
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]

# Refuses every package but torch, what torch itself requires, and ours.
ONLY_TORCH = """
import re, sys, warnings
from importlib import metadata

warnings.simplefilter('ignore')  # torch says that numpy is missing
distributions, queue = set(), ['torch']
while queue:
    name = re.sub('[-_.]+', '-', queue.pop()).lower()
    if name in distributions:
        continue
    distributions.add(name)
    try:
        requirements = metadata.requires(name) or ()
    except metadata.PackageNotFoundError:
        continue
    queue += [re.match('[A-Za-z0-9._-]+', text).group()
              for text in requirements if 'extra ==' not in text]
foreign = {
    module for module, owners in metadata.packages_distributions().items()
    if not {re.sub('[-_.]+', '-', o).lower() for o in owners} & distributions
} - {'dksan_mm'}
assert {'mmcv', 'mmengine', 'mmagic', 'numpy'} & foreign, foreign

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in foreign:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Refuse())
"""

TRAINING_STEP = """
import torch
from dksan_mm.ops import DeformKernelConv2d

layer = DeformKernelConv2d(4, 4)
layer(torch.randn(1, 4, 5, 6)).sum().backward()
assert all(p.grad is not None for p in layer.parameters())
"""


def run(code):
    done = subprocess.run([sys.executable, '-c', code],
                          cwd=ROOT,
                          capture_output=True,
                          text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light():
    loaded = run('import sys, dksan_mm, dksan_mm.ops\n'
                 'print(*sorted(sys.modules))').split()
    assert 'torch' in loaded
    heavy = {'mmcv', 'mmengine', 'mmagic', 'torchvision', 'cv2', 'scipy'}
    assert not heavy & set(loaded)


def test_package_itself_does_not_even_import_torch():
    loaded = run('import sys, dksan_mm\nprint(*sys.modules)').split()
    assert 'torch' not in loaded


def test_torch_alone_is_enough():
    run(ONLY_TORCH + TRAINING_STEP)

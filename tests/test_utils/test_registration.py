# Copyright (c) DKSAN-MM contributors.
"""Nothing of OpenMMLab is imported until other code imports it."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dksan_mm.utils.registration import when_imported

ROOT = Path(__file__).parents[2]
CLASSES = dict(
    MODELS=('DKSANNet', 'EDVRX16Net', 'BicubicNet', 'RealESRGANNet', 'DKSA',
            'DKCAlign', 'LightDKSA', 'RCAB', 'UpscaleX2', 'WindowGAN',
            'WindowVSR', 'DeformKernelConv2d'),
    MODEL_WRAPPERS=('PartsDataParallel', ),
    TASK_UTILS=('DKSANEvaluator', 'WholeWindowEvaluator'))
ORDERS = (
    'import dksan_mm.models, dksan_mm.inference',
    'import mmagic.registry, dksan_mm.models, dksan_mm.inference',
    'import mmagic.models, dksan_mm.models, dksan_mm.inference',
    *(f'from dksan_mm.models{place} import {name}; import dksan_mm.inference'
      for name, place in (('WindowVSR', ''), ('WindowGAN', ''),
                          ('PartsDataParallel', ''),
                          ('WindowVSR', '.window_vsr'),
                          ('WindowGAN', '.window_gan'),
                          ('train_in_parts', '.batch_parts'))),
)
# Runs programs in forks of a process that has imported what mmagic imports of
# others, which takes most of its ten seconds. Prints exit codes and outputs.
IN_FORKS = """
import json, os, sys, tempfile
import cv2, lpips, scipy.io, skimage.transform, torch, torchvision
from diffusers import EulerDiscreteScheduler, Transformer2DModel
from transformers import CLIPModel, CLIPTokenizer

assert not {'dksan_mm', 'mmagic', 'mmcv', 'mmengine'} & sys.modules.keys()
found = []
for program in sys.argv[1:]:
    with tempfile.TemporaryFile('w+') as said:
        child = os.fork()
        if not child:
            os.dup2(said.fileno(), 1)
            exec(program, {})
            sys.exit()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        found.append([code, said.read()])
print(json.dumps(found))
"""


def run(code, *arguments):
    done = subprocess.run([sys.executable, '-c', code, *arguments],
                          cwd=ROOT,
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    print(done.stderr, file=sys.stderr)
    return done.stdout


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module that can be imported but is not."""
    (tmp_path / 'late_module.py').write_text('VALUE = 3')
    monkeypatch.syspath_prepend(tmp_path)
    yield 'late_module'
    sys.modules.pop('late_module', None)


def test_a_call_waits_for_the_import(module):
    seen = []
    when_imported(module, lambda late: seen.append(late.VALUE))
    assert not seen
    late = __import__(module)
    assert seen == [3]
    assert 'exec_module' not in vars(late.__loader__)
    when_imported(module, lambda late: seen.append(late))
    assert seen == [3, late]


def test_several_calls_come_in_order(module):
    seen = []
    for number in range(3):
        when_imported(module, lambda _, number=number: seen.append(number))
    __import__(module)
    assert seen == [0, 1, 2]


def test_an_error_is_raised_where_the_module_is_imported(module):

    def fail(late):
        raise ImportError('not this one')

    when_imported(module, fail)
    with pytest.raises(ImportError, match='not this one'):
        __import__(module)


@pytest.fixture(scope='module')
def missing():
    """Return exit code and unregistered classes by order of imports."""
    look = ('from mmagic import registry\n'
            f'for name, classes in {CLASSES}.items():\n'
            '    found = getattr(registry, name)\n'
            '    print(*(one for one in classes if not found.get(one)))')
    found = run(IN_FORKS, *(f'{before}\n{look}' for before in ORDERS))
    return dict(zip(ORDERS, json.loads(found.splitlines()[-1]), strict=True))


@pytest.mark.processes
@pytest.mark.parametrize('before', ORDERS)
def test_every_class_is_registered_in_any_order_of_imports(before, missing):
    code, names = missing[before]
    assert (code, names.split()) == (0, [])


@pytest.mark.processes
def test_nothing_is_registered_by_importing_what_upscaling_needs():
    code = ('import sys, dksan_mm.models, dksan_mm.inference\n'
            'print(*{"mmagic", "mmengine", "mmcv"} & sys.modules.keys())')
    assert run(code).split() == []

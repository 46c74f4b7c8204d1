# Copyright (c) DKSAN-MM contributors.
"""Results of a comparison that JSON can represent."""
import hashlib
import json
import os
import platform
import shlex

import torch

import dksan_mm
from dksan_mm.comparison.processes import Failure
from dksan_mm.comparison.request import DataSpec, ModelSpec
from dksan_mm.comparison.results import PACKAGES, collect, machine, versions

DATA = DataSpec('/data', 'val', '/data/val/clips.txt', 2)
CLIPS = dict(a=dict(frames=['000000'], available=1, shown='000000'))
GOOD = dict(
    averages=dict(PSNR=30., NIQE=5.),
    videos=dict(a=dict(PSNR=30., NIQE=5.)),
    metrics=dict(
        PSNR=dict(better='higher', digits=2, unit='dB'),
        NIQE=dict(better='lower', digits=3, unit='')),
    clips=CLIPS,
    parameters=7)


def test_outcomes_are_put_together(tmp_path):
    (tmp_path / 'a.pth').write_bytes(b'weights')
    models = [
        ModelSpec('bad', 'b.py'),
        ModelSpec('good', 'a.py', str(tmp_path / 'a.pth'))
    ]
    command = ['--out', 'my results']
    found = collect(models, dict(good=GOOD, bad=Failure('no memory')), DATA,
                    command)
    assert json.loads(json.dumps(found)) == found
    assert list(found['models']) == ['bad', 'good']  # in the order of columns
    assert found['models']['bad'] == dict(
        config='b.py', checkpoint=None, error='no memory')
    good = found['models']['good']
    assert good['parameters'] == 7 and 'clips' not in good
    assert good['checkpoint_sha256'] == hashlib.sha256(b'weights').hexdigest()
    assert found['data'] == dict(
        root='/data', split='val', scale=16, max_frames=2, videos=CLIPS)
    assert list(found['metrics']) == ['PSNR', 'NIQE']
    assert shlex.split(found['command']) == command
    assert found['paper'] is None


def test_metrics_that_one_model_lacks_are_described():
    few = dict(GOOD, metrics=dict(PSNR=GOOD['metrics']['PSNR']))
    models = [ModelSpec('few', 'a.py'), ModelSpec('good', 'a.py')]
    found = collect(models, dict(few=few, good=GOOD), DATA, [])
    assert found['metrics'] == GOOD['metrics']
    assert 'metrics' not in found['models']['good']


def test_where_all_have_failed_there_are_no_metrics():
    found = collect([ModelSpec('bad', 'b.py')], dict(bad=Failure('no memory')),
                    DATA, [])
    assert found['metrics'] == found['data']['videos'] == {}


def test_versions_and_machine_of_the_numbers():
    found = versions()
    assert found['dksan_mm'] == dksan_mm.__version__
    assert found['torch'].split('+')[0] == torch.__version__.split('+')[0]
    assert found['python'] == platform.python_version()
    assert set(PACKAGES) < set(found)
    found = machine()
    assert 1 <= found['cores'] <= os.cpu_count()
    assert found['memory_bytes'] > 2**20 and found['cpu']

# Copyright (c) DKSAN-MM contributors.
"""Damaged files yield results or a sentence, never crashes or leftovers.

100 files per tool; DKSAN_FUZZ_SEED selects others, and DKSAN_FUZZ=500 more of
them.
"""
import os

import numpy as np
import pytest
from helpers import fuzzing
from helpers.runners import runner
from helpers.tool_runs import ROOT

from dksan_mm.io.layout import IMAGE_SUFFIXES

COUNT = int(os.environ.get('DKSAN_FUZZ', 100))
SEED = int(os.environ.get('DKSAN_FUZZ_SEED', 0))
BATCH = 10  # damaged clips that are prepared together
BICUBIC = str(ROOT / 'configs' / 'bicubic_vid3oc_x16.py')


@pytest.fixture(scope='module')
def run():
    """Return a function for the exit code and output of a tool."""
    with runner('fuzz_runner.py') as ask:

        def run(tool, *arguments, log):
            answer = ask(*arguments, tool=tool, log=str(log))
            return answer['code'], log.read_text(errors='replace')

        yield run


@pytest.fixture(scope='module')
def seeds(tmp_path_factory):
    return fuzzing.make_seeds(tmp_path_factory.mktemp('seeds'))


def test_undamaged_files_are_taken(run, seeds, tmp_path):
    for name, content in seeds.items():
        source = tmp_path / name
        source.write_bytes(content)
        target = tmp_path / f'{name}.mkv'
        code, said = run(
            'super_resolve',
            source,
            target,
            '--config',
            BICUBIC,
            log=tmp_path / 'log')
        assert code == 0, (name, said)
        expected = 4 if name in (*fuzzing.VIDEOS, 'raw.y4m') else \
            3 if name.startswith('animated') else 1
        assert fuzzing.count_frames(target) == expected, (name, said)


@pytest.mark.parametrize('number', range(COUNT))
def test_super_resolve(run, seeds, tmp_path, number):
    rng = np.random.default_rng((SEED, 0, number))
    name = list(seeds)[number % len(seeds)]
    folder = tmp_path / 'files'
    folder.mkdir()
    content = fuzzing.damage(seeds[name], list(seeds.values()), rng)
    (folder / name).write_bytes(content)
    target = folder / f'result.{("mkv", "mp4", "png")[number // 7 % 3]}'
    code, said = run(
        'super_resolve',
        folder / name,
        target,
        '--config',
        BICUBIC,
        '--crf',
        40,
        log=tmp_path / 'log')
    assert code in (0, 1, 2), said
    assert 'Traceback' not in said
    assert (folder / name).read_bytes() == content
    left = {path.name for path in folder.iterdir()} - {name}
    assert left <= {target.name}, said
    if code == 0:
        assert left == {target.name}
    elif not left:
        assert name in said  # the sentence names the file
    if left and target.suffix != '.png':
        assert fuzzing.count_frames(target) >= 1


@pytest.mark.parametrize('batch', range(-(-COUNT // BATCH)))
def test_prepare_data(run, seeds, tmp_path, batch):
    source, out = tmp_path / 'source', tmp_path / 'out'
    for number in range(batch * BATCH, (batch + 1) * BATCH):
        rng = np.random.default_rng((SEED, 1, number))
        name = list(seeds)[number % len(seeds)]
        content = fuzzing.damage(seeds[name], list(seeds.values()), rng)
        path = source / f'{number:04d}_{name}'
        if name.endswith(IMAGE_SUFFIXES):  # a clip of two frames
            path = source / f'{number:04d}' / f'000001.{name[-3:]}'
            path.parent.mkdir(parents=True)
            path.with_stem('000000').write_bytes(seeds[name])
        source.mkdir(exist_ok=True)
        path.write_bytes(content)
    code, said = run(
        'prepare_data',
        source,
        out,
        '--skip-bad',
        '--jobs',
        1,
        log=tmp_path / 'log')
    assert code in (0, 1, 2), said
    assert 'Traceback' not in said and 'process died' not in said
    if code:
        assert not out.exists(), said
        return
    code, said = run(
        'prepare_data', out, '--verify', '--jobs', 1, log=tmp_path / 'log')
    assert code == 0, said
    rest = [path for path in out.rglob('*') if 'tmp' in path.suffix]
    assert not rest

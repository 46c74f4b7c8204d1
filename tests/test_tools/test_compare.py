# Copyright (c) DKSAN-MM contributors.
import csv
import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from multiprocessing import forkserver
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.child_functions import blocked_signals
from helpers.data_fixtures import write_frames
from helpers.tool_runs import CONFIG, ROOT, TINY, load_tool, run

from dksan_mm.cli import launch
from dksan_mm.comparison.processes import _start_server
from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.io.images import read_image
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.resize import matlab_resize

pytest_plugins = ['helpers.tool_runs']  # the fixtures
BICUBIC = str(ROOT / 'configs' / 'bicubic_vid3oc_x16.py')
EDVR = str(ROOT / 'configs' / 'edvr-s_vid3oc_x16.py')


@pytest.fixture(scope='module', autouse=True)
def one_thread():
    """Set the threads of the models' processes, which start later.

    They start from multiprocessing's server, which other tests may have
    started.
    """
    forkserver._forkserver._stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('OMP_NUM_THREADS', '1')
        yield


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """Write a config of a network of 8 channels."""
    path = tmp_path_factory.mktemp('configs') / 'tiny.py'
    path.write_text(f'_base_ = {CONFIG!r}\nmodel = dict(generator=dict('
                    'channels=8, num_blocks=(1, 1, 1, 1)))\n')
    return str(path)


def compare(data, out, *models, options=()):
    """Return the exit code of tools/compare.py."""
    names = [text for model in models for text in ('--model', model)]
    arguments = ['--data', data, '--out', out, *names, *options]
    try:
        return launch.run_tool(
            load_tool('compare').main, [str(a) for a in arguments])
    except SystemExit as error:
        return error.code


def results(out):
    return json.loads((out / 'results.json').read_text())


@pytest.fixture(scope='module')
def compared(tiny_vid3oc, finished_run, tiny, tmp_path_factory):
    """Return the output of a comparison of four models, one of which fails."""
    out = tmp_path_factory.mktemp('compared') / 'out'
    other = out.parent / 'other.pth'
    other.write_bytes(b'no checkpoint')
    assert compare(tiny_vid3oc, out, f'bicubic={BICUBIC}',
                   f'<b>tiny={tiny}:{finished_run}/iter_4.pth',
                   f'broken={tiny}:{other}', f'edvr={EDVR}') == 1
    return out


def frame_psnr(path, truth):
    """Compute the PSNR of two image files, RGB, by the definition."""
    first, second = (
        cv2.imread(str(p)).astype(np.float64) for p in (path, truth))
    return 10 * np.log10(255**2 / ((first - second)**2).mean())


def test_psnr_is_that_of_the_written_frames(compared, tiny_vid3oc):
    """They are read back and scored by the definition."""
    for name in ('bicubic', '<b>tiny', 'edvr'):
        model = results(compared)['models'][name]
        means = []
        for video, values in model['videos'].items():
            frames = sorted((compared / 'frames' / name / video).iterdir())
            assert [frame.name for frame in frames
                    ] == ['000000.png', '000001.png', '000002.png']
            truth = Path(tiny_vid3oc, 'val', 'HR', video)
            means.append(
                np.mean([frame_psnr(f, truth / f.name) for f in frames]))
            assert values['PSNR'] == pytest.approx(means[-1], abs=1e-9)
        assert model['averages']['PSNR'] == pytest.approx(
            np.mean(means), abs=1e-9)


@pytest.mark.parametrize('name', ['bicubic', '<b>tiny'])
def test_numbers_are_those_of_the_test_tool(compared, tiny_vid3oc, tmp_path,
                                            finished_run, name):
    """Every metric of the config is equal to the last digit."""
    arguments = {
        'bicubic': [BICUBIC],
        '<b>tiny': [CONFIG, finished_run / 'iter_4.pth']
    }[name]
    assert run(
        'test',
        *arguments,
        '--data-root',
        tiny_vid3oc,
        '--work-dir',
        tmp_path / 'w',
        '--out',
        tmp_path / 'test.json',
        options=TINY if name != 'bicubic' else ()) == 0
    expected = json.loads((tmp_path / 'test.json').read_text())
    model = results(compared)['models'][name]
    assert set(expected['metrics']) >= {'PSNR', 'SSIM_Y', 'TE', 'NIQE'}
    assert model['averages'] == expected['metrics']
    assert model['videos'] == expected['videos']


def test_a_failed_model_is_named_and_the_others_finish(compared):
    found = results(compared)
    assert 'other.pth is damaged' in found['models']['broken']['error']
    assert 'other.pth is damaged' in (compared / 'results.md').read_text()
    assert 'averages' in found['models']['edvr']


def test_costs_are_stated(compared):
    models = results(compared)['models']
    assert models['bicubic']['parameters'] == 0
    assert models['edvr']['parameters'] > 800_000
    assert models['edvr']['multiply_adds'] > models['<b>tiny']['multiply_adds']
    for name in ('bicubic', '<b>tiny', 'edvr'):
        assert models[name]['seconds_per_frame'] > 0
        assert models[name]['threads'] == 1
    # A 272x192 frame of EDVR's 64 HR channels alone is 13 MB.
    assert 13e6 < models['edvr']['peak_memory'] < 4e9


def test_a_model_without_weights_is_marked_everywhere(compared):
    assert [n for n, m in results(compared)['models'].items()
            if m.get('untrained')] == ['edvr']  # yapf: disable
    for name in ('results.md', 'results.csv', 'report.html'):
        assert 'edvr (untrained)' in (compared / name).read_text()
        assert 'tiny (untrained)' not in (compared / name).read_text()


def test_the_table_has_every_digit(compared):
    with open(compared / 'results.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    averages = results(compared)['models']['bicubic']['averages']
    for metric, value in averages.items():
        [row] = [r for r in rows if (r['metric'], r['video']) ==
                 (metric, 'average')]  # yapf: disable
        assert float(row['bicubic']) == value


def test_a_second_run_computes_nothing_again(compared, tiny_vid3oc, tiny,
                                             finished_run, capsys):
    """It gives the same results."""
    before = results(compared)
    frames = {p: p.stat().st_mtime_ns for p in compared.rglob('*.png')}
    assert compare(tiny_vid3oc, compared, f'bicubic={BICUBIC}',
                   f'<b>tiny={tiny}:{finished_run}/iter_4.pth') == 0
    assert capsys.readouterr().out.count('6 frames there already') == 2
    assert frames == {p: p.stat().st_mtime_ns for p in frames}
    after = results(compared)
    assert list(after['models']) == ['bicubic', '<b>tiny']
    for name, model in after['models'].items():
        assert model == before['models'][name]


def test_a_killed_model_goes_on(tiny_vid3oc, tmp_path, capsys, compared):
    """After kill -9 at two frames, a second run gives the same results."""
    config, marker = tmp_path / 'dying.py', tmp_path / 'marker'
    config.write_text(f'_base_ = {BICUBIC!r}\n'
                      'custom_imports = dict('
                      'imports=["dksan_mm.models", "helpers.dying_net"])\n'
                      'model = dict(generator=dict(type="DyingNet", '
                      f'marker={str(marker)!r}))\n')
    marker.touch()
    assert compare(tiny_vid3oc, tmp_path / 'out', f'a={config}') == 1
    assert 'ended by signal 9' in capsys.readouterr().out
    # The first window of the four was to warm up.
    there = sorted(tmp_path.rglob('frames/*/*/*'))
    assert [path.name for path in there] == ['000000.png', '000001.png']
    times = [path.stat().st_mtime_ns for path in there]
    damaged = there[1]  # as a power cut may leave it
    damaged.write_bytes(damaged.read_bytes()[:-20])
    marker.unlink()
    assert compare(tiny_vid3oc, tmp_path / 'out', f'a={config}') == 0
    assert '1 frame there already' in capsys.readouterr().out
    assert times[0] == there[0].stat().st_mtime_ns
    found = results(tmp_path / 'out')['models']['a']
    expected = results(compared)['models']['bicubic']
    assert found['averages'] == expected['averages']
    assert found['videos'] == expected['videos']


def test_changes_are_noticed(tiny_vid3oc, tiny, finished_run, tmp_path,
                             capsys):
    """Other weights, another LR frame, or another HR frame."""
    data, out = tmp_path / 'data', tmp_path / 'out'
    shutil.copytree(Path(tiny_vid3oc, 'val'), data / 'val')
    options = ('--metrics', 'psnr', '--save-frames', 'report')
    model = f'tiny={tiny}:{finished_run}/iter_'
    assert compare(data, out, model + '2.pth', options=options) == 0
    assert len(list(out.rglob('frames/*/*/*'))) == 2  # the report's alone
    first = results(out)['models']['tiny']['videos']
    assert compare(data, out, model + '4.pth', options=options) == 0
    assert 'computed again: changed since they were written: checkpoint' in \
        capsys.readouterr().out
    second = results(out)['models']['tiny']['videos']
    for kind, video in (('LRx16', 'puppy-grass'), ('HR', 'dashcam-highway')):
        path = str(data / 'val' / kind / video / '000001.png')
        assert cv2.imwrite(path, 255 - cv2.imread(path))
    assert compare(data, out, model + '4.pth', options=options) == 0
    third = results(out)['models']['tiny']['videos']
    for video in first:
        psnr = [each[video]['PSNR'] for each in (first, second, third)]
        assert len(set(psnr)) == 3


def test_folders_of_frames_get_their_lr(tmp_path, tiny_vid3oc, capsys):
    """It is made once; --frames and --videos limit the scored frames."""
    source = tmp_path / 'source'
    rng = np.random.default_rng(0)
    for name in ('<i>clip', 'b'):
        write_frames(source / name, rng.integers(0, 255, (4, 64, 48, 3)))
    for _ in range(2):
        assert compare(
            source,
            tmp_path / 'out',
            f'bicubic={BICUBIC}',
            options=('--frames', '2', '--videos', '<i>clip')) == 0
    out = capsys.readouterr().out
    assert 'making LR frames' in out and '2 frames there already' in out
    found = results(tmp_path / 'out')
    assert found['data']['max_frames'] == 2
    assert list(found['models']['bicubic']['videos']) == ['<i>clip']
    assert len(found['data']['videos']['<i>clip']['frames']) == 2
    report = (tmp_path / 'out' / 'report.html').read_text()
    assert '<i>' not in report and '&lt;i&gt;clip' in report


def test_a_device_that_is_not_there_is_named(tiny_vid3oc, tmp_path, sentence):
    assert compare(tiny_vid3oc, tmp_path / 'out', f'a={BICUBIC}',
                   options=('--device', 'cuda:99')) == 2  # yapf: disable
    assert sentence().startswith(
        'no model can be compared: a: --device cuda:99: ')
    assert not (tmp_path / 'out' / 'results.json').exists()


@pytest.mark.parametrize('wrong, words', [
    ('channels=-3', 'does not describe a network that can be built'),
    ('foo=1', "unexpected keyword argument 'foo'"),
    ('type="Nope"', 'Nope is not in the '),
])
def test_networks_that_cannot_be_built(tiny_vid3oc, tmp_path, sentence, wrong,
                                       words):
    config = tmp_path / 'wrong.py'
    config.write_text(f'_base_ = {CONFIG!r}\n'
                      f'model = dict(generator=dict({wrong}))\n')
    assert compare(tiny_vid3oc, tmp_path / 'out', f'a={config}') == 2
    assert words in sentence()


def test_weights_that_are_not_finite(tiny, tiny_vid3oc, finished_run, tmp_path,
                                     sentence):
    weights = torch.load(finished_run / 'iter_4.pth')['state_dict']
    for value in weights.values():
        if value.is_floating_point():
            value.fill_(float('nan'))
    torch.save(weights, tmp_path / 'nan.pth')
    assert compare(tiny_vid3oc, tmp_path / 'out',
                   f'a={tiny}:{tmp_path}/nan.pth') == 2
    assert 'contains values that are not finite' in sentence()


@pytest.mark.parametrize('models, words', [
    (['a'], 'NAME=CONFIG'),
    (['a=none.py'], 'there is no config none.py'),
    ([f'a={BICUBIC}:none.pth'], 'there is no checkpoint file none.pth'),
    ([f'a={BICUBIC}:'], 'no CHECKPOINT after'),
    ([f'a/b={BICUBIC}'], 'the name is used for a folder'),
    ([f'HR={BICUBIC}'], 'choose another name'),
    ([f'a={BICUBIC}'] * 2, 'two models are called a'),
    ([f'a={ROOT}/configs/_base_/default_runtime.py'], 'cannot be compared'),
])
def test_wrong_models_are_named(tmp_path, sentence, models, words):
    assert compare(tmp_path, tmp_path / 'out', *models) == 2
    assert words in sentence()
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('data, options, words', [
    ('none', (), 'there is no'),
    ('empty', (), 'no video file'),
    ('prepared', ('--videos', 'x'), 'there is no x, only dashcam-highway'),
    ('prepared', ('--split', 'test'), 'no such folder'),
])
def test_wrong_data_are_named(tmp_path, sentence, tiny_vid3oc, data, options,
                              words):
    (tmp_path / 'empty').mkdir()
    folder = tiny_vid3oc if data == 'prepared' else tmp_path / data
    assert compare(
        folder, tmp_path / 'out', f'a={BICUBIC}', options=options) == 2
    assert words in sentence()


def test_arguments_are_checked_before_heavy_imports():
    code = ('import sys; sys.argv[:] = ["compare.py"]; import runpy\n'
            f'runpy.run_path({str(ROOT / "tools" / "compare.py")!r})\n'
            'assert not {"torch", "mmagic", "cv2"} & set(sys.modules)')
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.parametrize('name', ['results.json', 'report.html', 'runs'])
def test_a_folder_with_files_of_the_user_is_refused(tmp_path, name):
    (tmp_path / name).write_text('mine')
    tool = load_tool('compare')
    with pytest.raises(UserError, match=f'contains {name}, which was not'):
        tool.check_out(str(tmp_path))
    assert (tmp_path / name).read_text() == 'mine'
    (tmp_path / tool.LOCK).touch()  # of a comparison
    tool.check_out(str(tmp_path))


def test_a_second_run_on_the_same_folder_is_refused(tmp_path):
    tool = load_tool('compare')
    (tmp_path / tool.LOCK).write_text('mine')
    with tool.locked(str(tmp_path)):
        with pytest.raises(UserError, match=f'is writing to {tmp_path}'):
            with tool.locked(str(tmp_path)):
                pass
    with tool.locked(str(tmp_path)):  # the first has ended
        assert (tmp_path / tool.LOCK).read_text() == 'mine'


def test_another_scale(tiny_vid3oc, tiny, finished_run, tmp_path):
    """LR is made for the scale; a network of x16 only fails."""
    source = Path(tiny_vid3oc) / 'val' / 'HR'
    code = compare(
        source,
        tmp_path,
        f'bicubic={BICUBIC}',
        f'tiny={tiny}:{finished_run / "iter_2.pth"}',
        f'edvr={EDVR}',
        options=['--scale', '4', '--frames', '1', '--metrics', 'psnr'])
    found = results(tmp_path)
    assert code == 1
    assert 'upscales by 16, got scale=4' in found['models']['edvr']['error']
    assert found['data']['scale'] == 4 and found['paper'] is None
    for clip, values in found['models']['bicubic']['videos'].items():
        truth = read_image(tmp_path / 'data_x4' / 'val' / 'HR' / clip /
                           '000000.png')
        image = matlab_resize(matlab_resize(truth, 1 / 4), 4)
        assert values['PSNR'] == pytest.approx(psnr(truth, image), abs=1e-4)
    assert 'x4' in (tmp_path / 'report.html').read_text()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_what_interrupts_it(tmp_path, monkeypatch, sentence, number):
    """A closed terminal acts like Ctrl-C: the same command continues."""
    tool = load_tool('compare')
    monkeypatch.setattr(tool, 'compare',
                        lambda *_: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    code = launch.run_tool(
        tool.main, [
            '--data', 'none', '--out',
            str(tmp_path / 'out'), '--model', f'a={BICUBIC}'
        ],
        when_interrupted=tool.INTERRUPTED)
    assert (code, sentence()) == (130, tool.INTERRUPTED)
    assert signal.getsignal(number) == before


@pytest.mark.parametrize('error, code, said', [
    (OSError(errno.ENOSPC, 'No space left',
             'o/report.html'), 1, 'o/report.html: No space left'),
    (PermissionError(errno.EACCES, 'Permission denied',
                     'o'), 2, 'o: Permission denied'),
    (ValueError('a.png: damaged'), 2, 'a.png: damaged'),
])
def test_what_ends_it(tmp_path, monkeypatch, sentence, error, code, said):

    def fail(*_):
        raise error

    tool = load_tool('compare')
    monkeypatch.setattr(tool, 'compare', fail)
    assert launch.run_tool(tool.main, [
        '--data', 'none', '--out',
        str(tmp_path / 'out'), '--model', f'a={BICUBIC}'
    ]) == code
    assert sentence().startswith(said)


def test_a_terminal_s_signals_reach_the_tool_alone():
    """The tool ends the processes of the models in order."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = _start_server().Process(target=blocked_signals, args=(theirs, ))
    process.start()
    assert ours.recv() >= {signal.SIGINT, signal.SIGHUP}
    process.join()

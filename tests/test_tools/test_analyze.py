# Copyright (c) DKSAN-MM contributors.
import json

import pytest
from helpers.tool_runs import ROOT, load_tool
from mmagic.registry import MODELS

from dksan_mm.analysis import peak_memory as memory
from dksan_mm.analysis.complexity import count_cost
from dksan_mm.cli import launch

pytest_plugins = ['helpers.tool_runs']  # the fixtures

BICUBIC = str(ROOT / 'configs' / 'bicubic_vid3oc_x16.py')


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """Write a config of the smallest network of the family."""
    path = tmp_path_factory.mktemp('configs') / 'tiny.py'
    base = ROOT / 'configs' / 'dksan-s_vid3oc_x16.py'
    path.write_text(f'_base_ = {str(base)!r}\n'
                    'model = dict(generator=dict(channels=8, reduction=2, '
                    'num_blocks=(3, 1, 1, 1)))')
    return str(path)


def analyze(*arguments):
    return launch.run_tool(load_tool('analyze').main, list(arguments))


def rows_of(text):
    """Return the cells of the Markdown tables' rows, by the first cell."""
    lines = [line for line in text.splitlines() if line.startswith('|')]
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in lines]
    return {row[0]: row[1:] for row in rows}


def test_tables_show_what_was_counted(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(memory, 'peak_memory',
                        lambda config, size, threads: 2**20 * sum(size))
    path = tmp_path / 'out.json'
    assert analyze(tiny, BICUBIC, '--size', '5x7', '--memory', '4x8', '8x8',
                   '--out', str(path)) == 0
    text = capsys.readouterr().out
    assert text.startswith('## tiny\n') and '## bicubic_vid3oc_x16' in text
    first, second = text.split('## bicubic')
    rows, found = rows_of(first), json.loads(path.read_text())
    assert list(found) == [tiny, BICUBIC]
    net = MODELS.build(launch.Config.fromfile(tiny).model.generator)
    cost = count_cost(net, (5, 7))
    for key in ('parameters', 'multiply_adds', 'activations'):
        assert found[tiny][key] == cost[key]
    blocks = cost['parts']['levels.0.blocks']
    assert rows['levels.0.blocks (3 x RCAB)'][:4] == [
        f'{blocks["parameters"]:,}', f'{blocks["multiply_adds"] / 35:,.0f}',
        f'{100 * blocks["multiply_adds"] / cost["multiply_adds"]:.1f} %',
        f'{blocks["activations"] / 35:,.1f}'
    ]
    assert {
        'features', 'align (DKCAlign)', 'fusion (Conv2d)',
        'levels.0.attention (LightDKSA)', 'levels.3.attention (DKSA)',
        'levels.3.upscale (UpscaleX2)', 'rest'
    } <= set(rows)
    assert rows['total'][0] == f'{cost["parameters"]:,}'
    assert rows['8x8'] == ['16.0 MiB', '256.0 KiB']
    assert rows_of(second)['total'][0] == '0'


def test_times_add_up(tiny, tmp_path):
    path = tmp_path / 'out.json'
    assert analyze(tiny, '--size', '4x4', '--memory', '--rounds',
                   '2', '--threads', '1', '--within', 'align', '--out',
                   str(path)) == 0
    found = json.loads(path.read_text())[tiny]
    assert found['threads'] == 1 and found['memory'] == []
    assert 'align.deform_conv' in found['parts']
    seconds = [part['seconds'] for part in found['parts'].values()]
    assert min(seconds) > 0
    assert sum(seconds) == pytest.approx(found['seconds'])


def test_a_size_that_memory_is_too_small_for_does_not_stop_it(
        capsys, monkeypatch):

    def fail(config, size, threads):
        raise MemoryError('the process was killed')

    monkeypatch.setattr(memory, 'peak_memory', fail)
    assert analyze(BICUBIC, '--rounds', '0', '--memory', '900x900') == 0
    out, err = capsys.readouterr()
    assert rows_of(out)['900x900'] == ['failed', '']
    assert 'the process was killed' in err


def test_numbers_replace_no_file_unasked(tmp_path, sentence):
    path = tmp_path / 'out.json'
    path.write_text('mine')
    assert analyze(BICUBIC, '--out', str(path)) == 2
    assert sentence() == f'{path} exists; use --overwrite to replace it'
    assert path.read_text() == 'mine'


@pytest.mark.parametrize('arguments, message', [
    (['none.py'], 'there is no config none.py'),
    ([BICUBIC, '--rounds', '-1'], '--rounds must be at least 0, got -1'),
    ([BICUBIC, '--out', 'nowhere/out.json'], 'there is no folder nowhere'),
    ([BICUBIC, '--within', 'levels.9'], "has no part 'levels.9'"),
    ([str(ROOT / 'configs/_base_/schedules/adam_115k.py')
      ], 'adam_115k.py has no model'),
])
def test_what_is_wrong_is_said_in_one_sentence(arguments, message, sentence):
    assert analyze(*arguments) == 2
    assert message in sentence()


@pytest.mark.parametrize('arguments, message', [
    (['--size', '0x64'], "--size: '0x64' is not a size"),
    (['--memory', '8', '4x'], "--memory: '4x' is not a size"),
    (['--threads', '0'], '--threads: must be at least 1, got 0'),
    (['--threads', '1025'], '--threads: must be at most 1024, got 1025'),
])
def test_values_that_are_none_are_named(arguments, message, sentence):
    with pytest.raises(SystemExit) as exit:
        analyze(BICUBIC, *arguments)
    assert exit.value.code == 2 and message in sentence()


def test_a_model_without_windows_is_named(tmp_path, sentence):
    path = tmp_path / 'edsr.py'
    path.write_text(
        f'_base_ = {BICUBIC!r}\n'
        "model = dict(_delete_=True, type='BaseEditModel', generator=dict("
        "type='SRCNNNet'), pixel_loss=dict(type='L1Loss'))")
    assert analyze(str(path)) == 2
    assert 'SRCNNNet does not take windows' in sentence()

# Copyright (c) DKSAN-MM contributors.
"""tools/gpu_check.py, as far as possible without a GPU."""
import re

import pytest
from helpers.tiny_network import tiny_config
from helpers.tool_runs import load_tool

from dksan_mm.analysis import training_cost
from dksan_mm.cli import launch

pytest.importorskip('triton')


@pytest.fixture(scope='module')
def tool():
    return load_tool('gpu_check')


@pytest.fixture(autouse=True)
def interpreter_stays_on(monkeypatch):
    """Restore, after a test, what the tool disables in its process."""
    monkeypatch.setenv('TRITON_INTERPRET', '1')


def test_tables_are_put_between_their_marks(tool, tmp_path, monkeypatch):
    from dksan_mm.ops.triton import targets
    monkeypatch.setattr(targets, 'resources', lambda forms: '| new |\n')
    monkeypatch.setattr(tool, 'NETWORKS', ['dksan-s'])
    file = tmp_path / 'page.md'
    file.write_text('a\n<!-- resources -->\n| old |\n<!-- end -->\n'
                    'b\n<!-- roofline -->\n<!-- end -->\n'
                    '<!-- memory -->\n<!-- end -->\nc\n')
    assert launch.run_tool(tool.main, ['--tables', str(file)]) == 0
    text = file.read_text()
    assert text.startswith('a\n<!-- resources -->\n| new |\n<!-- end -->\nb\n')
    assert '| depthwise forward' in text.partition('b\n')[2]
    assert re.search(r'\| dksan-s \|( [\d,]+ MiB \|){3}', text)
    assert text.endswith('|\n<!-- end -->\nc\n')


def test_no_such_file_is_one_sentence(tool, tmp_path, capsys):
    missing = tmp_path / 'missing.md'
    assert launch.run_tool(tool.main, ['--tables', str(missing)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_report_on_the_cpu(tool, tmp_path, capsys, monkeypatch):
    # Here, where mmagic has been imported.
    monkeypatch.setattr(training_cost, 'in_new_process',
                        lambda function, *args: function(*args))
    tiny_config().dump(str(tmp_path / 'tiny.py'))
    options = [
        '--device', 'cpu', '--channels', '8', '--size', '6', '--rounds', '1',
        '--config',
        str(tmp_path / 'tiny.py'), '--frame', '8x10'
    ]
    assert launch.run_tool(tool.main, options) == 0
    text = capsys.readouterr().out
    assert 'Failed' not in text and ' NO |' not in text
    for form in ('depthwise', 'dense'):
        for dtype in ('float32', 'bfloat16', 'float16'):
            assert re.search(rf'\| {form} \| {dtype} \| \S+ \| yes \|', text)
    for name in ("mmcv's own", "torchvision's deform_conv2d", 'dense DKC'):
        assert re.search(rf'\| {name}.* \| \S+ ms, \S+ \| \S+ ms, ', text)
    assert '| 128x160 |' in text


def test_a_part_that_fails_leaves_the_others(tool, capsys):

    def fail(args):
        raise RuntimeError('no | kernel\nand more')

    tool.print_part('One', fail, None)
    tool.print_part('Two', lambda args: print('two'), None)
    assert capsys.readouterr().out == (
        '## One\n\nFailed: RuntimeError: no / kernel\n\n## Two\n\ntwo\n')


def test_no_gpu_is_one_sentence(tool, capsys, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert launch.run_tool(tool.main, []) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1

# Copyright (c) DKSAN-MM contributors.
"""tools/export.py writes a network's graphs or reports an error."""
import importlib.util
import re

import pytest
from helpers.tiny_network import tiny_checkpoint  # noqa: F401
from helpers.tool_runs import load_tool, sentence  # noqa: F401

from dksan_mm.inference.onnx import load_graphs
from dksan_mm.utils.running import run_tool


def export(*arguments):
    return run_tool(load_tool('export').main, list(map(str, arguments)))


def test_a_network_of_ones_own(tiny_checkpoint, tmp_path, capsys):  # noqa
    config, checkpoint = tiny_checkpoint
    path = tmp_path / 'tiny.onnx'
    command = [
        path, '--config', config, '--checkpoint', checkpoint, '--scale', 4
    ]
    assert export(*command) == 0
    written = capsys.readouterr().out.splitlines()[-2:]
    for part, line in zip(('extract', 'restore'), written, strict=True):
        assert re.fullmatch(rf'.*/tiny\.{part}\.onnx: 0\.\d MiB', line)
    assert load_graphs(str(path)).scale == 4
    assert export(*command) == 2 and export(*command, '--overwrite') == 0


@pytest.mark.parametrize('arguments, said', [
    (['none/a.onnx'], 'there is no folder none'),
    (['a.pth'], 'a.pth: the name must end in .onnx'),
    (['a.onnx', '--model', 'bicubic'], 'BicubicNet cannot be exported'),
    (['a.onnx', '--checkpoint', 'none.pth'], 'none.pth'),
    (['a.onnx', '--config', 'none.py'], 'none.py'),
    (['a.onnx', '--model', 'dksan-s-gan', '--scale', '4'], 'got scale=4'),
])
def test_what_is_wrong_is_one_sentence(arguments, said, tmp_path, monkeypatch,
                                       sentence):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    assert export(*arguments) == 2
    assert said in sentence()
    assert not list(tmp_path.iterdir())


def test_detail_is_of_one_network_alone(tmp_path, capsys):
    with pytest.raises(SystemExit):
        export(tmp_path / 'a.onnx', '--detail', 1)
    assert '--detail needs --model dksan-s-gan' in capsys.readouterr().err


@pytest.mark.slow
def test_detail_is_in_the_graphs(tmp_path, capsys):
    graphs = []
    for detail in (0, 1):
        path = tmp_path / f'{detail}.onnx'
        assert export(path, '--model', 'dksan-s-gan', '--detail', detail) == 0
        graphs.append((tmp_path / f'{detail}.extract.onnx').read_bytes())
    assert graphs[0] != graphs[1]


def test_without_onnx(tmp_path, monkeypatch, sentence):  # noqa: F811
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None
                        if name == 'onnx' else find(name))
    assert export(tmp_path / 'a.onnx') == 2
    assert "pip install 'dksan_mm[onnx]'" in sentence()

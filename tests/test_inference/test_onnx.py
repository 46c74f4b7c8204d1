# Copyright (c) DKSAN-MM contributors.
"""Runner of exported networks; test_onnx_export.py compares its frames."""
import errno
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx as onnx_package
import pytest
from helpers.exported import DKSAN, EDVR, make_model
from helpers.video_files import make_video, moving, read_video

from dksan_mm.inference import onnx
from dksan_mm.inference.onnx_export import export_onnx
from dksan_mm.inference.streaming import restore_frames

ROOT = Path(__file__).resolve().parents[2]
# Refuses all that the runner is to do without.
ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('torch', 'torchvision', 'mmengine',
                                      'mmcv', 'mmagic', 'filelock', 'rich',
                                      'cv2', 'PIL', 'scipy', 'onnx'):
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Refuse())
from dksan_mm.inference.onnx import main
sys.exit(main(sys.argv[1:]))
"""


def run_alone(*arguments):
    return subprocess.run([sys.executable, '-c', ALONE, *map(str, arguments)],
                          cwd=ROOT,
                          capture_output=True,
                          text=True,
                          timeout=120)


@pytest.fixture(autouse=True)
def _name(monkeypatch):
    """Name that the command prints before its messages."""
    monkeypatch.setattr(sys, 'argv', ['onnx'])


@pytest.fixture
def small(tmp_path):
    return make_video(tmp_path / 'small.mkv', moving(4), rate=24)


@pytest.mark.processes
@pytest.mark.parametrize('target', ['big.mp4', 'big.mkv'])
def test_a_video_is_upscaled_without_torch(exported, small, tmp_path, target):
    model, path = exported
    done = run_alone(small, tmp_path / target, '--model', path)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f'{tmp_path / target}: 4 frames\n'
    expected = list(restore_frames(model, moving(4)))
    for (_, image), wanted in zip(
            read_video(tmp_path / target), expected, strict=True):
        assert image.shape == wanted.shape == (48, 80, 3)


def test_scenes_are_apart(exported, small, tmp_path, monkeypatch):
    _, path = exported
    cuts = []

    def is_cut(previous, current):
        cuts.append((previous, current))
        return len(cuts) == 2

    monkeypatch.setattr(onnx, 'is_cut', is_cut)
    assert onnx.main([small, str(tmp_path / 'a.mkv'), '--model', path]) == 0
    assert onnx.main(
        [small, str(tmp_path / 'b.mkv'), '--model', path, '--no-cuts']) == 0
    assert len(cuts) == 3
    one, other = (read_video(tmp_path / f'{name}.mkv') for name in 'ab')
    assert any((x != y).any() for (_, x), (_, y) in zip(one, other))


def test_frames_are_padded_as_in_torch(tmp_path):
    model = make_model(EDVR)
    path = str(tmp_path / 'edvr.onnx')
    export_onnx(model, path, name='edvr')
    graphs = onnx.load_graphs(path, threads=1)
    for size in ((5, 7), (1, 6)):  # mirrored, repeated
        frames = moving(2, size)
        for one, other in zip(
                onnx.restore_frames(graphs, frames),
                restore_frames(model, frames),
                strict=True):
            assert one.shape == (16 * size[0], 16 * size[1], 3)
            assert np.abs(one.astype(int) - other).max() <= 1


def said(capsys):
    """Return the single line of the message."""
    line, = capsys.readouterr().err.splitlines()
    assert line.startswith('onnx: ')
    return line


def test_a_wrong_path_is_one_sentence(exported, small, tmp_path, capsys):
    _, path = exported
    big, taken = str(tmp_path / 'big.mp4'), tmp_path / 'taken.mp4'
    taken.write_text('mine')
    for source, target, model, words in (
        ('none.mp4', big, path, 'there is no file or folder none.mp4'),
        (path, big, path, 'there is no file or folder'),
        (small, str(taken), path, 'taken.mp4 exists; use --overwrite'),
        (small, str(tmp_path / 'none' / 'big.mp4'), path, 'no folder'),
        (small, big, 'none.onnx', 'no file none.extract.onnx; dksan-mm export '
         'none.onnx writes'),
        (small, big, 'none', 'none: the name must end in .onnx'),
    ):
        assert onnx.main([source, target, '--model', model]) == 2
        assert words in said(capsys)
    assert taken.read_text() == 'mine' and not Path(big).exists()


def test_wrong_graphs_are_one_sentence(exported, small, tmp_path, capsys):
    folder, path = Path(exported[1]).parent, str(tmp_path / 'small.onnx')
    other = str(tmp_path / 'other.onnx')
    export_onnx(make_model(DKSAN, seed=1), other, name='other')
    extract, restore = (tmp_path / f'small.{part}.onnx' for part in onnx.PARTS)
    shutil.copy(folder / extract.name, extract)

    def fails(words):
        code = onnx.main([small, str(tmp_path / 'b.mp4'), '--model', path])
        assert code == 2 and words in said(capsys)

    shutil.copy(extract, restore)
    fails('small.onnx: the files are not the graphs extract and restore')
    shutil.copy(folder / restore.name, extract)
    shutil.copy(folder / 'small.extract.onnx', restore)
    fails('small.onnx: the files are not the graphs extract and restore')
    shutil.copy(folder / extract.name, extract)
    restore.write_text('no graph')
    fails('small.restore.onnx: onnxruntime cannot load it (')
    shutil.copy(tmp_path / 'other.restore.onnx', restore)
    fails('small.onnx: the two graphs are of different networks')
    graph = onnx_package.load(extract)
    del graph.metadata_props[:]
    onnx_package.save(graph, restore)
    fails('small.onnx: the graphs are not from "dksan-mm export"')


def test_without_onnxruntime(exported, small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(onnx, 'find_spec', lambda name: None)
    assert onnx.main([small,
                      str(tmp_path / 'b.mp4'), '--model', exported[1]]) == 2
    assert 'pip install onnxruntime' in said(capsys)


def test_a_video_that_breaks_off_is_code_1(exported, small, tmp_path, capsys):
    broken = tmp_path / 'broken.mkv'
    images = moving(30, (24, 40), 1)
    content = Path(make_video(broken, images)).read_bytes()
    broken.write_bytes(content[:len(content) * 2 // 3])
    code = onnx.main(
        [str(broken),
         str(tmp_path / 'b.mkv'), '--model', exported[1]])
    assert code == 1 and 'broken.mkv' in said(capsys)
    assert 0 < len(read_video(tmp_path / 'b.mkv')) < 30


def test_ctrl_c_keeps_what_is_done(exported, small, tmp_path, capsys,
                                   monkeypatch):
    count = []

    def decode(self, window):
        count.append(0)
        if len(count) == 3:
            raise KeyboardInterrupt
        return window[0].image[0].astype(np.uint8).transpose(1, 2, 0)

    monkeypatch.setattr(onnx.Graphs, 'decode', decode)
    code = onnx.main(
        [small, str(tmp_path / 'big.mkv'), '--model', exported[1]])
    assert code == 130 and 'big.part.mkv' in said(capsys)


@pytest.mark.processes
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_signals_keep_what_is_done(exported, tmp_path, number):
    source = make_video(tmp_path / 'long.mkv', moving(2000), rate=24)
    target = tmp_path / 'big'
    run = subprocess.Popen([
        sys.executable, '-m', 'dksan_mm.inference.onnx', source, target,
        '--model', exported[1], '--threads', '1'
    ],
                           cwd=ROOT,
                           stderr=subprocess.PIPE,
                           text=True)
    while not list(tmp_path.glob('.big*/*2.png')):
        assert run.poll() is None
        time.sleep(.01)
    run.send_signal(number)
    _, message = run.communicate(timeout=60)
    assert run.returncode == 130
    assert message.startswith('onnx: stopped; the ')
    assert message.rstrip().endswith(f'done so far: {tmp_path}/big.part')
    assert (tmp_path / 'big.part' / '000000.png').is_file()


def test_a_full_disk_is_code_1(exported, small, tmp_path, capsys, monkeypatch):

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr('dksan_mm.io.video.writers.FolderWriter.write', full)
    target = str(tmp_path / 'big')
    assert onnx.main([small, target, '--model', exported[1]]) == 1
    # Another test of this process may have left a log for the traceback.
    message = said(capsys).split(' (traceback in')[0]
    assert message == f'onnx: {target}: No space left on device'


@pytest.mark.parametrize('raised, code, words', [
    ('[ONNXRuntimeError] : Failed to allocate memory for requested buffer', 1,
     'onnx: not enough memory: the frames have 20x12 pixels'),
    ('[ONNXRuntimeError] : Got invalid dimensions\nmore', 2,
     'onnxruntime fails at frames of 20x12 pixels ([ONNXRuntimeError] : Got '
     'invalid dimensions)'),
])
def test_errors_of_onnxruntime_are_one_sentence(exported, small, tmp_path,
                                                capsys, monkeypatch, raised,
                                                code, words):

    def fail(*_):
        raise Exception(raised)

    graphs = onnx.load_graphs(exported[1])
    monkeypatch.setattr(graphs._restore, 'run', fail)
    monkeypatch.setattr(onnx, 'load_graphs', lambda *_, **__: graphs)
    target = tmp_path / 'big.mp4'
    assert onnx.main([small, str(target), '--model', exported[1]]) == code
    assert words in said(capsys)
    assert not target.exists()


def test_frames_too_large_for_a_video_are_refused_first(
        exported, tmp_path, capsys, monkeypatch):
    source = make_video(tmp_path / 'wide.mkv', moving(1, (16, 8200)))
    monkeypatch.setattr(onnx.Graphs, 'encode', None)
    target = str(tmp_path / 'big.mp4')
    assert onnx.main([source, target, '--model', exported[1]]) == 2
    assert 'H.264 supports at most 16384 pixels' in said(capsys)


@pytest.mark.parametrize('threads', ['-1', '1025', '9' * 20])
def test_numbers_of_threads(exported, small, threads, capsys):
    with pytest.raises(SystemExit):
        onnx.main([small, 'b.mp4', '--threads', threads])
    assert f'from 0 to 1024, got {threads}' in capsys.readouterr().err


def test_names_of_the_graphs():
    assert onnx.graph_paths('a/b.onnx') == [
        'a/b.extract.onnx', 'a/b.restore.onnx'
    ]
    for name in ('a', '.onnx', 'a/.onnx', 'a.onnx/'):
        with pytest.raises(ValueError, match='must end in .onnx'):
            onnx.graph_paths(name)

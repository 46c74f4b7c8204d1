# Copyright (c) DKSAN-MM contributors.
"""Exported graphs give the results of torch for any size."""
import errno
import json

import numpy as np
import onnx
import pytest
import torch
from helpers.exported import DKSAN, EDVR, GREY, make_model

import dksan_mm
from dksan_mm.inference import onnx_export
from dksan_mm.inference.onnx import Graphs, graph_paths, load_graphs
from dksan_mm.inference.onnx_export import OPSET, export_onnx
from dksan_mm.inference.streaming import restore_frames
from dksan_mm.models.padding import pad_frames
from dksan_mm.utils.errors import UserError

# Those that the issue of odd sizes, halves and quarters shows at.
SIZES = ((17, 23), (30, 41), (4, 7), (1, 1))
TOLERANCE = 1e-4


@torch.no_grad()
def check(model, path, sizes, scale=None):
    """Compare the graphs' unrounded frames with those of the network."""
    graphs, network = load_graphs(path), model.generator
    assert graphs.scale == (scale or network.scale)
    for size in sizes:
        frames = torch.rand(1, network.num_frames, 3, *size)
        padded = pad_frames(frames, network.size_divisor)
        expected = network(padded, scale) if scale else network(padded)
        found = run(graphs, padded[0].numpy())
        assert found.shape == expected.shape
        np.testing.assert_allclose(
            found, expected.numpy(), rtol=0, atol=TOLERANCE)


def run(graphs: Graphs, frames):
    features = [
        graphs._extract.run(None, dict(frame=frame[None])) for frame in frames
    ]
    inputs = dict(frame=frames[len(frames) // 2, None])
    names = [one.name for one in graphs._extract.get_outputs()]
    for name, maps in zip(names, zip(*features)):
        inputs[name] = np.concatenate(maps)
    return graphs._restore.run(None, inputs)[0]


def test_dksan(exported):
    check(*exported, SIZES)


def test_an_earlier_level(tmp_path):
    model, path = make_model(DKSAN), str(tmp_path / 'two.onnx')
    export_onnx(model, path, name='two', scale=2)
    check(model, path, SIZES, scale=2)


def test_the_scale_of_the_config(tmp_path):
    model, path = make_model(DKSAN), str(tmp_path / 'two.onnx')
    model.test_scale = 2
    export_onnx(model, path, name='two')
    check(model, path, SIZES[:1], scale=2)


def test_without_align_and_attention(tmp_path):
    model = make_model(
        dict(DKSAN, align=False, dksa=False, channel_attention=False))
    export_onnx(model, str(tmp_path / 'plain.onnx'), name='plain')
    check(model, str(tmp_path / 'plain.onnx'), SIZES)


def test_smooth_levels(tmp_path):
    model = make_model(dict(DKSAN, smooth_scales=(4, )))
    export_onnx(model, str(tmp_path / 'smooth.onnx'), name='smooth')
    check(model, str(tmp_path / 'smooth.onnx'), SIZES)


def test_edvr(tmp_path):
    model, path = make_model(EDVR), str(tmp_path / 'edvr.onnx')
    model.generator.init_weights = None  # of mmengine's; not called
    export_onnx(model, path, name='edvr')
    check(model, path, SIZES)
    graph = onnx.load(graph_paths(path)[0]).graph
    assert [one.name for one in graph.output
            ] == ['features', 'features_2', 'features_4']


@pytest.mark.slow
def test_the_released_network(tmp_path):
    model = dksan_mm.load_model('dksan-s')
    export_onnx(model, str(tmp_path / 's.onnx'), name='dksan-s')
    check(model, str(tmp_path / 's.onnx'), [(45, 80), (17, 23), (30, 41)])


def test_the_graphs_say_what_a_runner_needs(exported):
    model, path = exported
    for one in graph_paths(path):
        graph = onnx.load(one)
        facts = {fact.key: fact.value for fact in graph.metadata_props}
        assert len(facts.pop('weights')) == 16
        assert facts.pop('name') == 'small'
        assert facts.pop('version') == dksan_mm.__version__
        assert {key: json.loads(value) for key, value in facts.items()} == \
            dict(scale=4, num_frames=3, size_divisor=1, **GREY)
        assert [(one.domain, one.version)
                for one in graph.opset_import] == [('', OPSET)]
        assert {node.domain for node in graph.graph.node} == {''}


def test_the_model_is_left_as_it_is(exported, tmp_path):
    model = make_model(DKSAN).train()
    before = {name: x.clone() for name, x in model.state_dict().items()}
    export_onnx(model, str(tmp_path / 'a.onnx'), name='a')
    assert model.training and model.generator.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize('generator, scale, said', [
    (dict(type='BicubicNet'), None, 'BicubicNet cannot be exported: it makes'),
    (DKSAN, 16, 'DKSANNet upscales by 2, 4, got scale=16'),
])
def test_what_cannot_be_exported_is_said(generator, scale, said, tmp_path):
    model = make_model(generator)
    with pytest.raises(ValueError, match=said):
        export_onnx(model, str(tmp_path / 'a.onnx'), name='a', scale=scale)
    assert not list(tmp_path.iterdir())


def test_one_file_that_exists_is_not_replaced(tmp_path):
    (tmp_path / 'a.restore.onnx').write_text('mine')
    with pytest.raises(UserError, match='a.restore.onnx exists'):
        export_onnx(make_model(DKSAN), str(tmp_path / 'a.onnx'), name='a')
    assert [path.name for path in tmp_path.iterdir()] == ['a.restore.onnx']


def test_frames_of_a_stream_are_those_of_torch(exported):
    from dksan_mm.inference.onnx import restore_frames as run_frames
    model, path = exported
    frames = list(
        np.random.default_rng(0).integers(0, 256, (5, 9, 14, 3), np.uint8))
    found = list(run_frames(load_graphs(path), iter(frames)))
    expected = list(restore_frames(model, frames))
    assert len(found) == 5 and np.std(expected) > 5
    for one, other in zip(found, expected):
        assert one.shape == (36, 56, 3) and one.dtype == np.uint8
        assert np.abs(one.astype(int) - other).max() <= 1


def test_no_half_of_a_pair_is_left_or_replaced(tmp_path, monkeypatch):
    write = onnx_export._write

    def fail(path, content):
        if '.restore.' in path:
            raise OSError(errno.ENOSPC, 'No space left on device')
        write(path, content)

    monkeypatch.setattr(onnx_export, '_write', fail)
    old = tmp_path / 'a.extract.onnx'
    old.write_text('mine')
    for name in 'ab':
        with pytest.raises(UserError, match='restore.onnx is not written: No'):
            export_onnx(
                make_model(DKSAN),
                str(tmp_path / f'{name}.onnx'),
                name='a',
                overwrite=True)
    assert old.read_text() == 'mine' and list(tmp_path.iterdir()) == [old]

# Copyright (c) DKSAN-MM contributors.
"""Export of a network as two ONNX graphs of standard operators.

``extract`` computes the features of a frame once; ``restore`` computes an HR
frame from a window of features. Height and width are dynamic in both graphs.
Their metadata contains all that a runner needs; see ``docs/onnx.md``.
"""
import copy
import hashlib
import io
import json
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dksan_mm import __version__
from dksan_mm.io.outputs import check_output, write_output
from dksan_mm.models import DKSANNet
from dksan_mm.models.padding import size_divisor
from dksan_mm.models.scales import choose_model_scale
from .base import Evaluator, WholeWindowEvaluator
from .dksan_evaluator import DKSANEvaluator
from .onnx import graph_paths

# GridSample requires 16; most runtimes support 17.
OPSET = 17
# Height and width of the traced frames; the graphs accept any other size.
TRACED = (12, 20)


class _Extract(nn.Module):

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        features: Any = self.network.extract(frame)
        return (features, ) if isinstance(features,
                                          Tensor) else tuple(features)


class _Restore(nn.Module):

    def __init__(self, network: Any, evaluator: Evaluator, scale: int) -> None:
        super().__init__()
        self.network = network
        self.evaluator, self.scale = evaluator, scale

    def forward(self, frame: Tensor, *maps: Tensor) -> Tensor:
        stacked = [features[None] for features in maps]
        fused = self.network.fuse(stacked if len(maps) > 1 else stacked[0])
        return self.evaluator.reconstruct(frame, fused, scale=self.scale)[0]


def export_onnx(model: nn.Module,
                path: str,
                *,
                name: str,
                scale: int | None = None,
                overwrite: bool = False) -> list[str]:
    """Export a model's network to two ONNX graphs.

    Args:
        model (nn.Module): Model from :func:`dksan_mm.load_model` or
            :func:`dksan_mm.apis.init_model`.
        path (str): ``a.onnx`` for ``a.extract.onnx`` and ``a.restore.onnx``.
        name (str): Name of the network in the metadata.
        scale (int, optional): Scale factor of a level of the network. Default:
            ``model.test_cfg.scale`` of the config, else the last level's.
        overwrite (bool): Whether to overwrite existing files.

    Returns:
        list[str]: Paths of the two files.

    Raises:
        ValueError: If the name does not end in .onnx, the network does not
            support the scale, or it has no features of single frames.
        UserError: If the files cannot be written.
    """
    paths = graph_paths(path)
    for one in paths:
        check_output(one, overwrite=overwrite)
    generator: Any = model.generator
    network = copy.deepcopy(generator).cpu().float().eval()
    scale = choose_model_scale(model, scale)
    evaluator = _choose_evaluator(network)
    grey: Any = model.data_preprocessor
    facts = dict(
        name=name,
        version=__version__,
        weights=_digest(network),
        scale=scale,
        num_frames=network.num_frames,
        size_divisor=size_divisor(network),
        mean=grey.mean.flatten().tolist(),
        std=grey.std.flatten().tolist())
    graphs = _trace(network, _Restore(network, evaluator, scale))
    _write_pair(
        paths, [_add_facts(graph, facts) for graph in graphs],
        overwrite=overwrite)
    return paths


def _choose_evaluator(network: Any) -> Any:
    if isinstance(network, DKSANNet):
        return DKSANEvaluator(network, band_pixels=None)
    evaluator = WholeWindowEvaluator(network)
    if not evaluator.takes_tiles:
        raise ValueError(f'{type(network).__name__} cannot be exported: it '
                         'makes no features of single frames')
    return evaluator


def _digest(network: nn.Module) -> str:
    """Hash the weights, so that graphs of two networks are never mixed."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def _trace(network: Any, restore: nn.Module) -> tuple[bytes, bytes]:
    """Trace both graphs."""
    extract = _Extract(network)
    frame = torch.rand(1, 3, *TRACED)
    features = extract(frame)
    names = ['features', *(f'features_{2**i}' for i in range(1, 3))]
    names = names[:len(features)]
    window = [
        torch.rand(network.num_frames, *one.shape[1:]) for one in features
    ]
    return (_export(extract, [frame], ['frame'], names),
            _export(restore, [frame, *window], ['frame', *names], ['image']))


def _export(module: nn.Module, tensors: Sequence[Tensor],
            inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Trace one graph."""
    content: Any = io.BytesIO()
    with warnings.catch_warnings():
        # The tracer warns of shape checks, which the graph does not contain.
        # The tests run sizes other than the traced one.
        warnings.simplefilter('ignore')
        torch.onnx.export(
            module,
            tuple(tensors),
            content,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: _axes(name)
                          for name in (*inputs, *outputs)})
    graph: bytes = content.getvalue()
    return graph


def _axes(name: str) -> dict[int, str]:
    """Name the dynamic axes of a tensor; equal names mean equal lengths."""
    end = name.removeprefix('frame').removeprefix('features')
    end = f'_{end}' if end == 'image' else end
    return {2: f'height{end}', 3: f'width{end}'}


def _add_facts(graph: bytes, facts: dict[str, object]) -> bytes:
    """Check a graph and add metadata."""
    import onnx
    model = onnx.load_from_string(graph)
    onnx.helper.set_model_props(
        model, {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in facts.items()
        })
    model.producer_name, model.producer_version = 'dksan_mm', __version__
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def _write_pair(paths: Sequence[str], contents: Sequence[bytes], *,
                overwrite: bool) -> None:
    """Write both files before either appears: one alone cannot be run."""

    def write_both(temporary: str) -> None:
        _write(temporary, contents[0])
        write_output(
            paths[1],
            lambda other: _write(other, contents[1]),
            overwrite=overwrite)

    write_output(paths[0], write_both, overwrite=overwrite)


def _write(path: str, content: bytes) -> None:
    with open(path, 'wb') as file:
        file.write(content)

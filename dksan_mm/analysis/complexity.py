# Copyright (c) DKSAN-MM contributors.
"""Costs of a network by part: parameters, multiply-adds, activations, time.

All but the time is counted, not measured: the network runs on tensors that
have a shape but no data, so a count takes seconds and no memory at any size.

One *multiply-add* is one product added to a sum, in

* convolutions and matrix products, as torch's ``flop_counter`` counts them
  (one multiply-add is two of its FLOPs; biases are not counted), to which
  :mod:`dksan_mm.ops.flops` adds the other two;
* deformable convolutions: those of the plain convolution, and 4 per bilinear
  sample, that is 4 per tap, input channel and output pixel;
* deformable kernels, per tap, channel and output pixel: 4 for the sample, 4
  to interpolate the kernel, 1 for their product. In the dense form the last
  is one per cell of the scope, input channel and output channel.

Their offset predictors count as plain convolutions. Not counted: fixed
interpolation (the bicubic skips), pooling, activation functions, and
elementwise products (attention, masks).

*Activations* are the number of output elements of these operations.
"""
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from dksan_mm.models.padding import size_divisor
from dksan_mm.ops import set_backend
from dksan_mm.ops.flops import register_formulas

REST = 'rest'  # everything outside of the parts


def count_cost(model: nn.Module,
               lr_size: tuple[int, int],
               *,
               within: str = '') -> dict:
    """Count the costs of one window of frames.

    Args:
        model (nn.Module): A windowed network, or a model around one
            (``WindowVSR``). It is not changed.
        lr_size (tuple[int, int]): Height and width of the LR frames. The
            window is padded to the network's ``size_divisor``, as by the
            model.
        within (str): Name of a submodule whose parts are counted separately;
            everything else is the rest.

    Returns:
        dict: ``parameters``, ``multiply_adds``, ``activations``, and
        ``parts``, which maps each part (see :func:`network_parts`) and
        ``'rest'`` to these three. Terms are defined above.

    Raises:
        ValueError: If the size is not positive, the model is not windowed, or
            there is no such submodule.
        RuntimeError: If it needs the C++ operators, whose shape functions
            torch uses, and they cannot be built here.
    """
    network = network_of(model)
    named = network_parts(network, within)
    counter = _Counter()
    with _hooks(named, counter.enter, counter.leave):
        _run_on_shapes(network, window_shape(network, lr_size), counter)
    parts = {
        name:
        dict(
            parameters=_count_parameters(part),
            multiply_adds=counter.multiply_adds.get(name, 0),
            activations=counter.activations.get(name, 0))
        for name, part in named.items()
    }
    total = dict(
        parameters=_count_parameters(network),
        multiply_adds=sum(counter.multiply_adds.values()),
        activations=sum(counter.activations.values()))
    parts[REST] = {
        key: value - sum(part[key] for part in parts.values())
        for key, value in total.items()
    }
    return dict(total, parts=parts)


def time_parts(model: nn.Module,
               lr_size: tuple[int, int],
               *,
               rounds: int = 3,
               within: str = '') -> dict:
    """Measure the time of one window on the CPU, without gradients.

    Args:
        model (nn.Module): See :func:`count_cost`.
        lr_size (tuple[int, int]): See :func:`count_cost`.
        rounds (int): Number of runs after a warm-up.
        within (str): See :func:`count_cost`.

    Returns:
        dict: ``seconds`` of the run with the median time, and ``parts``, the
        seconds of each part and of ``'rest'``.

    Raises:
        ValueError: See :func:`count_cost`.
    """
    network = network_of(model)
    window = torch.rand(window_shape(network, lr_size))
    clock = _Clock()
    runs = []
    with torch.no_grad(), _hooks(
            network_parts(network, within), clock.enter, clock.leave):
        for _ in range(1 + rounds):
            clock.parts.clear()
            start = time.perf_counter()
            network(window)
            runs.append((time.perf_counter() - start, dict(clock.parts)))
    seconds, parts = sorted(runs[1:], key=lambda run: run[0])[rounds // 2]
    parts[REST] = seconds - sum(parts.values())
    return dict(seconds=seconds, parts=parts)


def network_of(model: nn.Module) -> nn.Module:
    """Return the network inside a model, or the network itself.

    Raises:
        ValueError: If it is not a windowed network.
    """
    network = getattr(model, 'generator', model)
    if not isinstance(getattr(network, 'num_frames', None), int):
        raise ValueError(f'{type(network).__name__} does not take windows of '
                         'frames: it has no num_frames')
    return network


def network_parts(network: nn.Module,
                  within: str = '') -> dict[str, nn.Module]:
    """Return the parts whose costs are reported.

    These are the submodules that have parameters; a list of modules is
    replaced by its elements, and each element by its own submodules, which
    separates the levels of a cascade.

    Args:
        network (nn.Module): Any network.
        within (str): Name of a submodule to split instead.

    Returns:
        dict[str, nn.Module]: Parts by name, such as ``'levels.0.blocks'``.

    Raises:
        ValueError: If there is no such submodule.
    """
    try:
        module = network.get_submodule(within)
    except AttributeError as error:
        raise ValueError(f'{type(network).__name__} has no part '
                         f'{within!r}') from error
    if not within:
        return dict(_parts(module))
    parts = {f'{within}.{name}': part for name, part in _parts(module)}
    return parts or {within: module}


def _parts(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if not isinstance(child, nn.ModuleList):
            if _count_parameters(child):
                yield name, child
            continue
        for index, element in child.named_children():
            inner = {} if any(True for _ in element.parameters(False)) else \
                dict(_parts(element))
            for key, part in (inner or {'': element}).items():
                yield f'{name}.{index}.{key}'.rstrip('.'), part


@contextmanager
def _hooks(parts: dict[str, nn.Module], enter: Callable[[str], None],
           leave: Callable[[str], None]) -> Iterator[None]:
    """Call functions with the name of a part before and after it runs."""
    handles = []
    for name, part in parts.items():
        handles += [
            part.register_forward_pre_hook(lambda *_, name=name: enter(name)),
            part.register_forward_hook(lambda *_, name=name: leave(name))
        ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def window_shape(network: nn.Module, lr_size: tuple[int, int]) -> list[int]:
    """Return the shape of the network's padded window for an LR size.

    Raises:
        ValueError: If the size is not positive.
    """
    if len(lr_size) != 2 or min(lr_size) < 1:
        raise ValueError(f'lr_size must be two positive numbers, got '
                         f'{tuple(lr_size)}')
    divisor = size_divisor(network)
    num_frames: Any = network.num_frames
    size = [-(-length // divisor) * divisor for length in lr_size]
    return [1, num_frames, 3, *size]


class _Clock:
    """Sums the seconds spent in each part."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self._start = 0.

    def enter(self, name: str) -> None:
        """Start timing a part."""
        self._start = time.perf_counter()

    def leave(self, name: str) -> None:
        """Stop timing the part."""
        seconds = time.perf_counter() - self._start
        self.parts[name] = self.parts.get(name, 0.) + seconds


class _Counter(TorchDispatchMode):
    """Counts the operations of torch, by the part that calls them."""

    def __init__(self) -> None:
        super().__init__()
        self.part = REST
        self.multiply_adds: dict[str, int] = {}
        self.activations: dict[str, int] = {}

    def enter(self, name: str) -> None:
        """Assign the following operations to a part."""
        self.part = name

    def leave(self, name: str) -> None:
        """Assign the following operations to the rest."""
        self.part = REST

    def __torch_dispatch__(self,
                           function,
                           types,
                           args: tuple = (),
                           kwargs: dict | None = None):
        kwargs = kwargs or {}
        out = function(*args, **kwargs)
        count = _multiply_adds(function, args, kwargs, out)
        if count is not None:
            for counts, value in ((self.multiply_adds, count),
                                  (self.activations, out.numel())):
                counts[self.part] = counts.get(self.part, 0) + value
        return out


def _multiply_adds(function, args: tuple, kwargs: dict,
                   out: Tensor) -> int | None:
    """Return the multiply-adds of one operation; None if not counted."""
    from torch.utils.flop_counter import flop_registry
    formula = flop_registry.get(function._overloadpacket)
    return formula and formula(*args, **kwargs, out_val=out) // 2


def _run_on_shapes(network: nn.Module, shape: list[int],
                   counter: _Counter) -> None:
    """Run the network on a window without data, on the CPU's code path."""
    register_formulas()
    # This import takes a second.
    from torch._subclasses.fake_tensor import FakeTensorMode
    with torch.no_grad(), set_backend('cpp'), \
            FakeTensorMode(allow_non_fake_inputs=True):
        state = {
            name: torch.empty(tensor.shape, dtype=tensor.dtype)
            for name, tensor in (*network.named_parameters(),
                                 *network.named_buffers())
        }
        dtype = next(network.parameters(), torch.empty(0)).dtype
        window = torch.empty(shape, dtype=dtype)
        with counter:
            functional_call(network, state, window)


def _count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())

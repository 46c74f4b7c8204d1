# Copyright (c) DKSAN-MM contributors.
"""Times and memory of operators, relative to one that they are paired with.

On a busy machine, only the ratio of times in the same round is reliable.
"""
import ctypes
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

UNIT = 'dense 3x3 conv2d'  # name of the operator that the ratios refer to
MEGABYTE = 2**20


class Operator(NamedTuple):
    """An operator to time.

    Attributes:
        run (Callable): Computes the output from ``inputs`` without
            parameters.
        inputs (list[Tensor]): Inputs, including the parameters of a layer.
    """
    run: Callable
    inputs: list


class Times(NamedTuple):
    """Median milliseconds, and median ratio to the unit."""
    milliseconds: float
    ratio: float


# Gradient of the output, created in a round of the warm-up.
_grads_out: dict[Any, Any] = {}


def forward(operator: Operator) -> None:
    """Run an operator without gradients."""
    import torch
    with torch.no_grad():
        operator.run(*_arguments(operator))


def training_step(operator: Operator) -> tuple:
    """Return an operator's output and the gradients of all its inputs."""
    import torch
    out = operator.run(*_arguments(operator))
    key = out.shape, out.dtype, out.device
    if key not in _grads_out:
        _grads_out.clear()
        _grads_out[key] = torch.ones_like(out)
    return out, torch.autograd.grad(out, operator.inputs, _grads_out[key])


def _arguments(operator: Operator) -> list:
    """Return the inputs without the parameters that a layer holds."""
    import torch
    return [
        t for t in operator.inputs if not isinstance(t, torch.nn.Parameter)
    ]


def time_paired(
        operators: dict[str, Operator],
        step: Callable,
        rounds: int,
        clock: Callable[[], float] = time.perf_counter) -> dict[str, Times]:
    """Time all operators in turns, one after the other in each round.

    Args:
        operators (dict[str, Operator]): Operators by name, with ``UNIT``.
        step (Callable): :func:`forward` or :func:`training_step`.
        rounds (int): Number of rounds, after two of warm-up.
        clock (Callable): Returns seconds.

    Returns:
        dict[str, Times]: Medians by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in operators}
    for number in range(rounds + 2):
        for name, operator in operators.items():
            _wait(operator)
            start = clock()
            step(operator)
            _wait(operator)
            if number >= 2:
                seconds[name].append(clock() - start)
    return {
        name:
        Times(1000 * statistics.median(values),
              statistics.median(a / b for a, b in zip(values, seconds[UNIT])))
        for name, values in seconds.items()
    }


def _wait(operator: Operator) -> None:
    """Wait until the GPU has finished."""
    import torch
    if operator.inputs[0].is_cuda:
        torch.cuda.synchronize()


def peak_memory(step: Callable, operator: Operator) -> float | None:
    """Measure the memory of a step, including its results.

    Args:
        step (Callable): :func:`forward` or :func:`training_step`.
        operator (Operator): Operator on the CPU.

    Returns:
        float | None: Peak above the memory held before, in MB of 2**20 bytes;
        None if the system does not report it. Linux does.
    """
    from dksan_mm.utils.process_memory import (forget_peak,
                                               peak_resident_memory,
                                               resident_memory)
    if not forget_peak():
        return None
    step(operator)
    ctypes.CDLL('libc.so.6').malloc_trim(0)
    before = resident_memory()
    forget_peak()
    result = step(operator)
    peak = peak_resident_memory() - before
    del result
    return peak / MEGABYTE

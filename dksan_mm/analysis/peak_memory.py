# Copyright (c) DKSAN-MM contributors.
"""Peak memory of a forward pass in a process of its own."""
import contextlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from mmengine.config import Config


def peak_memory(config: Config,
                lr_size: tuple[int, int],
                *,
                threads: int | None = None) -> int:
    """Measure the peak memory of one window on the CPU.

    A new process builds the network and runs it once without gradients, so
    that earlier runs have no influence.

    Args:
        config (Config): Config with ``model`` and ``custom_imports``.
        lr_size (tuple[int, int]): Height and width of the LR frames.
        threads (int, optional): Number of torch threads.

    Returns:
        int: Growth of resident memory in bytes, from before the network was
        built to the peak: weights, activations, output.

    Raises:
        ValueError: If the size is not positive, or the model is not windowed.
        MemoryError: If the process was killed, most likely for lack of
            memory.
    """
    try:
        return in_new_process(_measure, config, lr_size, threads)
    except BrokenProcessPool as error:
        raise MemoryError(f'the process that ran a window of {lr_size} '
                          'was killed') from error


Result = TypeVar('Result')


def in_new_process(function: Callable[..., Result], *arguments:
                   object) -> Result:
    """Call a module-level function in a fresh process.

    Args:
        function (Callable): The function.
        *arguments: Its arguments, which must be picklable.

    Returns:
        object: Its result.

    Raises:
        BrokenProcessPool: If the process was killed.
    """
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def _measure(config: Config, lr_size: tuple[int, int],
             threads: int | None) -> int:
    """Measure in the process that was started for it."""
    import torch
    from mmengine.registry import init_default_scope

    from dksan_mm.cli import launch
    from dksan_mm.utils.process_memory import resident_memory
    from .complexity import network_of, window_shape
    from .meter import Meter
    if threads:
        torch.set_num_threads(threads)
    with contextlib.redirect_stdout(None):
        launch.import_modules(config)
    init_default_scope(config.get('default_scope', 'mmagic'))
    from mmagic.registry import MODELS
    before = resident_memory()
    model = MODELS.build(config.model).eval()
    network, meter = network_of(model), Meter(torch.device('cpu'), before)
    run = meter.wrap(getattr(model, 'evaluator', None) or network)
    with torch.no_grad():
        run(torch.rand(window_shape(network, lr_size)))
    _, peak = meter.last or (0., 0)  # one run has been measured
    return peak

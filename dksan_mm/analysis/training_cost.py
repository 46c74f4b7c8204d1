# Copyright (c) DKSAN-MM contributors.
"""Costs of a training step: time, memory, and waiting for data."""
import contextlib
import statistics
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

from mmengine.config import Config

from dksan_mm.utils.steps import named_steps
from .peak_memory import in_new_process

NUM_COPIES = 4  # of the parameters: with gradients and Adam's two moments


class StepCost(NamedTuple):
    """Costs of a training step in one process.

    Attributes:
        parameters (int): Number of parameters of the network.
        precision (str): dtype of autocast, or float32.
        batch (int): Number of samples.
        lr_size (int): Side of the LR crops in pixels.
        seconds (float): Median time of a step on a loaded batch.
        memory (int): Peak in bytes above the memory before the network was
            built: weights, gradients, optimizer, activations. On a GPU, of
            torch's allocations.
        data_share (float, optional): Share of the time spent waiting for the
            data loader; None without data.
    """
    parameters: int
    precision: str
    batch: int
    lr_size: int
    seconds: float
    memory: int
    data_share: float | None


def measure_step(config: Config,
                 *,
                 steps: int = 5,
                 device: str = 'cpu',
                 threads: int | None = None,
                 with_data: bool = False) -> StepCost:
    """Measure training steps as in tools/train.py.

    A new process builds the config's model and optimizer and trains on noise,
    with its ``compile``, ``optim_wrapper`` and batch size.

    Args:
        config (Config): The whole config.
        steps (int): Number of timed steps, after two warm-up steps.
        device (str): ``'cpu'`` or ``'cuda'``.
        threads (int, optional): Number of torch threads on the CPU.
        with_data (bool): Whether to train as many steps on the config's data.

    Returns:
        StepCost: The costs.

    Raises:
        MemoryError: If the process was killed, most likely for lack of
            memory.
    """
    try:
        return in_new_process(_measure_alone, config, steps, device, threads,
                              with_data)
    except BrokenProcessPool as error:
        raise MemoryError('the process that trained was killed') from error


def _measure_alone(*arguments: Any) -> StepCost:
    """Run :func:`measure_here` with the allocator of tools/train.py."""
    from dksan_mm.utils.allocator import keep_freed_memory
    keep_freed_memory()
    return measure_here(*arguments)


def measure_here(config: Config, steps: int, device: str, threads: int | None,
                 with_data: bool) -> StepCost:
    """Run :func:`measure_step` in this process."""
    import torch

    from dksan_mm.cli import launch
    if threads:
        torch.set_num_threads(threads)
    with contextlib.redirect_stdout(None):
        launch.import_modules(config)
    from mmengine.registry import init_default_scope
    init_default_scope(config.get('default_scope', 'mmagic'))
    base = _begin_memory(device)
    model, optim_wrapper = build_step(config, device)
    batch = _noise(config, model.generator)

    def step(data: dict) -> float:
        start = time.perf_counter()
        model.train_step(data, optim_wrapper)
        if device == 'cuda':
            torch.cuda.synchronize()
        return time.perf_counter() - start

    seconds = [step(batch) for _ in range(steps + 2)][2:]
    # The system's counters lag by some pages: the peak may seem lower.
    memory = max(_peak_memory(device) - base, 0)
    return StepCost(
        sum(parameter.numel() for parameter in model.generator.parameters()),
        _precision(optim_wrapper), len(batch['inputs']),
        batch['inputs'][0].shape[-1], statistics.median(seconds), memory,
        _data_share(config, step, steps) if with_data else None)


def build_step(config: Config, device: str) -> tuple:
    """Build the model on its device, and the optimizer wrapper."""
    import torch
    from mmagic.registry import MODELS
    from mmengine.optim import build_optim_wrapper
    model = MODELS.build(config.model).to(device).train()
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    settings = config.get('compile')
    if settings:  # as in mmengine's Runner
        settings = settings if isinstance(settings, dict) else {}
        model.train_step = torch.compile(model.train_step, **settings)
    return model, optim_wrapper


def _precision(optim_wrapper) -> str:
    dtype = getattr(optim_wrapper, 'dtype', None)
    return str(dtype).rpartition('.')[2] if dtype else 'float32'


def _noise(config: Config, network) -> dict:
    """Make a batch of noise in the form of the data loader's."""
    import torch
    from mmagic.structures import DataSample
    hr_size, scale = crop_size(config), network.scale
    shapes = ((network.num_frames, 3, hr_size // scale, hr_size // scale),
              (3, hr_size, hr_size))
    inputs, targets = ([
        torch.randint(256, shape, dtype=torch.uint8)
        for _ in range(config.train_dataloader.batch_size)
    ] for shape in shapes)
    return dict(
        inputs=inputs, data_samples=[DataSample(gt_img=t) for t in targets])


def crop_size(config: Config) -> int:
    """Return the side of the HR crops that a config trains on, in pixels.

    Raises:
        ValueError: If the pipeline does not state it.
    """
    steps = named_steps(config.train_dataloader.dataset.pipeline)
    sizes = [
        step['gt_patch_size'] for step in steps.values()
        if 'gt_patch_size' in step
    ]
    if sizes:
        return min(sizes)  # SyntheticMotion keeps the centre of a crop
    raise ValueError('the pipeline of train_dataloader states no '
                     'gt_patch_size')


def _data_share(config: Config, step, steps: int) -> float:
    """Measure the share of time spent waiting in training on real data."""
    from mmengine.runner import Runner
    loader = Runner.build_dataloader(config.train_dataloader, seed=0)
    times = list(_waiting_and_working(iter(loader), step, steps + 2))[2:]
    waiting, working = map(sum, zip(*times))
    return waiting / (waiting + working)


def _waiting_and_working(batches: Iterator[dict], step,
                         steps: int) -> Iterator[tuple[float, float]]:
    """Yield the seconds of waiting for each batch and of its step."""
    for _ in range(steps):
        start = time.perf_counter()
        batch = next(batches)
        yield time.perf_counter() - start, step(batch)


def _begin_memory(device: str) -> int:
    """Return the bytes in use and reset the peak."""
    from dksan_mm.utils.process_memory import forget_peak, resident_memory
    if device == 'cuda':
        import torch
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    forget_peak()
    return resident_memory()


def _peak_memory(device: str) -> int:
    from dksan_mm.utils.process_memory import peak_resident_memory
    if device == 'cuda':
        import torch
        return torch.cuda.max_memory_allocated()
    return peak_resident_memory()


class RunCost(NamedTuple):
    """Predicted costs of a whole training on several GPUs.

    Attributes:
        step_seconds (float): Time of an update.
        sent (int): Bytes that each GPU sends per update.
        samples_per_second (float): Throughput of all GPUs.
        hours (float): Time of all updates.
    """
    step_seconds: float
    sent: int
    samples_per_second: float
    hours: float


def predict_run(cost: StepCost, gpus: int, *, total_batch: int, updates: int,
                bandwidth: float) -> RunCost:
    """Extrapolate a measured step to a training on several GPUs.

    Assumes that the time of a step is proportional to its samples, and that
    the gradients (4 bytes each) are exchanged by a ring all-reduce, in which
    each of N GPUs sends 2 (N - 1) / N times their size, without overlap.

    Args:
        cost (StepCost): Costs of a step on one GPU.
        gpus (int): Number of GPUs, N.
        total_batch (int): Number of samples per update, shared equally.
        updates (int): Number of updates of the training.
        bandwidth (float): Bytes per second that a GPU can send.

    Returns:
        RunCost: The prediction.
    """
    sent = 4 * cost.parameters * 2 * (gpus - 1) // gpus
    seconds = cost.seconds / cost.batch * total_batch / gpus
    seconds += sent / bandwidth
    return RunCost(seconds, sent, total_batch / seconds,
                   seconds * updates / 3600)

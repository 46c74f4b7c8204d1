# Copyright (c) DKSAN-MM contributors.
"""Costs of a training step: time, memory, and waiting for data."""
import contextlib
import statistics
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

from mmengine.config import Config

from dksan_mm.utils.steps import named_steps
from .peak_memory import in_new_process

NUM_COPIES = 4  # of parameters: they, gradients, Adam's two moments


class StepCost(NamedTuple):
    """The cost of one training step of one process.

    Attributes:
        parameters (int): Of the network.
        precision (str): Type that autocast uses, or float32.
        batch (int): Samples of the step.
        lr_size (int): Side of the LR crops.
        seconds (float): Median time of a step on a batch at hand.
        memory (int): Bytes at the peak, beyond those before the network was
            built: weights, gradients, optimizer, activations. On a GPU, of
            torch's allocations.
        data_share (float, optional): Share of the time of a step that is
            spent waiting for the data loader; None: no data were given.
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
    """Measure training steps as tools/train.py makes them.

    A new process builds the model and the optimizer of the config and trains
    on noise; its ``compile``, ``optim_wrapper`` and batch size are heeded.

    Args:
        config (Config): The whole config.
        steps (int): Steps timed, after two that warm up.
        device (str): ``'cpu'`` or ``'cuda'``.
        threads (int, optional): Threads of torch on the CPU.
        with_data (bool): Train as many steps on the config's data besides.

    Returns:
        StepCost: The cost.

    Raises:
        MemoryError: If the process was killed, for want of memory most
            likely.
    """
    try:
        return in_new_process(measure_here, config, steps, device, threads,
                              with_data)
    except BrokenProcessPool as error:
        raise MemoryError('the process that trained was killed') from error


def measure_here(config: Config, steps: int, device: str, threads: int | None,
                 with_data: bool) -> StepCost:
    """:func:`measure_step`, in this process."""
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
    # The system's counts lag by some pages: a peak may seem to be below.
    memory = max(_peak_memory(device) - base, 0)
    return StepCost(
        sum(parameter.numel() for parameter in model.generator.parameters()),
        _precision(optim_wrapper), len(batch['inputs']),
        batch['inputs'][0].shape[-1], statistics.median(seconds), memory,
        _data_share(config, step, steps) if with_data else None)


def build_step(config: Config, device: str) -> tuple:
    """The model on its device, and the optimizer wrapper."""
    import torch
    from mmagic.registry import MODELS
    from mmengine.optim import build_optim_wrapper
    model = MODELS.build(config.model).to(device).train()
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    settings = config.get('compile')
    if settings:  # as mmengine's Runner does it
        settings = settings if isinstance(settings, dict) else {}
        model.train_step = torch.compile(model.train_step, **settings)
    return model, optim_wrapper


def _precision(optim_wrapper) -> str:
    dtype = getattr(optim_wrapper, 'dtype', None)
    return str(dtype).rpartition('.')[2] if dtype else 'float32'


def _noise(config: Config, network) -> dict:
    """A batch of noise as the data loader makes it."""
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
    """Side of the HR crops that a config trains on.

    Raises:
        ValueError: If its pipeline does not state it.
    """
    steps = named_steps(config.train_dataloader.dataset.pipeline)
    sizes = [
        step['gt_patch_size'] for step in steps.values()
        if 'gt_patch_size' in step
    ]
    if sizes:
        return min(sizes)  # SyntheticMotion leaves the middle of a crop
    raise ValueError('the pipeline of train_dataloader states no '
                     'gt_patch_size')


def _data_share(config: Config, step, steps: int) -> float:
    """Share of the time between steps in a training on real data."""
    from mmengine.runner import Runner
    loader = Runner.build_dataloader(config.train_dataloader, seed=0)
    times = list(_waiting_and_working(iter(loader), step, steps + 2))[2:]
    waiting, working = map(sum, zip(*times))
    return waiting / (waiting + working)


def _waiting_and_working(batches: Iterator[dict], step,
                         steps: int) -> Iterator[tuple[float, float]]:
    """Seconds until each batch is there, and of the step on it."""
    for _ in range(steps):
        start = time.perf_counter()
        batch = next(batches)
        yield time.perf_counter() - start, step(batch)


def _begin_memory(device: str) -> int:
    """Return the bytes in use; start a new record of the peak."""
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
    """A whole training on some GPUs, computed from one's step.

    Attributes:
        step_seconds (float): Time of an update.
        sent (int): Bytes that each GPU sends for an update.
        samples_per_second (float): Of all GPUs.
        hours (float): Of all updates.
    """
    step_seconds: float
    sent: int
    samples_per_second: float
    hours: float


def predict_run(cost: StepCost, gpus: int, *, total_batch: int, updates: int,
                bandwidth: float) -> RunCost:
    """Extrapolate a measured step to a training on several GPUs.

    Assumes that a step's time is in proportion to its samples, that the
    gradients (4 bytes each) are sent by a ring all-reduce, 2 (N - 1) / N
    times their size from each of N GPUs, and none of it while computing.

    Args:
        cost (StepCost): Of one GPU.
        gpus (int): N.
        total_batch (int): Samples of an update, shared equally.
        updates (int): Updates of the training.
        bandwidth (float): Bytes that a GPU sends in a second.

    Returns:
        RunCost: The prediction.
    """
    sent = 4 * cost.parameters * 2 * (gpus - 1) // gpus
    seconds = cost.seconds / cost.batch * total_batch / gpus
    seconds += sent / bandwidth
    return RunCost(seconds, sent, total_batch / seconds,
                   seconds * updates / 3600)

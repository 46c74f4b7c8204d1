# Copyright (c) DKSAN-MM contributors.
"""Adaptation of configs to the number of processes and the precision."""
import os

from mmengine.config import Config

from dksan_mm.utils.errors import UserError

PRECISIONS = dict(bf16='bfloat16', fp16='float16')
_PROCESSES = dict(
    pytorch='WORLD_SIZE', slurm='SLURM_NTASKS', mpi='OMPI_COMM_WORLD_SIZE')


def num_processes(launcher: str) -> int:
    """Return the number of processes, as set by the launcher."""
    return int(os.environ.get(_PROCESSES.get(launcher, ''), 1))


def base_batch(config: Config) -> int | None:
    """Return the total batch size for the config's learning rate."""
    return (config.get('auto_scale_lr') or {}).get('base_batch_size')


def spread_batch(config: Config, total: int) -> None:
    """Set the total batch size for any number of processes.

    Each process loads its share in every iteration. A share larger than the
    config's ``train_dataloader.batch_size``, which is assumed to fit into
    memory, is processed in equal parts.

    Args:
        config (Config): Whole config, changed in place.
        total (int): Number of samples per update.

    Raises:
        UserError: If the processes cannot have equal shares.
    """
    processes = num_processes(config.launcher)
    share, rest = divmod(total, processes)
    if share < 1 or rest:
        raise UserError(f'--total-batch {total} cannot be shared equally by '
                        f'{processes} processes; --auto-scale-lr takes '
                        'another batch, and scales the learning rate')
    most = config.train_dataloader.batch_size
    parts = next(
        parts for parts in range(1, share + 1)
        if share % parts == 0 and share // parts <= most)
    config.train_dataloader.batch_size = share
    _use_own_wrapper(config, '--total-batch')
    config.optim_wrapper.accumulative_counts = parts


def batch_note(config: Config) -> str:
    """Return a note if the learning rate does not match the batch size."""
    base, settings = base_batch(config), config.get('auto_scale_lr') or {}
    batch = config.train_dataloader.get('batch_size') or 0
    batch *= num_processes(config.launcher)
    if not base or batch == base or settings.get('enable'):
        return ''
    return (f'an update has {batch} samples, and the learning rate is meant '
            f'for {base}: use --total-batch to get this number, or '
            '--auto-scale-lr to scale the rate')


def use_autocast(config: Config, precision: str) -> None:
    """Enable autocast in training.

    Args:
        config (Config): Whole config, changed in place.
        precision (str): ``'bf16'`` or ``'fp16'``.

    Raises:
        UserError: If the hardware does not support it.
    """
    import torch
    if not torch.cuda.is_available():
        if precision == 'fp16':
            raise UserError('--amp fp16 needs a GPU; use --amp bf16 on a CPU')
    elif precision == 'bf16' and not torch.cuda.is_bf16_supported(
            including_emulation=False):
        raise UserError('this GPU has no bfloat16; use --amp fp16')
    _use_own_wrapper(config, '--amp')
    config.optim_wrapper.dtype = PRECISIONS[precision]


def _use_own_wrapper(config: Config, option: str) -> None:
    found = config.optim_wrapper.get('type', 'OptimWrapper')
    if found not in ('OptimWrapper', 'StepOptimWrapper'):
        raise UserError(f'{option} works with the optimizer wrapper '
                        f'StepOptimWrapper; the config has {found}')
    config.optim_wrapper.type = 'StepOptimWrapper'


def data_parallel(config: Config) -> dict:
    """Return the config of the wrapper that averages gradients.

    A model on a CPU must not have device ids. The type includes its scope;
    otherwise, mmengine's Runner does not search mmagic's registry.
    """
    import torch
    wrapper = dict(
        type='mmagic.PartsDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=config.get('find_unused_parameters', False))
    wrapper.update(config.get('model_wrapper_cfg') or {})
    if not torch.cuda.is_available():
        wrapper.update(device_ids=None)
    return wrapper

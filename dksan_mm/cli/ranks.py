# Copyright (c) DKSAN-MM contributors.
"""Processes of torchrun, which share the jobs."""
import os
from datetime import timedelta


def rank() -> int:
    """Return the rank of this process; 0 without torchrun."""
    return int(os.environ.get('RANK', 0))


def world_size() -> int:
    """Return the number of processes; 1 without torchrun."""
    return int(os.environ.get('WORLD_SIZE', 1))


def sum_over_ranks(number: int) -> int:
    """Sum a number over all processes, once all have reached this call.

    torchrun stops the others when one fails.

    Args:
        number (int): Number of this process.

    Returns:
        int: The sum, in every process.
    """
    if world_size() == 1:
        return number
    import torch
    from torch import distributed
    distributed.init_process_group('gloo', timeout=timedelta(days=365))
    total = torch.tensor(number)
    distributed.all_reduce(total)
    distributed.destroy_process_group()
    return int(total)

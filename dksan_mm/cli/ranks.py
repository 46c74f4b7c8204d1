# Copyright (c) DKSAN-MM contributors.
"""The processes of torchrun, each of which does a share of the jobs."""
import os
from datetime import timedelta


def rank() -> int:
    """Number of this process, 0 without torchrun."""
    return int(os.environ.get('RANK', 0))


def world_size() -> int:
    """Number of processes, 1 without torchrun."""
    return int(os.environ.get('WORLD_SIZE', 1))


def sum_over_ranks(number: int) -> int:
    """Add up a number over all processes, once all have reached this.

    torchrun stops the others when one fails.

    Args:
        number (int): This process's.

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

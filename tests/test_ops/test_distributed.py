# Copyright (c) DKSAN-MM contributors.
"""The layer under DistributedDataParallel."""
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.testing import assert_close

from dksan_mm.ops import DeformKernelConv2d

pytestmark = pytest.mark.processes


class Twice(nn.Module):
    """One layer used twice, as in a recurrent network."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = DeformKernelConv2d(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x))


def make_model() -> Twice:
    torch.manual_seed(1)
    model = Twice()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=.2)
    return model.double()


def make_batch() -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(4, 4, 9, 8, generator=generator, dtype=torch.float64)


def train_step(rank: int, folder: str) -> None:
    """Run one process; return the averaged gradients of its half."""
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/group', rank=rank, world_size=2)
    model = nn.parallel.DistributedDataParallel(make_model())
    model(make_batch()[2 * rank:2 * rank + 2]).square().mean().backward()
    torch.save([p.grad for p in model.parameters()], f'{folder}/{rank}.pt')
    dist.destroy_process_group()


def test_a_layer_used_twice_in_two_processes(tmp_path):
    mp.spawn(train_step, (str(tmp_path), ), nprocs=2)
    model = make_model()
    model(make_batch()).square().mean().backward()
    for rank in (0, 1):
        grads = torch.load(tmp_path / f'{rank}.pt')
        for grad, (name, parameter) in zip(grads, model.named_parameters()):
            assert_close(grad, parameter.grad, rtol=0, atol=1e-12)
            assert grad.abs().max() > 1e-4, name

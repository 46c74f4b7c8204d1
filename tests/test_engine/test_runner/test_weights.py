# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from torch.testing import assert_close

from dksan_mm.engine.runner.checkpoint import read_checkpoint
from dksan_mm.engine.runner.weights import write_weights


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_what_is_written_is_read_again(tmp_path, suffix):
    weights = dict(
        part=torch.arange(1000.)[:4],
        last=torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last),
        learned=torch.ones(3, requires_grad=True))
    path = tmp_path / f'weights{suffix}'
    write_weights(str(path), weights)
    found = read_checkpoint(str(path))['state_dict']
    assert_close(found, {n: v.detach() for n, v in weights.items()})
    assert all(value.is_contiguous() for value in found.values())
    # Nothing of the thousand numbers that four are a view of.
    assert path.stat().st_size < 4000

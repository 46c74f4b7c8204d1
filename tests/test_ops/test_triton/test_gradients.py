# Copyright (c) DKSAN-MM contributors.
import pytest
import torch

from dksan_mm.ops.triton.gradients import add_up, allocate

WANTED = [True, True, True, False, True]


def tensors(n=2, dtype=torch.float32):
    x = torch.empty(n, 3, 4, 5, dtype=dtype)
    weight = torch.empty(3, 7, dtype=torch.float64)
    offset, mask = torch.empty(n, 18, 4, 5), torch.empty(n, 9, 4, 5)
    return [x, weight, offset, None, mask]


def test_each_wanted_gradient_has_room_for_its_shares():
    shares = allocate(tensors(), WANTED, (6, 7, 3), 4)
    assert [None if share is None else tuple(share.shape)
            for share in shares] == [(2, 4, 5, 3), (6, 7, 3), (8, 18, 4, 5),
                                     None, (8, 9, 4, 5)]
    assert not shares[0].any()  # which is added to
    assert allocate(tensors(), [False] * 5, (6, 7, 3), 4) == [None] * 5


@pytest.mark.parametrize('parts', [1, 4])
def test_shares_are_added_up_in_the_types_of_the_tensors(parts):
    given = tensors(dtype=torch.bfloat16)
    shares = allocate(given, WANTED, (6, 7, 3), parts)
    for number, share in enumerate(shares):
        if share is not None:
            share.fill_(number + 1)
    found = add_up(given, shares, torch.t)
    assert [grad.shape for grad in found
            ] == [tensor.shape for tensor in given if tensor is not None]
    assert [grad.dtype for grad in found
            ] == [torch.bfloat16, torch.float64, torch.float32, torch.float32]
    assert [grad.unique().tolist() for grad in found] == [[1.], [12.],
                                                          [3. * parts],
                                                          [5. * parts]]


def test_an_empty_batch_has_empty_gradients():
    given = tensors(n=0)
    found = add_up(given, allocate(given, WANTED, (0, 7, 3), 4), torch.t)
    assert [len(grad) for grad in found] == [0, 3, 0, 0]
    assert not found[1].any()

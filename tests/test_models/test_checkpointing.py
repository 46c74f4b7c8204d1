# Copyright (c) DKSAN-MM contributors.
"""Activation checkpointing."""
import pytest
import torch
from helpers.training_steps import DKSAN, EDVR, build_model, draw_batch

NETWORKS = dict(dksan=DKSAN, edvr=EDVR)


def gradients(model, half=False):
    """Return gradients of a step, and bytes kept for its backward pass."""
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    data = model.data_preprocessor(draw_batch(0, 1), True)
    data['inputs'] = data['inputs'].float()
    data['data_samples'].gt_img = data['data_samples'].gt_img.float()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        with torch.autocast('cpu', torch.bfloat16, enabled=half):
            loss = model(**data, mode='loss')['loss']
    loss.backward()
    found = {name: p.grad for name, p in model.named_parameters()}
    return found, sum(kept.values())


@pytest.mark.parametrize('half', [False, True])
@pytest.mark.parametrize('name, share', [('dksan', 0.3), ('edvr', 0.7)])
def test_checkpointing_keeps_less_and_changes_no_bit(name, share, half):
    blocks = dict(num_blocks=(2, 2, 2, 2) if name == 'dksan' else 4)
    networks = (
        dict(NETWORKS[name], **blocks, with_cp=cp) for cp in (False, True))
    (plain, all_kept), (again, some_kept) = (
        gradients(build_model(network, torch.float32), half)
        for network in networks)
    for key, gradient in plain.items():
        assert torch.equal(again[key], gradient), key
    assert some_kept < share * all_kept

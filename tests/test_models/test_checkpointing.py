# Copyright (c) DKSAN-MM contributors.
"""Activation checkpointing and channels last."""
import pytest
import torch
from helpers.training_steps import DKSAN, EDVR, build_model, draw_batch
from torch.testing import assert_close

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


@pytest.mark.parametrize('name', NETWORKS)
def test_channels_last_changes_memory_and_nothing_else(name):
    models = [
        build_model(NETWORKS[name], torch.float32, channels_last=last)
        for last in (False, True)
    ]
    for model, last in zip(models, (False, True)):
        weight = model.generator.conv_last.weight if name == 'edvr' else \
            model.generator.levels[3].upscale[2 + 1].weight
        assert weight.is_contiguous(memory_format=torch.channels_last) == last
    first, second = (model.state_dict() for model in models)
    for key, value in first.items():
        assert torch.equal(second[key], value), key
    (plain, _), (found, _) = map(gradients, models)
    for key, gradient in plain.items():
        scale = float(gradient.abs().max())
        assert_close(
            found[key],
            gradient,
            rtol=0,
            atol=1e-4 * scale + 1e-9,
            msg=lambda text: f'{key}: {text}')

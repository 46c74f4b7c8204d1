# Copyright (c) DKSAN-MM contributors.
import torch

from dksan_mm.engine.hooks import PlainWeightsHook


def load(checkpoint):
    PlainWeightsHook().after_load_checkpoint(None, checkpoint)
    return checkpoint


def test_plain_weights_become_those_of_a_checkpoint():
    weights = dict(a=torch.ones(2))
    checkpoint = load(dict(weights))
    assert checkpoint == dict(state_dict=weights)
    assert checkpoint['state_dict']['a'] is weights['a']


def test_a_checkpoint_stays_as_it_is():
    checkpoint = dict(state_dict=dict(a=1), meta=dict(iter=3))
    assert load(dict(checkpoint)) == checkpoint

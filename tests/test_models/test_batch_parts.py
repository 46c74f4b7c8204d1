# Copyright (c) DKSAN-MM contributors.
"""A batch in parts or over processes has the gradients of the batch.

Everything is in float64, where sums in another order differ by 1e-15 of their
terms.
"""
import pytest
import torch
from helpers.training_steps import (DKSAN, EDVR, build_model, build_optimizer,
                                    draw_batch, train, train_together)
from torch.multiprocessing import start_processes
from torch.testing import assert_close

from dksan_mm.comparison.processes import _start_server

CASES = {
    'dksan': (DKSAN, {}),
    'dksan-channels-last': (DKSAN, dict(channels_last=True)),
    'dksan-in-parts': (DKSAN, dict(parts=2)),
    'edvr': (EDVR, {}),
}


@pytest.fixture(scope='module')
def alone():
    """Return gradients and weights of one process with the whole batch."""
    return {'dksan': train(DKSAN), 'edvr': train(EDVR)}


@pytest.fixture(scope='module')
def together(tmp_path_factory):
    """Return those of two processes, for each case."""
    folder = tmp_path_factory.mktemp('together')
    _start_server()  # with mmagic in it, for the comparisons' tests too
    start_processes(
        train_together, (str(folder), CASES),
        nprocs=2,
        start_method='forkserver')
    return {name: torch.load(folder / f'{name}.pth') for name in CASES}


def assert_same(found, expected):
    gradients, weights = found
    assert sum(value.norm() for value in expected[0].values()) > 1e-3
    assert_close(gradients, expected[0], rtol=0, atol=1e-12)
    # Adam divides by a gradient's size, whatever its rounding error.
    assert_close(weights, expected[1], rtol=0, atol=1e-9)


@pytest.mark.parametrize('parts', [2, 4])
@pytest.mark.parametrize('name, network', [('dksan', DKSAN), ('edvr', EDVR)])
def test_parts_of_a_batch_have_its_gradients(name, network, parts, alone):
    assert_same(train(network, parts=parts), alone[name])


@pytest.mark.processes
@pytest.mark.parametrize('name', CASES)
def test_two_processes_have_the_gradients_of_one(name, together, alone):
    assert_same(together[name], alone[name.partition('-')[0]])


def test_what_is_logged_is_the_whole_batch_s():
    logs = []
    for parts in (1, 2):
        model = build_model(DKSAN)
        optimizer = build_optimizer(model, accumulative_counts=parts)
        logs.append(model.train_step(draw_batch(0), optimizer))
    assert logs[0].keys() == logs[1].keys() == {'loss'}
    assert_close(logs[1]['loss'], logs[0]['loss'], rtol=0, atol=1e-14)
    assert not logs[1]['loss'].requires_grad


def test_parts_that_are_not_equal_are_refused():
    model = build_model(DKSAN)
    optimizer = build_optimizer(model, accumulative_counts=3)
    with pytest.raises(ValueError, match='batch of 4 .* into 3 equal parts'):
        model.train_step(draw_batch(0), optimizer)


@pytest.mark.parametrize('batch, said', [
    (dict(img=[], clip=[]), "no 'inputs', only img, clip: the last step of"),
    (dict(inputs=[torch.zeros(7, 3, 4, 4),
                  torch.zeros(9, 3, 4, 4)]),
     r'got \(7, 3, 4, 4\) and \(9, 3, 4, 4\): the pipeline must select'),
])
def test_pipelines_without_a_step_are_named(batch, said):
    with pytest.raises(ValueError, match=said):
        build_model(DKSAN).train_step(batch, None)

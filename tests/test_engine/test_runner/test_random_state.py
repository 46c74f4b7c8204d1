# Copyright (c) DKSAN-MM contributors.
import random

import numpy as np
import pytest
import torch

from dksan_mm.engine.runner.random_state import (kept_random_state,
                                                 random_state,
                                                 set_random_state)

DRAWS = dict(
    torch=lambda: torch.rand(3).tolist(),
    python=random.random,
    python_normal=lambda: random.gauss(0, 1),
    numpy=np.random.rand,
    numpy_normal=np.random.randn)


@pytest.mark.parametrize('draw', DRAWS.values(), ids=DRAWS)
def test_numbers_go_on_from_a_stored_state(draw, tmp_path):
    draw()  # normal numbers are made in pairs: one is left over
    torch.save(random_state(), tmp_path / 'state.pth')
    expected = [draw() for _ in range(5)]
    set_random_state(torch.load(tmp_path / 'state.pth', weights_only=True))
    assert [draw() for _ in range(5)] == expected


@pytest.mark.parametrize('draw', DRAWS.values(), ids=DRAWS)
def test_what_is_drawn_within_is_not_missing_afterwards(draw):
    state = random_state()
    expected = [draw() for _ in range(3)]
    set_random_state(state)
    with pytest.raises(KeyError), kept_random_state():
        draw()
        raise KeyError
    assert [draw() for _ in range(3)] == expected

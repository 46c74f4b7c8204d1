# Copyright (c) DKSAN-MM contributors.
import numpy as np

from dksan_mm.utils.rounding import round_to_uint8


def test_rounding_is_that_of_a_png():
    values = np.array([-3.2, 0.49, 0.51, 254.5, 255.4, 300.])
    assert round_to_uint8(values).tolist() == [0, 0, 1, 254, 255, 255]

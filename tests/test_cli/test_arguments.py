# Copyright (c) DKSAN-MM contributors.
import argparse

import pytest

from dksan_mm.cli.arguments import frame_size, positive


@pytest.mark.parametrize('read, text, value', [
    (positive, '1', 1),
    (positive, '120', 120),
    (frame_size, '67x120', (67, 120)),
    (frame_size, '64', (64, 64)),
])
def test_values(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize('read, texts', [
    (positive, ['0', '-1', 'x', '', '1.5', '1e3', ' 1']),
    (frame_size, ['0', '0x64', '64x0', '4x', 'x4', '4x5x6', '-4x5', '4 x 5']),
])
def test_what_is_none_is_named(read, texts):
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError) as caught:
            read(text)
        assert text in str(caught.value)

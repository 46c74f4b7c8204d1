# Copyright (c) DKSAN-MM contributors.
"""mmagic's transforms, quicker: the same values."""
import numpy as np
import pytest

from dksan_mm.datasets import RandomTransposeFrames

ROWS, COLS, LENGTH = 34, 40, 4  # of LR


def coded_lr(t):
    """BGR: each LR pixel tells its frame, row and column."""
    row, col = np.mgrid[:ROWS, :COLS]
    return np.dstack([np.full_like(row, 50 * t), row, col]).astype(np.uint8)


@pytest.mark.parametrize('ratio', [0, 1])
def test_transposed_frames_lie_in_memory_as_they_are_read(ratio):
    frames = [coded_lr(t) for t in range(2)]
    step = RandomTransposeFrames(['img', 'gt'], ratio)
    out = step(dict(img=list(frames), gt=frames[0]))
    assert out['transpose'] is bool(ratio)
    for image, frame in zip(out['img'] + [out['gt']], frames + frames[:1]):
        wanted = frame.transpose(1, 0, 2) if ratio else frame
        np.testing.assert_array_equal(image, wanted)
        assert image.flags.c_contiguous

# Copyright (c) DKSAN-MM contributors.
"""Faster versions of mmagic's transforms return the same values."""
import numpy as np
import pytest
import torch
from mmagic.datasets.transforms import RandomTransposeHW

from dksan_mm.datasets.transforms.formatting import (PackFrames,
                                                     RandomTransposeFrames,
                                                     on_images)

ROWS, COLS, LENGTH = 34, 40, 4  # of LR


def coded_lr(t):
    """Return BGR frames that code frame, row and column of each pixel."""
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


def test_frames_are_transposed_as_mmagic_does():
    steps = [
        kind(['img'], 0.5)
        for kind in (RandomTransposeHW, RandomTransposeFrames)
    ]
    turned = set()
    for seed in range(8):
        found = []
        for step in steps:
            np.random.seed(seed)
            found.append(step(dict(img=[coded_lr(0), coded_lr(1)])))
        theirs, ours = found
        np.testing.assert_array_equal(ours['img'], theirs['img'])
        assert ours['transpose'] == theirs['transpose']
        turned.add(bool(ours['transpose']))
    assert turned == {False, True}


def test_images_and_clips_are_packed_into_planes():
    frames = [coded_lr(t) for t in range(2)]
    packed = PackFrames(['img'])(dict(img=list(frames), gt=frames[0]))
    assert packed['inputs'].is_contiguous()
    wanted = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    assert torch.equal(packed['inputs'], wanted)
    assert torch.equal(packed['data_samples'].gt_img, wanted[0])


def test_a_function_of_an_image_is_one_of_each_in_a_list():
    assert on_images(len, [[1], [2, 3]]) == [1, 2]
    assert on_images(len, (1, 2, 3)) == 3

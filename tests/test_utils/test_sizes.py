# Copyright (c) DKSAN-MM contributors.
import pytest

from dksan_mm.utils.sizes import choose_sufficient, fit_size, name_size


@pytest.mark.parametrize(
    'frame, size, wanted',
    [
        ((270, 480), (1920, 1080), (1080, 1920)),
        ((270, 480), (None, 1080), (1080, 1920)),
        ((270, 480), (1920, None), (1080, 1920)),
        ((480, 854), (1920, 1080), (1080, 1920)),  # 1079.2 rows
        ((480, 720), (1920, 1080), (1080, 1620)),
        ((576, 720), (1920, 1080), (1080, 1350)),
        ((480, 270), (1920, 1080), (1080, 608)),  # 607.5 columns
        ((480, 270), (None, 961), (961, 540)),  # what is asked for stays odd
        ((100, 400), (1000, 999), (250, 1000)),
        ((1, 900), (1000, None), (2, 1000)),
    ])
def test_proportions_are_kept(frame, size, wanted):
    assert fit_size(frame, size) == wanted


@pytest.mark.parametrize('size, name', [
    ((1920, 1080), '1920x1080'),
    ((None, 270), 'x270'),
    ((100, None), '100x'),
    ((480, 2000), '480x2000'),
])
def test_sizes_that_are_not_larger(size, name):
    assert name_size(size) == name
    with pytest.raises(ValueError, match=f'are 1920x1080, and {name} '):
        fit_size((1080, 1920), size)


@pytest.mark.parametrize('target, scale', [
    ((11, 20), 2),
    ((20, 40), 2),
    ((21, 40), 4),
    ((20, 41), 4),
    ((160, 320), 16),
])
def test_the_smallest_factor_that_suffices(target, scale):
    assert choose_sufficient((16, 2, 8, 4), (10, 20), target) == scale


def test_a_size_has_a_side():
    with pytest.raises(ValueError, match='a width or a height'):
        fit_size((10, 20), (None, None))


def test_no_factor_suffices():
    with pytest.raises(ValueError, match='to at most 320x160, not 322x161'):
        choose_sufficient((2, 16), (10, 20), (161, 322))

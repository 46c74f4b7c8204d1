# Copyright (c) DKSAN-MM contributors.
"""Conversions of light, against BT.2100, BT.2390 and colorimetry."""
from math import exp

import numpy as np
import pytest

from dksan_mm.io.video.color import Color
from dksan_mm.io.video.light import (Conversion, exchange, light_to_pq,
                                     luma_weights, pq_to_light, same_light,
                                     tone_curve)

# Report ITU-R BT.2407, 2: linear BT.2020 to BT.709.
BT2407 = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083],
          [-0.0182, -0.1006, 1.1187]]
PQ, HLG = Color(9, 16), Color(9, 18)


def pq_eotf(code):
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = code**(1 / m2)
    return 10000 * (max(root - c1, 0) / (c2 - c3 * root))**(1 / m1)


def pq_code(nits):
    low, high = 0.0, 1.0
    for _ in range(60):  # by halving: independent of the inverse formula
        middle = (low + high) / 2
        low, high = (low, middle) if pq_eotf(middle) > nits else (middle, high)
    return low


def bt2390(nits, peak):
    """Compute BT.2390-10, 5.4.1, from `peak` to 203 cd/m2."""
    e1 = min(pq_code(nits) / pq_code(peak), 1)
    top = pq_code(203) / pq_code(peak)
    knee = 1.5 * top - 0.5
    if e1 < knee:
        return pq_eotf(e1 * pq_code(peak))
    t = (e1 - knee) / (1 - knee)
    e2 = ((2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) *
          (1 - knee) + (-2 * t**3 + 3 * t**2) * top)
    return pq_eotf(e2 * pq_code(peak))


def hlg_nits(code):
    """Compute a grey of HLG on BT.2100's display of 1000 cd/m2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = code**2 / 3 if code <= 0.5 else (exp((code - c) / a) + b) / 12
    return 1000 * scene**1.2


def shown(nits, peak=1000):
    """Compute the 8 bits of a BT.1886 display with white at 203 cd/m2."""
    return 255 * (bt2390(nits, peak) / 203)**(1 / 2.4)


def convert(color, signal, peak=1000):
    codes = np.rint(np.array(signal, float) * 65535).astype(np.uint16)
    image = Conversion(color, Color(), peak=peak)(codes[None], 0, 65535)[0]
    return image * 255


def grey(values):
    return np.repeat(np.array(values)[:, None], 3, 1)


def test_primaries():
    np.testing.assert_allclose(exchange(9, 1), BT2407, atol=6e-5)
    np.testing.assert_allclose(
        luma_weights(1), [0.2126, 0.7152, 0.0722], atol=5e-5)
    np.testing.assert_allclose(
        luma_weights(9), [0.2627, 0.6780, 0.0593], atol=5e-5)
    for source in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22):  # white is white
        np.testing.assert_allclose(exchange(source, 1).sum(1), 1, atol=1e-9)


def test_pq():
    """BT.2408: 203 cd/m2 is 58 % of the signal, and 1000 cd/m2 75 %."""
    assert light_to_pq(203) == pytest.approx(0.5807, abs=5e-5)
    codes = np.linspace(0, 1, 50)
    light = pq_to_light(codes)
    np.testing.assert_allclose(light, [pq_eotf(c) for c in codes], rtol=1e-9)
    np.testing.assert_allclose(light_to_pq(light)[1:], codes[1:], atol=1e-9)


@pytest.mark.parametrize('peak', [250, 600, 1000, 4000, 10000])
def test_the_tone_curve(peak):
    light = np.geomspace(0.01, peak, 40)
    curve = tone_curve(light, peak)
    np.testing.assert_allclose(
        curve, [bt2390(nits, peak) for nits in light], rtol=1e-6)
    assert (np.diff(curve) > 0).all() and curve[-1] == pytest.approx(203)
    dark = light[light < 20]
    np.testing.assert_allclose(tone_curve(dark, peak), dark, rtol=1e-6)
    np.testing.assert_array_equal(tone_curve(light, 203), light.clip(0, 203))


@pytest.mark.parametrize('peak', [1000, 4000])
def test_pq_greys(peak):
    nits = [0, 0.05, 1, 5, 26, 100, 203, 400, 1000, peak]
    image = convert(PQ, grey([pq_code(n) for n in nits]), peak)
    wanted = [shown(n, peak) for n in nits]
    np.testing.assert_allclose(image, grey(wanted), atol=0.3)
    assert wanted[6] > 200 and wanted[-1] == pytest.approx(255)


def test_hlg_greys():
    codes = [0, 0.1, 0.25, 0.38, 0.5, 0.6, 0.75, 0.9, 1]
    wanted = [shown(hlg_nits(code)) for code in codes]
    np.testing.assert_allclose(
        convert(HLG, grey(codes)), grey(wanted), atol=0.3)
    assert wanted[6] > 200  # 75 %: diffuse white


@pytest.mark.parametrize('color', [PQ, HLG])
def test_hdr_colours_keep_their_hue_and_their_order(color):
    """A colour of BT.709 gets brighter: ratios stay until it clips."""
    ratios = np.linalg.solve(BT2407, [1, 0.6, 0.4])
    brightness = np.array([2., 10, 40, 100, 200])
    if color == PQ:
        signal = [[pq_code(n * r) for r in ratios] for n in brightness]
    else:
        scene = brightness[:, None] / 1000 * ratios / 4
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene),
                          a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)
    light = (convert(color, signal) / 255)**2.4
    assert (np.diff(light, axis=0) > 0).all()
    np.testing.assert_allclose(
        light / light[:, :1], np.tile([1, 0.6, 0.4], (5, 1)), atol=4e-3)


@pytest.mark.parametrize('primaries, rgb', [(9, (0.8, 0.7, 0.6)),
                                            (6, (0.8, 0.3, 0.2)),
                                            (12, (0.5, 0.6, 0.4))])
def test_sdr_is_converted_in_the_light_of_bt1886(primaries, rgb):
    light = exchange(primaries, 1) @ np.array(rgb)**2.4
    np.testing.assert_allclose(
        convert(Color(primaries, 1), [rgb])[0],
        255 * light**(1 / 2.4),
        atol=0.1)


@pytest.mark.parametrize('transfer, light', [
    (4, lambda v: v**2.2),
    (5, lambda v: v**2.8),
    (8, lambda v: v),
    (9, lambda v: 10**(2 * (v - 1))),
    (17, lambda v: 52.37 / 48 * v**2.6),
])
def test_other_curves(transfer, light):
    signal = np.array([0.05, 0.2, 0.5, 0.9])
    wanted = 255 * np.minimum(light(signal), 1)**(1 / 2.4)
    np.testing.assert_allclose(
        convert(Color(1, transfer), grey(signal)), grey(wanted), atol=0.1)


def test_srgb_with_other_primaries_keeps_its_curve():
    codes = np.rint(grey([0.01, 0.04, 0.2, 0.7, 1]) * 65535).astype(np.uint16)
    image = Conversion(Color(12, 13), Color(1, 13))(codes[None], 0, 65535)[0]
    np.testing.assert_allclose(image, codes / 65535, atol=1e-4)


def test_equal_light():
    assert same_light(Color(1, 1), Color(1, 6))
    assert same_light(Color(6, 6), Color(7, 14))
    assert not same_light(Color(1, 1), Color(1, 13))
    assert not same_light(Color(1, 1), Color(6, 1))
    assert not same_light(Color(9, 16), Color(9, 1))

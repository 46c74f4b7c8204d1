# Copyright (c) DKSAN-MM contributors.
"""Colour conversion in linear light.

Signals are linearised with the display's curve: BT.1886 (gamma 2.4) for the
camera curves of BT.709, BT.601 and BT.2020, as in mpv and zimg. Then the
primaries are converted with Bradford's chromatic adaptation, and values
outside the target's gamut are clipped.

HDR is tone-mapped by the curve of Report ITU-R BT.2390, applied to the largest
of R, G and B, which preserves hues and grey. Before that, HDR's diffuse white,
203 cd/m2 (Report BT.2408), is mapped to the white of SDR; the curve keeps the
darker half and compresses the rest below white. HLG is first rendered for
BT.2100's display of 1000 cd/m2.
"""
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .color import HLG, PQ, SRGB, Color

WHITE = 203.0  # cd/m2, Report ITU-R BT.2408
HLG_PEAK, HLG_GAMMA = 1000.0, 1.2  # BT.2100, table 5
STEPS = 65536
Curve = Callable[[NDArray[Any]], NDArray[Any]]

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
_PAL = ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65)
_NTSC = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
# x and y of red, green, blue and white (H.273, table 2).
CHROMATICITIES = {
    1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: _PAL,
    6: _NTSC,
    7: _NTSC,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    10: ((1, 0), (0, 1), (0, 0), (1 / 3, 1 / 3)),
    11: (*_P3, (0.314, 0.351)),
    12: (*_P3, _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367],
                      [0.0389, -0.0685, 1.0296]])


def to_xyz(primaries: int) -> NDArray[Any]:
    """Matrix from linear RGB to CIE XYZ, where white has Y = 1."""
    *rgb, white = [
        np.array([x / y, 1, (1 - x - y) /
                  y]) if y else np.array([x, y, 1 - x - y], float)
        for x, y in CHROMATICITIES[primaries]
    ]
    columns = np.stack(rgb, 1)
    matrix: NDArray[Any] = columns * np.linalg.solve(columns, white)
    return matrix


def exchange(source: int, target: int) -> NDArray[Any]:
    """Matrix from linear RGB of one set of primaries to another."""
    before, after = to_xyz(source), to_xyz(target)
    ones = np.ones(3)
    scale = (_BRADFORD @ after @ ones) / (_BRADFORD @ before @ ones)
    adapt = np.linalg.solve(_BRADFORD, scale[:, None] * _BRADFORD)
    return np.linalg.solve(after, adapt @ before)


def luma_weights(primaries: int) -> NDArray[Any]:
    """Luminance of red, green and blue; they sum to 1."""
    weights: NDArray[Any] = to_xyz(primaries)[1]
    return weights


def pq_to_light(signal: NDArray[Any]) -> NDArray[Any]:
    """Convert a PQ signal to light in cd/m2 (BT.2100, table 4)."""
    root = np.power(signal, 32 / 2523)
    low = np.maximum(root - 107 / 128, 0)
    light: NDArray[Any] = np.power(low / (2413 / 128 - 2392 / 128 * root),
                                   8192 / 1305)
    return 1e4 * light


def light_to_pq(light: NDArray[Any] | float) -> NDArray[Any]:
    """Convert light in cd/m2 to a PQ signal."""
    root = np.power(np.asarray(light) / 1e4, 1305 / 8192)
    return np.power((107 / 128 + 2413 / 128 * root) / (1 + 2392 / 128 * root),
                    2523 / 32)


def hlg_to_scene(signal: NDArray[Any]) -> NDArray[Any]:
    """Convert an HLG signal to scene light from 0 to 1 (BT.2100, table 5)."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp(
        (signal - c) / a) + b) / 12)


def tone_curve(light: NDArray[Any], peak: float) -> NDArray[Any]:
    """Compress light into the range below SDR's white (BT.2390, 5.4.1).

    Args:
        light (ndarray): Light in cd/m2.
        peak (float): Maximum light in cd/m2.

    Returns:
        ndarray: Light from 0 to 203 cd/m2, increasing with ``light``.
    """
    if peak <= WHITE:
        return np.minimum(light, WHITE)
    scale = light_to_pq(peak)
    signal = np.minimum(light_to_pq(light) / scale, 1)
    most = light_to_pq(WHITE) / scale
    knee = 1.5 * most - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    bent = ((2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) *
            (1 - knee) + (3 * t**2 - 2 * t**3) * most)
    return pq_to_light(np.where(signal < knee, signal, bent) * scale)


def _power(exponent: float) -> tuple[Curve, Curve]:
    return (lambda signal: np.power(signal, exponent),
            lambda light: np.power(light, 1 / exponent))


def _log(decades: float) -> tuple[Curve, Curve]:
    least = 10**-decades
    return (lambda v: np.where(v > 0, 10**(
        (v - 1) * decades), 0), lambda x: np.where(
            x > least,
            np.log10(np.maximum(x, least)) / decades + 1, 0).astype(x.dtype))


def _srgb_to_light(signal: NDArray[Any]) -> NDArray[Any]:
    return np.where(signal <= 0.04045, signal / 12.92,
                    np.power((signal + 0.055) / 1.055, 2.4))


def _light_to_srgb(light: NDArray[Any]) -> NDArray[Any]:
    return np.where(light <= 0.0031308, 12.92 * light,
                    1.055 * np.power(light, 1 / 2.4) - 0.055)


def _cinema() -> tuple[Curve, Curve]:
    to_light, from_light = _power(2.6)  # SMPTE ST 428-1
    return (lambda signal: to_light(signal) *
            (52.37 / 48), lambda light: from_light(light * (48 / 52.37)))


# Curves from signal to light and back by transfer; BT.1886 is the default.
BT1886, CINEMA = _power(2.4), _cinema()
_CURVES: dict[int, tuple[Curve, Curve]] = {
    4: _power(2.2),
    5: _power(2.8),
    8: (lambda signal: signal, lambda light: light),
    9: _log(2),
    10: _log(2.5),
    SRGB: (_srgb_to_light, _light_to_srgb),
    17: CINEMA,
}


def same_light(one: Color, other: Color) -> bool:
    """Return whether equal values of two colour spaces mean equal light."""
    return one == other or not (one.is_hdr or other.is_hdr) and (
        CHROMATICITIES[one.primaries] == CHROMATICITIES[other.primaries]
        and _CURVES.get(one.transfer, BT1886) is _CURVES.get(
            other.transfer, BT1886))


class Conversion:
    """Conversion of RGB values from one colour space to another, SDR.

    Args:
        source (Color): Colours of the input.
        target (Color): Colours of the output, not HDR.
        peak (float): Brightest light of the HDR input, cd/m2.
    """

    def __init__(self,
                 source: Color,
                 target: Color,
                 *,
                 peak: float = HLG_PEAK) -> None:
        self._source = source
        self._encode = _CURVES.get(target.transfer, BT1886)[1]
        self._matrix = exchange(source.primaries,
                                target.primaries).astype(np.float32)
        self._tables: dict[tuple[float, float], tuple[NDArray[Any], ...]] = {}
        if source.transfer == HLG:
            self._weights = luma_weights(source.primaries).astype(np.float32)
            # Tables of luminance and light, indexed by their square roots.
            roots = np.linspace(0, 1, STEPS)
            self._gain = (HLG_PEAK / WHITE *
                          np.maximum(roots, 1e-9)**(2 * HLG_GAMMA - 2)).astype(
                              np.float32)
            self._factors = _factors(roots**2 * HLG_PEAK, HLG_PEAK)
        self._peak = peak

    def __call__(self, codes: NDArray[Any], black: float,
                 white: float) -> NDArray[Any]:
        """Convert an image.

        Args:
            codes (ndarray[uint16, h, w, 3]): RGB code values.
            black (float): Code value of black.
            white (float): Code value of the largest signal.

        Returns:
            ndarray[float32, h, w, 3]: RGB from 0 to 1.
        """
        if (black, white) not in self._tables:
            signal = (np.arange(STEPS) - black) / (white - black)
            self._tables[black, white] = self._tabulate(np.clip(signal, 0, 1))
        table, factors = self._tables[black, white]
        light = np.take(table, codes, mode='clip')  # faster than bounds checks
        if self._source.transfer == HLG:
            light = self._show_hlg(light)
        elif self._source.transfer == PQ:
            factors = np.take(factors, _largest(codes), mode='clip')
            light *= factors[..., None]
        light = light @ self._matrix.T
        return self._encode(np.clip(light, 0, 1, out=light))

    def _tabulate(self,
                  signal: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Tabulate the light and the tone curve's factor of each signal."""
        if self._source.transfer == PQ:
            nits = pq_to_light(signal)
            return ((nits / WHITE).astype(np.float32),
                    _factors(nits, self._peak))
        curve = _CURVES.get(self._source.transfer, BT1886)[0]
        if self._source.transfer == HLG:
            curve = hlg_to_scene
        return curve(signal).astype(np.float32), np.empty(0)

    def _show_hlg(self, scene: NDArray[Any]) -> NDArray[Any]:
        """Render HLG for BT.2100's display and tone-map; SDR white is 1."""
        luminance = scene @ self._weights
        light: NDArray[Any] = scene * np.take(self._gain,
                                              _index(luminance))[..., None]
        places = _index(_largest(light) * (WHITE / HLG_PEAK))
        light *= np.take(self._factors, places)[..., None]
        return light


def _largest(image: NDArray[Any]) -> NDArray[Any]:
    """Return the largest channel; faster than ``max(-1)``."""
    return np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2])


def _index(values: NDArray[Any]) -> NDArray[Any]:
    """Return table indices of values from 0 to 1, by their square roots."""
    places: NDArray[Any] = np.rint(
        np.sqrt(np.clip(values, 0, 1)) * (STEPS - 1))
    return places.astype(np.uint16)


def _factors(light: NDArray[Any], peak: float) -> NDArray[Any]:
    """Return the factors that apply the tone curve to light."""
    light = np.maximum(light, 1e-6)
    factors: NDArray[Any] = tone_curve(light, peak) / light
    return factors.astype(np.float32)

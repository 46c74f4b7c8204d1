# Copyright (c) DKSAN-MM contributors.
"""Colour tags of a video, as the code points of ITU-T H.273."""
from dataclasses import dataclass

import av

BT709, UNSPECIFIED, BT2020 = 1, 2, 9  # primaries and matrices
SRGB, PQ, HLG = 13, 16, 18  # transfers
BT601, FULL_RANGE = 5, 2
PRIMARIES = {
    1: 'BT.709',
    4: 'BT.470 M',
    5: 'BT.470 BG',
    6: 'SMPTE 170M',
    7: 'SMPTE 240M',
    8: 'film',
    9: 'BT.2020',
    10: 'SMPTE ST 428',
    11: 'DCI-P3',
    12: 'Display P3',
    22: 'EBU 3213'
}
TRANSFERS = {
    1: 'BT.709',
    4: 'gamma 2.2',
    5: 'gamma 2.8',
    6: 'SMPTE 170M',
    7: 'SMPTE 240M',
    8: 'linear',
    9: 'log',
    10: 'log',
    11: 'xvYCC',
    12: 'BT.1361',
    13: 'sRGB',
    14: 'BT.2020',
    15: 'BT.2020',
    16: 'PQ',
    17: 'SMPTE ST 428',
    18: 'HLG'
}
MATRICES = {
    10: 'BT.2020 with constant luminance',
    11: "SMPTE ST 2085 (Y'D'zD'x)",
    13: 'chromaticity-derived with constant luminance',
    14: 'ICtCp',
    15: 'IPT-C2',
    16: 'YCgCo-Re',
    17: 'YCgCo-Ro'
}
# Matrices that swscale supports, and those implemented here.
SWSCALE, OWN = (1, 4, 5, 6, 7, 9), (8, 12)


@dataclass(frozen=True)
class Color:
    """Colour space of RGB values.

    Attributes:
        primaries (int): A key of ``PRIMARIES``.
        transfer (int): A key of ``TRANSFERS``.
    """
    primaries: int = BT709
    transfer: int = BT709

    @property
    def is_hdr(self) -> bool:
        """Return whether the transfer is HDR (PQ or HLG)."""
        return self.transfer in (PQ, HLG)

    @property
    def can_be_kept(self) -> bool:
        """Return whether an upscaled video can keep these colours.

        BT.2020 and other wide gamuts need 10 or 12 bits, since 8 are too few
        for their range; x264 has no tag for EBU 3213.
        """
        return not self.is_hdr and self.primaries not in (8, BT2020, 10, 22)

    @property
    def matrix(self) -> int:
        """Matrix with which these primaries are usually coded."""
        if self.primaries == BT2020:
            return BT2020
        return 6 if self.primaries in (4, 5, 6, 7) else BT709

    @property
    def on_displays(self) -> 'Color':
        """Colours that programs assume for an untagged picture.

        Displays use BT.709 or sRGB, and programs show the same values on
        both.
        """
        return Color(BT709, SRGB if self.transfer == SRGB else BT709)

    def __str__(self) -> str:
        names = PRIMARIES[self.primaries], TRANSFERS[self.transfer]
        return names[0] if names[0] == names[1] else '{} ({})'.format(*names)


def is_xyz(frame: av.VideoFrame) -> bool:
    """Return whether a frame has the X'Y'Z' colours of digital cinema."""
    return frame.format.name.startswith('xyz')


def read_color(frame: av.VideoFrame) -> Color:
    """Read the colours of a decoded frame from its tags.

    Args:
        frame (VideoFrame): A decoded frame.

    Returns:
        Color: The tagged colours. The default is BT.709, or BT.2020 for HDR
        without tagged primaries.
    """
    if is_xyz(frame):
        return Color()  # converted by read_codes
    transfer = frame.color_trc
    if transfer not in TRANSFERS:
        transfer = BT709
    primaries = frame.color_primaries
    if primaries not in PRIMARIES:
        primaries = BT2020 if transfer in (PQ, HLG) else BT709
    return Color(primaries, transfer)


def read_coding(frame: av.VideoFrame) -> tuple[int, bool]:
    """Find the matrix and the range of a decoded frame.

    Args:
        frame (VideoFrame): A decoded frame.

    Returns:
        tuple[int, bool]: Matrix, and whether the range is full. Without
        tags, the matrix is guessed as players do: BT.2020 for its primaries,
        else BT.709 if the width is at least 1280 or the height at least 720,
        else BT.601; RGB, grey and JPEG (yuvj) formats have full range.
    """
    name = frame.format.name
    has_full = frame.format.is_rgb or name.startswith(('yuvj', 'gray', 'ya'))
    full = has_full if not frame.color_range else frame.color_range == 2
    if frame.format.is_rgb or name == 'pal8':
        return 0, True
    matrix = frame.colorspace
    if matrix in (0, 2, 3):
        if read_color(frame).primaries == BT2020:
            return BT2020, full
        large = frame.width >= 1280 or frame.height >= 720
        matrix = BT709 if large else BT601
    return matrix, full or name.startswith('yuvj')

# Copyright (c) DKSAN-MM contributors.
"""Conversions of frames by FFmpeg's swscale, as exact as it can be."""
from typing import Any

import av
from numpy.typing import NDArray

from .color import SWSCALE, read_coding
from .filters import filter_frame

# swscale's flags: bicubic, full_chroma_int, full_chroma_inp, accurate_rnd.
# Without them 10-bit white becomes 253. PyAV passes them on.
ACCURATE = 0x4 | 0x2000 | 0x4000 | 0x40000


def reformat(frame: av.VideoFrame, pixels: str) -> av.VideoFrame:
    """Convert by swscale, after tagging the frame with its actual coding."""
    matrix, full = read_coding(frame)
    if matrix in SWSCALE:
        frame.colorspace, frame.color_range = matrix, 2 if full else 1
    return frame.reformat(format=pixels, interpolation=ACCURATE, threads=1)


def to_yuv(image: NDArray[Any], matrix: int) -> av.VideoFrame:
    """Code an image as luma and chroma of limited range.

    Chroma is sited left and between two lines, as decoders expect.

    Args:
        image (ndarray[uint8, h, w, 3]): RGB.
        matrix (int): Matrix code of H.273: 1, 4, 5, 6, 7 or 9.

    Returns:
        VideoFrame: A yuv420p frame.
    """
    frame = _place_chroma(av.VideoFrame.from_ndarray(image, format='rgb24'))
    frame.colorspace = matrix
    return frame.reformat(
        format='yuv420p',
        interpolation=ACCURATE,
        dst_color_range=1,
        dst_colorspace=5 if matrix in (5, 6) else matrix)


def _place_chroma(frame: av.VideoFrame) -> av.VideoFrame:
    """Set the chroma siting for swscale, which PyAV does not expose."""
    return filter_frame(frame, 'setparams', 'chroma_location=left')

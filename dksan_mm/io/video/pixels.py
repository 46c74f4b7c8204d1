# Copyright (c) DKSAN-MM contributors.
"""Conversion of decoded frames to 8-bit RGB."""
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

from .code_values import is_grey, read_codes
from .color import (MATRICES, OWN, PQ, SWSCALE, TRANSFERS, Color, is_xyz,
                    read_coding, read_color)
from .geometry import Crop, read_orientation
from .light import HLG_PEAK, WHITE, Conversion, same_light
from .side_data import read_side_data
from .swscale import reformat


class PixelReader:
    """Converts the frames of a video to RGB images.

    HDR and BT.2020, for which 8 bits are too few, are converted to BT.709
    (see :mod:`dksan_mm.io.video.light`). Other colours are kept if the target
    can be tagged with them; otherwise, as for a PNG, they are converted to
    what a BT.709 or sRGB display should show. Transparent pixels are blended
    over black.

    Args:
        path (str): Path of the video, for messages.
        keep_color (bool): Whether the target is tagged with colours.

    Attributes:
        crop (Crop): Edges of each frame to crop.
        color (Color): Colours of the images; known after :meth:`begin`.
        notes (list[str]): Sentences about everything that differs from the
            video.
    """

    def __init__(self, path: str, *, keep_color: bool = False) -> None:
        self.path, self.color, self.crop = path, Color(), Crop()
        self.notes: list[str] = []
        self._keep_color = keep_color
        self._peak = HLG_PEAK
        self._conversions: dict[Color, Conversion] = {}
        self._tables: dict[tuple[float, float], NDArray[Any]] = {}

    def begin(self, frame: av.VideoFrame) -> None:
        """Choose the colours of all images from the first frame."""
        color = read_color(frame)
        self._peak = _read_peak(frame)
        if self._keep_color and color.can_be_kept:
            self.color = color
        else:
            self.color = color.on_displays

    def read(self,
             frame: av.VideoFrame,
             pixels: str = 'rgb24') -> NDArray[Any]:
        """Convert a frame to an upright image.

        Args:
            frame (VideoFrame): A decoded frame.
            pixels (str): 'rgb24' or 'bgr24'.

        Returns:
            ndarray[uint8, h, w, 3]: The cropped image, contiguous.

        Raises:
            ValueError: If its format or matrix is unknown; names the path.
        """
        self._check_matrix(frame)
        try:
            image = self._read(frame, pixels)
        except (OSError, ValueError, NotImplementedError) as error:
            raise ValueError(
                f'{self.path}: the pixel format {frame.format.name} of the '
                f'video cannot be converted ({error})') from error
        return read_orientation(frame).apply(self.crop.apply(image))

    def _read(self, frame: av.VideoFrame, pixels: str) -> NDArray[Any]:
        source = read_color(frame)
        converts = not same_light(source, self.color)
        has_alpha = any(c.is_alpha
                        for c in frame.format.components) or (frame.format.name
                                                              == 'pal8')
        if not (converts or has_alpha) and _is_simple(frame):
            return reformat(frame, pixels).to_ndarray()
        (codes, black, white), alpha = read_codes(frame, has_alpha)
        image: NDArray[Any]
        if converts:
            signal = self._convert(source)(codes, black, white)
            image = np.rint(signal * np.float32(255)).astype(np.uint8)
        else:
            image = np.take(self._table(black, white), codes, mode='clip')
        if alpha is not None:
            image = self._blend(image, alpha)
        return image[..., ::-1] if pixels == 'bgr24' else image

    def over_black(self, image: NDArray[Any]) -> NDArray[Any]:
        """Blend RGBA (h, w, 4) from 0 to 255 over black, to 8-bit RGB."""
        return self._blend(image[..., :3], image[..., 3] / np.float32(255))

    def _blend(self, image: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
        if alpha.min() >= 1:
            return _to_uint8(image)
        self._note('has transparent pixels: they are shown over black')
        return _to_uint8(image * alpha[..., None])

    def _convert(self, source: Color) -> Conversion:
        if source not in self._conversions:
            self._conversions[source] = Conversion(
                source, self.color, peak=self._peak)
            if source.is_hdr:
                name = TRANSFERS[source.transfer]
                self._note(f'is HDR ({name}): it is tone-mapped to BT.709, '
                           f'from {self._peak:.0f} cd/m2')
            else:
                self._note(f'has colours of {source}: they are converted to '
                           f'{self.color}')
        return self._conversions[source]

    def _table(self, black: float, white: float) -> NDArray[Any]:
        """Tabulate the 8-bit value of each code value."""
        table = self._tables.get((black, white))
        if table is None:
            values = (np.arange(65536) - black) * (255 / (white - black))
            table = self._tables[black, white] = _to_uint8(values)
        return table

    def _check_matrix(self, frame: av.VideoFrame) -> None:
        matrix, _ = read_coding(frame)
        if matrix and matrix not in (*SWSCALE, *OWN):
            name = MATRICES.get(matrix, f'number {matrix}')
            raise ValueError(f'{self.path}: its colours are coded with an '
                             f'unsupported matrix: {name}')
        # Profile 5 has no tags; only its metadata explain its colours.
        if frame.color_trc not in TRANSFERS and \
                Type.DOVI_METADATA in read_side_data(frame):
            raise ValueError(f'{self.path}: Dolby Vision without a base layer '
                             'for other players (profile 5)')

    def _note(self, text: str) -> None:
        note = f'{self.path} {text}'
        if note not in self.notes:
            self.notes.append(note)


def _is_simple(frame: av.VideoFrame) -> bool:
    """Return whether swscale's 8-bit values are exact up to rounding."""
    matrix, full = read_coding(frame)
    if is_grey(frame) or is_xyz(frame) or matrix in OWN:
        return False
    deep = max(c.bits for c in frame.format.components) > 8
    return not deep or bool(matrix and not full)


def _read_peak(frame: av.VideoFrame) -> float:
    """Read the brightest light that an HDR video states, cd/m2."""
    peak = 0.0
    found: dict[Type, Any] = read_side_data(frame)  # buffers
    if Type.MASTERING_DISPLAY_METADATA in found:
        *_, top, per, _, known = np.frombuffer(
            found[Type.MASTERING_DISPLAY_METADATA], np.int32)[:22]
        peak = top / per if known and per else 0
    if Type.CONTENT_LIGHT_LEVEL in found:
        peak = int(
            np.frombuffer(found[Type.CONTENT_LIGHT_LEVEL],
                          np.uint32)[0]) or peak
    if read_color(frame).transfer != PQ or not peak:
        return HLG_PEAK
    return float(min(max(peak, WHITE), 1e4))


def _to_uint8(values: NDArray[Any]) -> NDArray[Any]:
    """Round and clip to the range 0 to 255."""
    if values.dtype == np.uint8:
        return values
    levels: NDArray[Any] = np.rint(np.clip(values, 0, 255))
    return levels.astype(np.uint8)

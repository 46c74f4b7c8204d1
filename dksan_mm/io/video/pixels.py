# Copyright (c) DKSAN-MM contributors.
"""Conversion of decoded frames to 8-bit RGB, and of RGB to YUV."""
import re
from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

from .color import (MATRICES, OWN, PQ, SWSCALE, TRANSFERS, Color, read_coding,
                    read_color)
from .geometry import Crop, read_orientation
from .light import HLG_PEAK, WHITE, Conversion, luma_weights, same_light
from .side_data import read_side_data

# swscale's flags: bicubic, full_chroma_int, full_chroma_inp, accurate_rnd.
# Without them 10-bit white becomes 253. PyAV passes them on.
ACCURATE = 0x4 | 0x2000 | 0x4000 | 0x40000
# White in the 16-bit RGB that swscale makes of limited range.
WHITE_16 = 65283
# PyAV returns the samples of these formats unconverted.
_NATIVE = ('gbrp', 'gbrap', 'rgb48', 'rgba64', 'rgbaf', 'rgbf', 'gray')
Codes = tuple[NDArray[Any], float, float]  # code values, black, white


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
            return _reformat(frame, pixels).to_ndarray()
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
            raise ValueError(f'{self.path}: its colours are coded with a '
                             f'matrix that is not known here: {name}')
        # Profile 5 has no tags; only its metadata explain its colours.
        if frame.color_trc not in TRANSFERS and \
                Type.DOVI_METADATA in read_side_data(frame):
            raise ValueError(f'{self.path}: Dolby Vision without a base that '
                             'other players can show (profile 5)')

    def _note(self, text: str) -> None:
        note = f'{self.path} {text}'
        if note not in self.notes:
            self.notes.append(note)


def _is_simple(frame: av.VideoFrame) -> bool:
    """Return whether swscale's 8-bit values are exact up to rounding."""
    name = frame.format.name
    matrix, full = read_coding(frame)
    if name.startswith(('gray', 'ya')) or matrix in OWN:
        return False
    deep = max(c.bits for c in frame.format.components) > 8
    return not deep or bool(matrix and not full) or name.startswith('xyz')


def read_codes(frame: av.VideoFrame,
               has_alpha: bool) -> tuple[Codes, NDArray[Any] | None]:
    """Read the RGB code values of a frame at its own bit depth.

    Args:
        frame (VideoFrame): A decoded frame.
        has_alpha (bool): Whether to read its alpha, too.

    Returns:
        tuple: ``((codes, black, white), alpha)``: ``codes`` is uint16 or
        uint8, (h, w, 3); ``alpha`` is float32 from 0 to 1, (h, w), or None.
    """
    matrix, full = read_coding(frame)
    name = frame.format.name
    bits = max(c.bits for c in frame.format.components)
    is_grey = name.startswith(('gray', 'ya'))
    if matrix in OWN and not is_grey:
        return (_from_planes(frame, matrix, full), 0, 65535), None
    if name.startswith(_NATIVE):
        values: NDArray[Any] = frame.to_ndarray()
        if values.dtype.kind == 'f':
            values = np.nan_to_num(np.clip(values, 0, 1))
            values = np.rint(values * 65535).astype(np.uint16)
        bits = 16 if values.dtype == np.uint16 and bits > 16 else bits
        top, step = 2**bits - 1, 2**(bits - 8)
    elif bits > 8 or (matrix and not is_grey) or has_alpha and is_grey:
        reordered = _reformat(frame, 'rgba64le' if has_alpha else 'rgb48le')
        values, top = reordered.to_ndarray(), (2**bits - 1) << (16 - bits)
        step = 256
    else:
        reordered = _reformat(frame, 'rgba' if has_alpha else 'rgb24')
        values, top, step = reordered.to_ndarray(), 255, 1
    alpha = None
    if has_alpha:
        alpha = np.minimum(values[..., 3] / np.float32(top), 1)
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, 2)
    black, white = 0, top
    if not full:
        black, white = (16 * step, 235 * step) if is_grey else (0, WHITE_16)
    return (values[..., :3], black, white), alpha


def _from_planes(frame: av.VideoFrame, matrix: int,
                 full: bool) -> NDArray[Any]:
    """Compute 16-bit RGB with matrices that swscale does not support."""
    bits = frame.format.components[0].bits
    y, first, second = _read_planes(frame)
    half = 2**(bits - 1)
    if full:
        y = y / (2**bits - 1)
        first, second = [(c - half) / (2**bits - 1) for c in (first, second)]
    else:
        y = (y - half / 8) / (219 / 128 * half)
        # YCgCo is computed from R, G and B of limited range.
        span = (219 if matrix == 8 else 224) / 128 * half
        first, second = [(c - half) / span for c in (first, second)]
    if matrix == 8:  # YCgCo
        rgb = (y - first + second, y + first, y - first - second)
    else:
        red, green, blue = luma_weights(read_color(frame).primaries)
        r, b = y + 2 * (1 - red) * second, y + 2 * (1 - blue) * first
        rgb = (r, (y - red * r - blue * b) / green, b)
    image = np.clip(np.stack(rgb, -1), 0, 1)
    levels: NDArray[Any] = np.rint(image * 65535)
    return levels.astype(np.uint16)


def _read_planes(frame: av.VideoFrame) -> list[NDArray[Any]]:
    """Read luma and both chroma planes as float32, at luma's size."""
    if not re.match('yuvj?4..p', frame.format.name):
        raise NotImplementedError('its matrix needs planes')
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    planes = []
    for plane in frame.planes[:3]:
        content: Any = plane  # a buffer
        rows = np.frombuffer(content, kind).reshape(plane.height, -1)
        rows = rows[:, :plane.width].astype(np.float32)
        rows = _stretch(rows, frame.height)
        planes.append(_stretch(rows.T, frame.width).T)
    return planes


def _stretch(rows: NDArray[Any], height: int) -> NDArray[Any]:
    """Interpolate between rows with evenly spaced centres."""
    if len(rows) == height:
        return rows
    places = (np.arange(height) + 0.5) * (len(rows) / height) - 0.5
    places = np.clip(places, 0, len(rows) - 1)
    low = places.astype(int)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (places - low).astype(np.float32)[:, None]
    stretched: NDArray[Any] = rows[low] * (1 - share) + rows[high] * share
    return stretched


def _reformat(frame: av.VideoFrame, pixels: str) -> av.VideoFrame:
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
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=Fraction(1, 25))
    graph.link_nodes(source, graph.add('setparams', 'chroma_location=left'),
                     graph.add('buffersink')).configure()
    graph.vpush(frame)
    return graph.vpull()


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

# Copyright (c) DKSAN-MM contributors.
"""Decoding of image files to 8-bit sRGB, as viewers show them."""
import io
import struct
import warnings
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from .bmp_runs import decode_runs, has_runs
from .deep_tiff import is_apart, needs_opencv, read_deep, read_tags
from .file_kinds import not_an_image
from .image_headers import (PNG_START, Header, name_unconverted,
                            read_avif_colours, read_header, without_animation)
from .tiff_planes import HEIGHT, WIDTH

PNG_END = b'IEND'
# Pillow's own limit. A larger image is an attack or a mistake: a file of a few
# KB can demand gigabytes.
MAX_PIXELS = 178_956_970
# Formats that Pillow decodes; OpenCV decodes most PNG and JPEG files.
FORMATS = ('BMP', 'TIFF', 'WEBP', 'AVIF', 'GIF', 'PNG', 'JPEG')
ORIENTATION = 0x0112  # EXIF tag
PROFILE_TAG = 34675  # of a TIFF file

# Opaque colours (grey, RGB or CMYK), and alpha.
Layers = tuple[Image.Image, NDArray[Any] | None]

TRANSPARENT = 'transparent pixels are composited over black'
PROFILE = 'its colour profile cannot be used; it is read as sRGB'
PAGES = 'only the first of its images is used'
# Exceptions that Pillow raises for damaged files, depending on the damage.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError,
           TypeError, OverflowError, struct.error, MemoryError, RuntimeError,
           Image.DecompressionBombError)


def decode(content: bytes, path: str) -> tuple[NDArray[Any], list[str]]:
    """Decode an image file.

    Plain 8-bit PNG and JPEG files take a fast path. For others, 16-bit values
    are rounded, colour profiles are converted to sRGB (relative colorimetric
    with black point compensation), transparent pixels are composited over
    black, and the EXIF orientation is applied.

    Args:
        content (bytes): Content of the file.
        path (str): Path of the file, for error messages.

    Returns:
        tuple: Image, ``(h, w, 3)``, uint8, BGR; and notes, one phrase per
        conversion that the user should know of.

    Raises:
        ValueError: If it is not a complete image; names the path.
    """
    if not content:
        raise ValueError(f'{path}: empty file (0 bytes)')
    if content.startswith(PNG_START) and content.rfind(PNG_END) < 0:
        # Checked here, since libpng's message on stderr names no file.
        raise ValueError(f'{path}: not a readable image (cut short)')
    if content.startswith(PNG_START) and b'acTL' in content:
        content = without_animation(content)
    header = read_header(content)
    if header is None:
        return _decode_with_pillow(content, path)
    _check_pixels(path, header.size)
    if header.is_plain:
        return _decode_with_cv2(content, path, cv2.IMREAD_COLOR), []
    if header.cmyk:
        return _decode_with_pillow(content, path)
    return _decode_with_steps(content, path, header)


def _check_pixels(path: str, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f'{path}: not a readable image ({size[0]}x{size[1]} '
                         f'pixels; at most {MAX_PIXELS:,} are supported)')


def _decode_with_cv2(content: bytes, path: str, flags: int) -> NDArray[Any]:
    try:
        image = cv2.imdecode(
            np.frombuffer(content, np.uint8),
            flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:  # e.g. a header that states a huge size
        raise ValueError(
            f'{path}: not a readable image ({error.err})') from error
    if image is None:
        raise not_an_image(content, path)
    return image


def _decode_with_steps(content: bytes, path: str,
                       header: Header) -> tuple[NDArray[Any], list[str]]:
    """Decode a PNG or JPEG file that needs conversion."""
    unchanged = header.alpha or header.bits > 8
    image = _decode_with_cv2(
        content, path, cv2.IMREAD_UNCHANGED if unchanged else cv2.IMREAD_COLOR)
    alpha, key = None, _colour_key(content, header)
    if image.ndim == 3 and image.shape[2] == 4:
        image, alpha = image[..., :3], to_8_bits(image[..., 3])
    elif key is not None:
        shown = image != key if image.ndim == 2 else (image != key).any(-1)
        alpha = shown * np.uint8(255)
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=-1)
    notes = name_unconverted(header.parts)
    profile, turn = _read_metadata(content)
    image = to_8_bits(image)
    if b'profile' in header.parts:
        shown = Image.fromarray(image[
            ..., 0] if header.grey else np.ascontiguousarray(image[..., ::-1]))
        image = _to_srgb(shown, profile or b'', notes)
    image = _composite(image, alpha, notes)
    return orient(image, turn), notes


def _colour_key(content: bytes, header: Header) -> NDArray[Any] | None:
    """Return the transparent colour of a PNG without alpha, in BGR."""
    start = content.find(b'tRNS', 0, content.find(b'IDAT'))
    if start < 0 or content[25] not in (0, 2):
        return None
    channels = 1 if header.grey else 3
    values = struct.unpack_from(f'>{channels}H', content, start + 4)
    scale = 255 // (2**header.bits - 1) if header.bits < 8 else 1
    return np.array(values[::-1]) * scale


def _read_metadata(content: bytes) -> tuple[bytes | None, int]:
    """Read the colour profile and the EXIF orientation (1 by default)."""
    try:
        with _open(content) as image:
            return image.info.get('icc_profile'), _orientation(image)
    except _DAMAGE:
        return None, 1  # the pixels may still be valid


def _open(content: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # on sizes and damaged metadata
        return Image.open(io.BytesIO(content), formats=FORMATS)


def _orientation(image: Image.Image) -> int:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            orientation: int = image.getexif().get(ORIENTATION, 1)
            return orientation
    except _DAMAGE:
        return 1


def _decode_with_pillow(content: bytes,
                        path: str) -> tuple[NDArray[Any], list[str]]:
    """Decode BMP, TIFF, WebP etc., and CMYK JPEG files."""
    notes: list[str] = []
    try:
        tags = read_tags(content)
        if tags is not None and needs_opencv(tags, path):
            return _decode_tiff_with_cv2(content, path, tags)
        with _open(content) as file:
            _check_pixels(path, file.size)
            if has_runs(content):
                return decode_runs(content, path), notes
            turn, profile = _orientation(file), file.info.get('icc_profile')
            if getattr(file, 'n_frames', 1) > 1 and file.format != 'MPO':
                notes.append(PAGES)
            if file.format == 'AVIF' and not profile:
                notes += name_unconverted(read_avif_colours(content))
            if file.format == 'TIFF':
                turn = 1  # Pillow applies it itself
            layers, alpha = _split_alpha(file)
            image = _to_srgb(layers, profile, notes)
            return orient(_composite(image, alpha, notes), turn), notes
    except UnidentifiedImageError as error:
        raise not_an_image(content, path) from error
    except _DAMAGE as error:
        if str(error).startswith(f'{path}: '):
            raise
        raise not_an_image(content, path, str(error)) from error


def _decode_tiff_with_cv2(content: bytes, path: str,
                          tags: Any) -> tuple[NDArray[Any], list[str]]:
    """Decode a TIFF file with the given tags by OpenCV."""
    _check_pixels(path, (tags[WIDTH], tags[HEIGHT]))
    notes = [PAGES] if tags.next else []
    colours, alpha = read_deep(
        content, tags,
        lambda file: _decode_with_cv2(file, path, cv2.IMREAD_UNCHANGED))
    image = _to_srgb(
        Image.fromarray(to_8_bits(colours)), tags.get(PROFILE_TAG), notes)
    image = _composite(image, None if alpha is None else to_8_bits(alpha),
                       notes)
    # OpenCV turns what it reads as a whole.
    turn = tags.get(ORIENTATION, 1) if is_apart(tags) else 1
    return orient(image, turn), notes


def _split_alpha(file: Image.Image) -> Layers:
    """Split an image into opaque colours and alpha."""
    alpha = None
    if file.has_transparency_data:
        shown = file.convert('RGBA')
        alpha = np.asarray(shown)[..., 3]
        file = shown.convert('RGB') if file.mode[0] not in 'L1' else \
            file.convert('L')
    if file.mode not in ('L', 'RGB', 'CMYK'):
        file = file.convert('L' if file.mode == '1' else 'RGB')
    return file, alpha


def to_8_bits(image: NDArray[Any]) -> NDArray[Any]:
    """Round 16-bit values to 8 bits: 65535 to 255, 128 * 257 to 128."""
    if image.dtype == np.uint8:
        return image
    return ((image.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _composite(image: NDArray[Any], alpha: NDArray[Any] | None,
               notes: list[str]) -> NDArray[Any]:
    """Composite over black unless all pixels are opaque."""
    if alpha is None or alpha.min() == 255:
        return np.ascontiguousarray(image)
    notes.append(TRANSPARENT)
    product: NDArray[Any] = image.astype(np.uint16) * alpha[..., None] + 127
    return (product // 255).astype(np.uint8)


def orient(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an image upright.

    Args:
        image (np.ndarray): Stored image, ``(h, w, ...)``.
        orientation (int): EXIF orientation, 1 to 8; others are ignored.

    Returns:
        np.ndarray: Upright image, contiguous; ``(w, h, ...)`` from 5 on.
    """
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _to_srgb(image: Image.Image, profile: bytes | None,
             notes: list[str]) -> NDArray[Any]:
    """Convert an image to sRGB, as BGR; None stands for no profile."""
    try:
        transform = None if profile is None else _transform(
            profile, image.mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        transform = None
        notes.append(PROFILE)
    if transform is not None:
        image = transform.apply(image)
    return np.ascontiguousarray(np.asarray(image.convert('RGB'))[..., ::-1])


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform to sRGB; None if it changes almost nothing.

    Raises:
        ImageCms.PyCMSError: If the profile is damaged or of another mode.
    """
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile('sRGB'),
        mode,
        'RGB',
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION)
    if mode == 'CMYK':
        return transform
    # Many profiles are sRGB; then the exact values beat converted ones.
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    if mode == 'RGB':
        lattice = np.stack(np.meshgrid(levels, levels, levels), -1)
        lattice = lattice.reshape(27, 27, 3)
    else:
        lattice = levels[None]
    before = Image.fromarray(lattice)
    change = np.subtract(
        np.asarray(transform.apply(before)),
        np.asarray(before.convert('RGB')),
        dtype=int)
    return transform if abs(change).max() > 1 else None

# Copyright (c) DKSAN-MM contributors.
"""Image files to 8-bit sRGB, as viewers show them."""
import io
import struct
import warnings
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from .image_headers import PNG_START, Header, read_header, without_animation

PNG_END = b'IEND'
# Pillow's own limit. A larger image is an attack or a mistake; a few KB can
# ask for gigabytes.
MAX_PIXELS = 178_956_970
# Formats other than PNG and JPEG, which OpenCV decodes.
FORMATS = ('BMP', 'TIFF', 'WEBP', 'AVIF', 'GIF', 'PNG', 'JPEG')
ORIENTATION = 0x0112  # EXIF tag
BITS, SAMPLE_FORMAT = 258, 339  # TIFF tags

# Opaque colours, grey, RGB or CMYK, and alpha.
Layers = tuple[Image.Image, NDArray[Any] | None]

TRANSPARENT = 'transparent pixels are composited over black'
PROFILE = 'its colour profile cannot be used, the values are taken as sRGB'
GAMMA = 'its gAMA chunk is not applied, the values are taken as sRGB'
HDR = 'its HDR colours (cICP) are taken as sRGB'
PAGES = 'only the first of its images is taken'
# What Pillow raises for damaged files, depending on where the damage is.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError,
           TypeError, OverflowError, struct.error, MemoryError,
           Image.DecompressionBombError)


def decode(content: bytes, path: str) -> tuple[NDArray[Any], list[str]]:
    """Decode an image file.

    Plain 8-bit PNG and JPEG files take a quick way. Of others, 16-bit values
    are rounded, colour profiles converted to sRGB (relative colorimetric with
    black point compensation), transparent pixels composited over black, and
    photographs turned upright as their EXIF data say.

    Args:
        content (bytes): The file.
        path (str): Its name, for error messages.

    Returns:
        tuple: The image, ``(h, w, 3)``, uint8, BGR; and notes, a phrase for
        each thing that a user may want to know.

    Raises:
        ValueError: If it is not a whole image; names the path.
    """
    if not content:
        raise ValueError(f'{path}: empty file (0 bytes)')
    if content.startswith(PNG_START) and content.rfind(PNG_END) < 0:
        # Said here, since libpng says it on stderr without a name.
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
                         f'pixels; {MAX_PIXELS:,} are the most)')


def _decode_with_cv2(content: bytes, path: str, flags: int) -> NDArray[Any]:
    try:
        image = cv2.imdecode(
            np.frombuffer(content, np.uint8),
            flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:  # e.g. a header that claims a huge size
        raise ValueError(
            f'{path}: not a readable image ({error.err})') from error
    if image is None:
        raise ValueError(f'{path}: not a readable image (damaged, cut short '
                         'or of another type)')
    return image


def _decode_with_steps(content: bytes, path: str,
                       header: Header) -> tuple[NDArray[Any], list[str]]:
    """Decode a PNG or JPEG file that is not plain."""
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
    notes = [GAMMA] * (b'gamma' in header.parts)
    notes += [HDR] * (b'hdr' in header.parts)
    profile, turn = _read_metadata(content)
    image = to_8_bits(image)
    if b'profile' in header.parts:
        shown = Image.fromarray(image[
            ..., 0] if header.grey else np.ascontiguousarray(image[..., ::-1]))
        image = _to_srgb(shown, profile or b'', notes)
    image = _composite(image, alpha, notes)
    return orient(image, turn), notes


def _colour_key(content: bytes, header: Header) -> NDArray[Any] | None:
    """The colour that a PNG without alpha declares transparent, in BGR."""
    start = content.find(b'tRNS', 0, content.find(b'IDAT'))
    if start < 0 or content[25] not in (0, 2):
        return None
    channels = 1 if header.grey else 3
    values = struct.unpack_from(f'>{channels}H', content, start + 4)
    scale = 255 // (2**header.bits - 1) if header.bits < 8 else 1
    return np.array(values[::-1]) * scale


def _read_metadata(content: bytes) -> tuple[bytes | None, int]:
    """Colour profile and EXIF orientation (1 if there is none)."""
    try:
        with _open(content) as image:
            return image.info.get('icc_profile'), _orientation(image)
    except _DAMAGE:
        return None, 1  # the pixels are there


def _open(content: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # about sizes, and damaged metadata
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
    """Decode BMP, TIFF, WebP and the like, and JPEG files of four inks."""
    notes: list[str] = []
    try:
        with _open(content) as file:
            _check_pixels(path, file.size)
            turn, profile = _orientation(file), file.info.get('icc_profile')
            if getattr(file, 'n_frames', 1) > 1 and file.format != 'MPO':
                notes.append(PAGES)
            if file.format == 'TIFF':
                turn = 1  # Pillow and OpenCV both turn TIFF files themselves
            if file.format == 'TIFF' and _is_deep(file, path):
                layers, alpha = _decode_deep_tiff(content, path)
            else:
                layers, alpha = _split_alpha(file)
            image = _to_srgb(layers, profile, notes)
            return orient(_composite(image, alpha, notes), turn), notes
    except UnidentifiedImageError as error:
        raise ValueError(f'{path}: not a readable image (damaged, cut short '
                         'or of another type)') from error
    except _DAMAGE as error:
        if str(error).startswith(f'{path}: '):
            raise
        raise ValueError(f'{path}: not a readable image ({error})') from error


def _is_deep(file: Image.Image, path: str) -> bool:
    """Return whether a TIFF file has 16-bit values; refuse larger ones."""
    tags: Any = getattr(file, 'tag_v2')  # of TIFF files alone
    bits = max(tags.get(BITS, (1, )))
    kind = max(tags.get(SAMPLE_FORMAT, (1, )))
    if bits not in (1, 2, 4, 8, 16) or kind != 1:
        raise ValueError(f'{path}: holds '
                         f'{"floating-point" if kind == 3 else f"{bits}-bit"}'
                         ' values; 8 and 16 bits are read')
    return bool(bits == 16)


def _decode_deep_tiff(content: bytes, path: str) -> Layers:
    """Decode a 16-bit TIFF file: Pillow keeps its high bytes only."""
    image = to_8_bits(_decode_with_cv2(content, path, cv2.IMREAD_UNCHANGED))
    if image.ndim == 2:
        return Image.fromarray(image), None
    alpha = image[..., 3] if image.shape[2] == 4 else None
    return Image.fromarray(np.ascontiguousarray(image[..., 2::-1])), alpha


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
    """Round 16-bit values: 65535 becomes 255, 128 * 257 becomes 128."""
    if image.dtype == np.uint8:
        return image
    return ((image.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _composite(image: NDArray[Any], alpha: NDArray[Any] | None,
               notes: list[str]) -> NDArray[Any]:
    """Composite over black, if a pixel is not opaque."""
    if alpha is None or alpha.min() == 255:
        return np.ascontiguousarray(image)
    notes.append(TRANSPARENT)
    product: NDArray[Any] = image.astype(np.uint16) * alpha[..., None] + 127
    return (product // 255).astype(np.uint8)


def orient(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an image upright.

    Args:
        image (np.ndarray): ``(h, w, ...)``, as stored.
        orientation (int): EXIF's number, 1 to 8; others change nothing.

    Returns:
        np.ndarray: The image, contiguous; of ``(w, h, ...)`` from 5 on.
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
    """BGR values of an image in sRGB; a profile of None is none at all."""
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
    """From a profile to sRGB; None if that changes next to nothing.

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
    # sRGB under its many names: exact values are better than rounded ones.
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

# Copyright (c) DKSAN-MM contributors.
"""Kinds of files that cannot be read, by their first bytes."""
import re

START = 512  # bytes that :func:`describe_kind` looks at

_SAVE = 'save it as PNG or JPEG'
_FORMS = (
    (rb'\xff\x0a|\0\0\0\x0cJXL ', 'a JPEG XL image', _SAVE),
    (rb'\0\0\0\x0cjP  |\xff\x4f\xff\x51', 'a JPEG 2000 image', _SAVE),
    (rb'....ftyp(hei|hev|mif1|msf1)', 'a HEIC image', _SAVE),
    (rb'\x76\x2f\x31\x01', 'an OpenEXR image', _SAVE),
    (rb'#\?RADIANCE', 'a Radiance HDR image', _SAVE),
    (rb'8BPS', 'a Photoshop image', _SAVE),
    (rb'(II|MM)......CR\x02\0|....ftypcrx |FUJIFILMCCD', 'a raw photograph',
     _SAVE),
    (rb'\s*(<\?xml[^>]*>\s*)?<svg', 'an SVG drawing', _SAVE),
    (rb'%PDF-', 'a PDF document', _SAVE),
    (rb'\s*<(!doctype html|html)', 'a web page',
     'download what it links to instead'),
    (rb'version https://git-lfs', 'a placeholder of Git LFS',
     'git lfs pull replaces it'),
    (rb'PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!', 'an archive',
     'extract it first'),
)  # yapf: disable
_VIDEO = (rb'....ftyp(?!avi[fs])|....moov|\x1a\x45\xdf\xa3|RIFF....AVI ',
          'a video', 'give it the suffix of one, such as .mp4')


def describe_kind(start: bytes, *, is_video: bool = False) -> str:
    """Describe the kind of an unreadable file, and what to do about it.

    Args:
        start (bytes): Its first :data:`START` bytes, or the whole file.
        is_video (bool): Whether it was read as a video; if not, it may be a
            video with the suffix of an image.

    Returns:
        str: Such as ``'is a PDF document; save it as PNG or JPEG'``; '' if
        the kind is not known.
    """
    for form, kind, advice in _FORMS if is_video else (*_FORMS, _VIDEO):
        if re.match(form, start[:START], re.DOTALL | re.IGNORECASE):
            return f'is {kind}; {advice}'
    return ''


def not_an_image(content: bytes, path: str, reason: str = '') -> ValueError:
    """Return the error for a file that cannot be decoded as an image.

    Args:
        content (bytes): Content of the file.
        path (str): Path of the file.
        reason (str): The decoder's reason, if it has one.
    """
    kind = describe_kind(content)
    if not kind:
        is_tiff = re.match(rb'II[*+]\0|MM\0[*+]', content)
        reason = reason or (
            'damaged, or a kind of TIFF that is not supported; save it as PNG'
            if is_tiff else 'damaged, cut short or of another type')
        kind = f'not a readable image ({reason})'
    return ValueError(f'{path}: {kind}')

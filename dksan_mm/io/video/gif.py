# Copyright (c) DKSAN-MM contributors.
"""GIF files: their background, and whether they are complete."""
import av

from .timeline import Packet

_BACKGROUND = 11  # offset of the index of the background colour


def without_background(packet: Packet) -> Packet:
    """Make the background of a GIF transparent, as browsers do.

    FFmpeg fills it with a colour of the palette, where a frame is removed and
    around frames that are smaller than the picture.

    Args:
        packet (Packet): The first packet, which begins with the file's header.

    Returns:
        Packet: A packet with another background; the same one if its palette
        has 256 colours and none of them is black.
    """
    content = bytearray(packet)
    flags = content[10] if len(content) > 10 else 0
    if content[:3] != b'GIF' or not flags & 0x80:
        return packet
    size = 2**(flags % 8 + 1)
    colours = [bytes(content[13 + 3 * n:16 + 3 * n]) for n in range(size)]
    if size < 256:
        content[_BACKGROUND] = size  # no colour: FFmpeg's are transparent
    elif bytes(3) in colours:
        content[_BACKGROUND] = colours.index(bytes(3))
    changed: Packet = av.Packet(bytes(content))
    changed.stream, changed.time_base = packet.stream, packet.time_base
    changed.pts, changed.dts = packet.pts, packet.dts
    changed.duration, changed.is_keyframe = packet.duration, True
    return changed


def check_gif_end(path: str, frames: int) -> None:
    """Check that a GIF is complete: a truncated one plays without an error.

    Args:
        path (str): Path of the file.
        frames (int): Number of decoded frames.

    Raises:
        ValueError: If the trailer is missing.
    """
    with open(path, 'rb') as file:
        if not _reaches_trailer(file.read()):
            raise ValueError(
                f'{path}: cut short in or after frame {frames - 1}')


def _reaches_trailer(content: bytes) -> bool:
    """Follow the blocks of a GIF to its trailer; bytes may follow it."""

    def skip(place: int, flags: int) -> int:
        return place + (3 * 2**(flags % 8 + 1) if flags & 0x80 else 0)

    try:
        place = skip(13, content[10])
        while content[place] != 0x3B:
            if content[place] == 0x2C:  # an image, which may have a palette
                place = skip(place + 10, content[place + 9]) + 1
            else:  # an extension
                place += 2
            while content[place]:  # sub-blocks, each preceded by its length
                place += content[place] + 1
            place += 1
    except IndexError:
        return False
    return True

# Copyright (c) DKSAN-MM contributors.
"""Cover images and attached files, such as fonts, of a video file."""
from dataclasses import dataclass

import av
from av.stream import Disposition

from .streams import open_container
from .timeline import Packet

# FFmpeg's names of the containers that hold covers as streams or as attached
# files. Both hold images with the suffixes listed below.
AS_STREAMS, AS_FILES = ('mp4', ), ('matroska', )
SUFFIXES = dict(mjpeg='jpg', png='png')


def can_hold(target: av.container.OutputContainer) -> bool:
    """Return whether a container can hold cover images."""
    return target.format.name in AS_STREAMS + AS_FILES


@dataclass(frozen=True)
class Cover:
    """A cover image.

    Attributes:
        index (int): Index of its stream in the source.
        codec (str): FFmpeg's name of its codec.
        content (bytes): Encoded image file.
    """
    index: int
    codec: str
    content: bytes


def read_covers(source: str) -> list[Cover]:
    """Read the cover images that can be copied from a file."""
    covers: list[Cover] = []
    with open_container(source) as container:
        streams = [
            stream for stream in container.streams.video if stream.disposition
            & Disposition.attached_pic and stream.codec_context is not None
            and stream.codec_context.name in SUFFIXES
        ]
        try:
            for packet in container.demux(streams) if streams else ():
                if len(covers) == len(streams) or not packet.size:
                    break
                covers.append(
                    Cover(packet.stream.index,
                          packet.stream.codec_context.name, bytes(packet)))
        except av.FFmpegError:
            pass  # reported later as left out
    return covers


def add_cover(cover: Cover, stream: av.stream.Stream,
              target: av.container.OutputContainer) -> list[Packet]:
    """Add a cover to a container before anything is written to it.

    Args:
        cover (Cover): The image.
        stream (Stream): Its stream in the open source file.
        target (OutputContainer): Container that already has its video.

    Returns:
        list[Packet]: Packets to write to the container first.
    """
    if target.format.name in AS_FILES:
        suffix = SUFFIXES[cover.codec]
        kind = 'jpeg' if suffix == 'jpg' else suffix
        target.add_attachment(f'cover.{suffix}', f'image/{kind}',
                              cover.content)
        return []
    copy = target.add_stream_from_template(stream, opaque=True)
    copy.disposition = Disposition.attached_pic
    packet: Packet = av.Packet(cover.content)
    packet.stream = copy
    if copy.time_base is not None:
        packet.time_base = copy.time_base
    packet.pts = packet.dts = 0
    packet.is_keyframe = True
    return [packet]

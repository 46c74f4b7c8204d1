# Copyright (c) DKSAN-MM contributors.
"""Times of frames in files that store no presentation times.

FFmpeg guesses the missing times from the order of decoding. For videos with
B-frames, the guesses have the wrong order or begin late.
"""
from collections import deque
from collections.abc import Iterable, Iterator

import av

from .timeline import Packet

# Formats that store one time per packet, and FFmpeg's AVFMT_NOTIMESTAMPS flag
# of those that store none.
SINGLE, _NO_TIMES = ('avi', 'asf'), 0x80
# Frames to look at in other formats; a decoder delays H.264 frames by up to 16
# packets, but encoders reorder four or fewer.
LOOK_AHEAD = 8
MAX_DELAY = 16  # packets
Timed = tuple[av.VideoFrame | None, int | None]


class DisplayTimes:
    """Derives the times of frames from those of the packets.

    The decoder returns frames in the order of presentation, with a constant
    delay. Without presentation times, the first frame is therefore shown at
    the time of the first packet, the second at that of the second, and so on.

    Args:
        container (InputContainer): The open file.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        is_bare = container.format.flags & _NO_TIMES
        self._guessed = container.format.name in SINGLE or bool(is_bare)
        self._sent: deque[int | None] = deque(maxlen=MAX_DELAY + 1)
        self._delay: int | None = None  # in packets, known at the first frame
        # Presentation times of the latest packet and of the latest frame, and
        # whether those of all packets or frames increase.
        self._packet = self._frame = -2**63
        self._packets_rise = self._frames_rise = True

    def send(self, packet: Packet) -> None:
        """Record a packet that is given to the decoder."""
        if not packet.size:
            return
        self._sent.append(packet.dts if self._guessed else packet.pts)
        if packet.pts is not None:
            self._packets_rise &= packet.pts > self._packet
            self._packet = packet.pts

    def lose(self) -> None:
        """Record that the latest packet cannot be decoded."""
        if self._sent:
            self._sent.pop()

    def receive(self, frame: av.VideoFrame, *, flushing: bool) -> Timed:
        """Pair a decoded frame with the time of the packet in its place.

        Args:
            frame (VideoFrame): The next frame.
            flushing (bool): Whether all packets have been sent.
        """
        if frame.pts is not None:
            self._frames_rise &= frame.pts > self._frame
            self._frame = frame.pts
        if self._delay is None:
            self._delay = len(self._sent) - 1
        elif flushing:
            self._delay -= 1
        place = len(self._sent) - 1 - self._delay
        known = 0 <= place < len(self._sent)
        return frame, self._sent[place] if known else None

    def choose(self,
               frames: Iterable[Timed]) -> Iterator[av.VideoFrame | None]:
        """Set the times of frames.

        Args:
            frames (Iterable[tuple[VideoFrame | None, int | None]]): Frames
                from :meth:`receive`, and None for each missing one.

        Yields:
            VideoFrame | None: The frames with their presentation times.
        """
        waiting: list[Timed] = []
        undecided = not self._guessed
        try:
            for timed in frames:
                waiting.append(timed)
                undecided = (
                    undecided and self._packets_rise and self._frames_rise
                    and len(waiting) < LOOK_AHEAD)
                if not undecided:
                    yield from self._release(waiting)
        except Exception:  # keep the frames before the error
            yield from self._release(waiting)
            raise
        yield from self._release(waiting)

    def _release(self, waiting: list[Timed]) -> Iterator[av.VideoFrame | None]:
        # Increasing times of packets are no presentation times if those of
        # the frames do not increase.
        self._guessed |= self._packets_rise and not self._frames_rise
        while waiting:
            frame, time = waiting.pop(0)
            if frame is not None and self._guessed:
                frame.pts = time
            yield frame

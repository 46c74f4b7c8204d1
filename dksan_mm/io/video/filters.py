# Copyright (c) DKSAN-MM contributors.
"""FFmpeg's filters of single frames."""
from fractions import Fraction

import av
import av.filter


def open_filter(frame: av.VideoFrame, name: str,
                options: str) -> av.filter.Graph:
    """Build a graph of one filter for frames like the given one.

    Args:
        frame (VideoFrame): Frame with the size, format and time base of all
            frames to filter; a frame made from an array has no time base.
        name (str): FFmpeg's name of the filter.
        options (str): Its options.

    Returns:
        Graph: The graph, which takes and returns frames.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or Fraction(1, 25))
    graph.link_nodes(source, graph.add(name, options),
                     graph.add('buffersink')).configure()
    return graph


def filter_frame(frame: av.VideoFrame, name: str,
                 options: str) -> av.VideoFrame:
    """Apply a filter without memory to one frame; see :func:`open_filter`."""
    graph = open_filter(frame, name, options)
    graph.vpush(frame)
    return graph.vpull()

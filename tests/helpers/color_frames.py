# Copyright (c) DKSAN-MM contributors.
"""Frames of known colours, coded by the definitions of H.273 in float64."""
import av
import numpy as np

WEIGHTS = {  # of red and blue
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593)
}
YCGCO = 8
SIDE = 16  # of a patch of one colour: wider than filters of chroma


def patches(seed=0):
    """Return RGB from 0 to 1: greys, corners of the cube, random colours."""
    rgb = np.random.default_rng(seed).uniform(0, 1, (4, 8, 3))
    rgb[0] = np.linspace(0, 1, 8)[:, None]
    rgb[1] = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), -1).reshape(8, 3)
    return rgb


def encode(rgb, matrix, full, bits):
    """Compute the numbers of Y, Cb and Cr (or Y, Cg and Co)."""
    if matrix == YCGCO:
        y, first, second = (
            rgb @ row
            for row in ([.25, .5, .25], [-.25, .5, -.25], [.5, 0, -.5]))
    else:
        red, blue = WEIGHTS[matrix]
        y = rgb @ [red, 1 - red - blue, blue]
        first = (rgb[..., 2] - y) / (2 - 2 * blue)
        second = (rgb[..., 0] - y) / (2 - 2 * red)
    step, top, half = 2**(bits - 8), 2**bits - 1, 2**(bits - 1)
    if full:
        planes = y * top, first * top + half, second * top + half
    else:
        span = (219 if matrix == YCGCO else 224) * step
        planes = ((219 * y + 16) * step, first * span + half,
                  second * span + half)
    kind = np.uint8 if bits == 8 else np.uint16
    return [np.rint(p).clip(0, top).astype(kind) for p in planes]


def decode(planes, matrix, full, bits):
    """Compute RGB from 0 to 255 from such numbers, not rounded."""
    step, top, half = 2**(bits - 8), 2**bits - 1, 2**(bits - 1)
    y, first, second = (plane.astype(float) for plane in planes)
    if full:
        y, first, second = y / top, (first - half) / top, (second - half) / top
    else:
        span = (219 if matrix == YCGCO else 224) * step
        y = (y / step - 16) / 219
        first, second = (first - half) / span, (second - half) / span
    if matrix == YCGCO:
        rgb = y - first + second, y + first, y - first - second
    else:
        red, blue = WEIGHTS[matrix]
        r, b = y + (2 - 2 * red) * second, y + (2 - 2 * blue) * first
        rgb = r, (y - red * r - blue * b) / (1 - red - blue), b
    return np.stack(rgb, -1).clip(0, 1) * 255


def make_frame(name, planes, side=SIDE, **tags):
    """Make a frame of patches by writing its planes."""
    h, w = (side * n for n in planes[0].shape[:2])
    frame = av.VideoFrame(w, h, name)
    for plane, values in zip(frame.planes, planes):
        values = values.repeat(side, 0).repeat(side, 1)
        values = values[::h // plane.height, ::w // plane.width]
        row = plane.line_size // values.dtype.itemsize
        rows = np.zeros((plane.height, row), values.dtype)
        width = int(np.prod(values.shape[1:]))
        rows[:, :width] = values.reshape(plane.height, -1)
        plane.update(rows.tobytes())
    for tag, value in tags.items():
        setattr(frame, tag, value)
    return frame


def centers(image, side=SIDE):
    return image[side // 2::side, side // 2::side]


def write_frames(path, frames, codec='ffv1', options=None):
    """Write frames unchanged, with their colour tags."""
    first = frames[0]
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = first.width, first.height
        stream.pix_fmt = first.format.name
        context = stream.codec_context
        context.options = options or {}
        for tag in ('colorspace', 'color_primaries', 'color_trc',
                    'color_range'):
            setattr(context, tag, getattr(first, tag))
        for frame in frames:
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)

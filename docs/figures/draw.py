# Copyright (c) DKSAN-MM contributors.
"""Draw the figures of the documentation: python docs/figures/draw.py.

Boxes have fills of their own with dark text, all else is a middle grey: the
pictures suit a light page and a dark one.
"""
from collections.abc import Sequence
from html import escape
from pathlib import Path

# The rooms of the package, from the ground up, as in tests/test_rooms.py.
FLOORS = (
    ('utils', ),
    ('io', 'ops'),
    ('engine', 'evaluation', 'datasets', 'prepare'),
    ('models', ),
    ('inference', ),
    ('apis', ),
    ('cli', ),
    ('analysis', ),
    ('comparison', ),
)
# Where the taps of a kernel move, in pixels and in cells of the scope.
IMAGE_SHIFTS = ((-.6, -.9), (-.9, .2), (-.4, 1.2), (.3, -1.2), (.1, .3),
                (-.2, 1.3), (1.1, -.7), (.9, .4), (.5, 1.5))
KERNEL_SHIFTS = ((-.3, .4), (-.4, -.3), (.2, .4), (.4, -.4), (-.3, .4),
                 (.4, -.2), (.3, .3), (.4, -.4), (-.4, .2))

FOLDER = Path(__file__).resolve().parent
GREY, INK = '#7b8490', '#16202b'
FILLS = dict(
    frame='#bcd7f5',
    conv='#dfe3e8',
    dkc='#ffd19a',
    join='#ffffff',
    op='#cbeac4')
HEIGHT, GAP = 44, 26

Point = tuple[float, float]


class Box:
    """A place in a drawing, with the points that arrows start from.

    Args:
        x (float): Left edge.
        y (float): Top edge.
        width (float): Width.
        height (float): Height.
    """

    def __init__(self, x: float, y: float, width: float,
                 height: float) -> None:
        self.left, self.right = (x, y + height / 2), (x + width,
                                                      y + height / 2)
        self.top, self.bottom = (x + width / 2, y), (x + width / 2, y + height)


class Drawing:
    """An SVG file in the making.

    Args:
        width (int): Width in pixels.
        height (int): Height in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
            f'height="{height}" viewBox="0 0 {width} {height}" '
            'font-family="system-ui, sans-serif" font-size="13">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" '
            'markerWidth="8" markerHeight="8" orient="auto">'
            f'<path d="M0 0L8 4L0 8z" fill="{GREY}"/></marker></defs>'
        ]

    def box(self,
            x: float,
            y: float,
            text: str,
            kind: str = 'conv',
            *,
            width: float = 96,
            height: float = HEIGHT) -> Box:
        """Add a box with lines of text."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
            f' rx="6" fill="{FILLS[kind]}" stroke="{GREY}"/>')
        self.text(x + width / 2, y + height / 2, text, color=INK)
        return Box(x, y, width, height)

    def sign(self, x: float, y: float, text: str) -> Box:
        """Add a circle with a sign, its centre at (x, y)."""
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="11" '
                          f'fill="{FILLS["join"]}" stroke="{GREY}"/>')
        self.text(x, y, text, color=INK)
        return Box(x - 11, y - 11, 22, 22)

    def text(self,
             x: float,
             y: float,
             text: str,
             *,
             color: str = GREY,
             anchor: str = 'middle') -> None:
        """Add lines of text, their middle at (x, y)."""
        lines = text.split('\n')
        for number, line in enumerate(lines):
            below = y + 15 * (number - (len(lines) - 1) / 2) + 4.5
            self.parts.append(
                f'<text x="{x:g}" y="{below:g}" text-anchor="{anchor}" '
                f'fill="{color}">{escape(line)}</text>')

    def line(self,
             points: Sequence[Point],
             *,
             tip: bool = True,
             dashed: bool = False) -> None:
        """Add a line through points, with a tip at its end."""
        path = 'M' + 'L'.join(f'{x:g} {y:g}' for x, y in points)
        end = ' marker-end="url(#tip)"' if tip else ''
        dashes = ' stroke-dasharray="4 3"' if dashed else ''
        self.parts.append(f'<path d="{path}" fill="none" stroke="{GREY}" '
                          f'stroke-width="1.5"{dashes}{end}/>')

    def row(self,
            x: float,
            y: float,
            boxes: Sequence[tuple],
            gap: float = GAP) -> list[Box]:
        """Add boxes from left to right, joined by arrows.

        Each is ``(text, kind, width)``; a kind of 'sign' is a circle.
        """
        made = []
        for text, kind, width in boxes:
            if kind == 'sign':
                made.append(self.sign(x + 11, y + HEIGHT / 2, text))
            else:
                made.append(self.box(x, y, text, kind, width=width))
            x += width + gap
        for one, other in zip(made, made[1:]):
            self.line([one.right, other.left])
        return made

    def skip(self, start: Point, end: Point, y: float) -> None:
        """Add an arrow that leaves the row, runs at ``y`` and comes back."""
        self.line([start, (start[0], y), (end[0], y), end])

    def dot(self, x: float, y: float, color: str, radius: float = 4) -> None:
        """Add a point."""
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" '
                          f'fill="{color}"/>')

    def grid(self, x: float, y: float, cells: int, size: float) -> None:
        """Add a square of cells."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{cells * size:g}" '
            f'height="{cells * size:g}" fill="{FILLS["frame"]}"/>')
        for number in range(cells + 1):
            at = number * size
            self.parts.append(
                f'<path d="M{x + at:g} {y:g}v{cells * size:g}M{x:g} '
                f'{y + at:g}h{cells * size:g}" stroke="{GREY}"/>')

    def finish(self) -> str:
        """Return the file."""
        return '\n'.join([*self.parts, '</svg>', ''])


def cascade() -> str:
    """Draw the whole network."""
    art = Drawing(736, 184)
    frames, _, align, fusion = art.row(
        20, 14, [('7 LR frames', 'frame', 110),
                 ('features\n(shared)', 'conv', 120),
                 ('DKC Align\nto the centre frame', 'dkc', 170),
                 ('fusion\n1x1 conv', 'conv', 120)], 40)
    levels = art.row(120, 126, [
        *((f'level {i}\nx{2**i}', 'conv', 80) for i in range(1, 5)),
        ('centre frame\nx16', 'frame', 110)
    ], 42)
    art.line([
        fusion.bottom, (fusion.bottom[0], 92), (levels[0].top[0], 92),
        levels[0].top
    ])
    art.text(align.bottom[0], 80, 'fused features')
    art.line([(60, frames.bottom[1]), (60, levels[0].left[1]), levels[0].left],
             dashed=True)
    art.text(54, 112, 'centre\nframe', anchor='end')
    return art.finish()


def level() -> str:
    """Draw an x2 step."""
    art = Drawing(736, 196)
    features, _, _, add, _, last, _ = art.row(
        20, 36, [('features', 'frame', 84), ('R: RCABs', 'conv', 92),
                 ('A: DKSA', 'dkc', 92), ('+', 'sign', 22),
                 ('U: x2', 'conv', 84), ('+', 'sign', 22),
                 ('frame,\nx2 as large', 'frame', 104)], 30)
    art.skip(features.top, add.top, 14)
    frame, bicubic = (art.box(
        20, 138, 'frame of\nthe level', 'frame',
        width=84), art.box(300, 138, 'bicubic x2'))
    art.line([frame.right, bicubic.left])
    art.line([bicubic.right, (last.bottom[0], bicubic.right[1]), last.bottom])
    art.line([frame.top, features.bottom], dashed=True)
    art.text(
        72, 109, 'conv and a residual block, in levels 2 to 4', anchor='start')
    return art.finish()


def dkc_align() -> str:
    """Draw the alignment."""
    art = Drawing(736, 150)
    neighbour = art.box(8, 10, 'neighbour', 'frame', width=94)
    centre = art.box(8, 92, 'centre frame', 'frame', width=94)
    concat, *_, deform, _ = art.row(
        122, 51, [('concat,\nconv', 'conv', 72),
                  ('4 x DKC layer\n+ LeakyReLU', 'dkc', 112),
                  ('conv: offsets,\nmask', 'conv', 104),
                  ('deformable\nconvolution', 'op', 96),
                  ('LeakyReLU', 'conv', 88)], 28)
    start = (116, concat.left[1])
    for box in (neighbour, centre):
        art.line([box.right, (116, box.right[1]), start], tip=False)
    art.line([start, concat.left])
    art.line([(116, 32), (deform.top[0], 32), deform.top])
    art.text(460, 20, 'features of the neighbour')
    return art.finish()


def dksa() -> str:
    """Draw the spatial attention."""
    art = Drawing(736, 100)
    features, *_, times, _ = art.row(
        12, 44, [('features', 'frame', 72), ('conv, /2\nReLU', 'conv', 70),
                 ('DKC layer\nReLU', 'dkc', 78),
                 ('DKC layer\nReLU', 'dkc', 78),
                 ('conv, shuffle,\n1x1 conv', 'conv', 102),
                 ('sigmoid', 'conv', 66), ('\u00d7', 'sign', 22),
                 ('features', 'frame', 72)], 21)
    art.skip(features.top, times.top, 18)
    art.text(360, 30, 'features times one factor in (0, 1) for each pixel')
    return art.finish()


def dkc_layer() -> str:
    """Draw the taps of a deformable kernel in the image and in the scope."""
    art = Drawing(736, 268)
    source = art.box(12, 112, 'input x', 'frame', width=72)
    _predictor(art, source, 18, 'image offsets\n9 x (dy, dx)')
    _predictor(art, source, 206, 'kernel offsets\n9 x (dy, dx)')
    art.grid(318, 34, 7, 24)
    art.text(402, 18, 'samples move in the image')
    _taps(art, [(318 + 24 * (x + 3.5), 34 + 24 * (y + 3.5)) for y in (-1, 0, 1)
                for x in (-1, 0, 1)], IMAGE_SHIFTS, 24)
    art.grid(528, 40, 4, 30)
    art.text(588, 18, 'taps move in the scope')
    _taps(art, [(528 + 30 * (x + 1), 40 + 30 * (y + 1)) for y in range(3)
                for x in range(3)], KERNEL_SHIFTS, 30)
    art.text(
        526, 228, 'output = sum over 9 taps of\n'
        'weight read in the scope \u00d7 sample read in the image')
    art.text(588, 174, 'S x S stored weights')
    return art.finish()


def _predictor(art: Drawing, source: Box, y: float, text: str) -> None:
    conv = art.box(106, y, '3x3 conv', width=72)
    offsets = art.box(200, y, text, 'dkc', width=98)
    art.line(
        [source.right, (95, source.right[1]), (95, conv.left[1]), conv.left])
    art.line([conv.right, offsets.left])


def _taps(art: Drawing, rest: Sequence[Point], shifts: Sequence[Point],
          size: float) -> None:
    """Add taps where they rest, and where offsets (dy, dx) move them."""
    for (x, y), (dy, dx) in zip(rest, shifts):
        moved = (x + size * dx, y + size * dy)
        art.line([(x, y), moved], tip=False)
        art.dot(x, y, '#ffffff', 3)
        art.dot(*moved, '#c2410c', 4.5)


def rooms() -> str:
    """Draw the floors of the package."""
    art = Drawing(736, 52 * len(FLOORS) + 8)
    for number, names in enumerate(reversed(FLOORS)):
        y = 8 + 52 * number
        width = (600 - 12 * (len(names) - 1)) / len(names)
        for place, name in enumerate(names):
            kind = 'dkc' if name in ('models', 'ops') else 'conv'
            art.box(10 + place * (width + 12), y, name, kind, width=width)
    art.line([(650, 20), (650, 52 * len(FLOORS) - 12)])
    art.text(664, 26 * len(FLOORS), 'imports', anchor='start')
    return art.finish()


FIGURES = dict(
    cascade=cascade,
    level=level,
    dkc_align=dkc_align,
    dksa=dksa,
    dkc_layer=dkc_layer,
    rooms=rooms)

if __name__ == '__main__':
    for name, draw in FIGURES.items():
        (FOLDER / f'{name}.svg').write_text(draw(), encoding='utf-8')

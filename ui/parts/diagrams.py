"""The drawings of How it works, as inline SVG in the page's own colours.

Each is 340 wide and as legible on a phone as on a desk; its words are in the caption beside it.
"""

import math

__all__ = ["drawing_of_content", "drawing_of_layers", "drawing_of_scales", "drawing_of_style"]

WIDTH, HEIGHT = 340, 190
# Five blocks: each halves the picture and sees more kinds of things.
BLOCKS = ((96, 3), (74, 5), (54, 8), (36, 12), (22, 15))
MAPS = 4


def _svg(label: str, body: str) -> str:
    return (
        f'<svg class="drawing" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{body}</svg>"
    )


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{kind}">{words}</text>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    angle = math.atan2(y2 - y1, x2 - x1)
    wings = " ".join(
        f"{x2 - 7 * math.cos(angle + turn):.1f},{y2 - 7 * math.sin(angle + turn):.1f}"
        for turn in (0.5, -0.5)
    )
    left, right = wings.split()
    return (
        f'<line class="ink" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'
        f'<polyline class="ink" points="{left} {x2:g},{y2:g} {right}"/>'
    )


def drawing_of_layers() -> str:
    """A network's five blocks: fewer positions, more kinds of things seen at each."""
    parts, x = [], 14.0
    for number, (side, depth) in enumerate(BLOCKS, start=1):
        top = 84 - side / 2
        for layer in range(depth - 1, -1, -2):
            shift = layer * 2.2
            parts.append(
                f'<rect class="sheet" x="{x + shift:.1f}" y="{top - shift * 0.5:.1f}" '
                f'width="{side * 0.42:.1f}" height="{side}" rx="2"/>'
            )
        parts.append(_text(x + side * 0.21 + depth, 158, str(number), "quiet"))
        x += side * 0.42 + depth * 2.2 + 14
    parts.append(_text(14, 180, "edges, colours", "quiet", "start"))
    parts.append(_text(WIDTH - 14, 180, "what is where", "quiet", "end"))
    label = "Five blocks of a network, from large and thin to small and deep"
    return _svg(label, "".join(parts))


def _grid(x: float, y: float, cell: float, values: list[list[float]], kind: str) -> str:
    return "".join(
        f'<rect class="{kind}" x="{x + column * cell:.1f}" y="{y + row * cell:.1f}" '
        f'width="{cell - 1:.1f}" height="{cell - 1:.1f}" fill-opacity="{0.08 + 0.92 * value:.2f}"/>'
        for row, line in enumerate(values)
        for column, value in enumerate(line)
    )


def _feature(seed: int, size: int = 5) -> list[list[float]]:
    """A made feature map: a soft bump whose place depends on the seed."""
    cx, cy = 1 + 2.6 * ((seed * 0.37) % 1), 1 + 2.6 * ((seed * 0.71) % 1)
    return [
        [math.exp(-((column - cx) ** 2 + (row - cy) ** 2) / 2.2) for column in range(size)]
        for row in range(size)
    ]


def drawing_of_content() -> str:
    """Feature by feature, at the same place: the photo's against the canvas'."""
    photo = _feature(3)
    canvas = [[min(1.0, 0.75 * v + 0.16 * ((r + c) % 2)) for c, v in enumerate(line)]
              for r, line in enumerate(photo)]  # fmt: skip
    difference = [
        [min(1.0, 2.6 * abs(a - b)) for a, b in zip(one, two, strict=True)]
        for one, two in zip(photo, canvas, strict=True)
    ]
    cell = 17.0
    parts = [
        _grid(10, 46, cell, photo, "cool"),
        _text(108, 92, "−", "sign"),
        _grid(124, 46, cell, canvas, "warm"),
        _text(222, 92, "=", "sign"),
        _grid(238, 46, cell, difference, "ink-fill"),
        _text(52, 32, "photo"),
        _text(166, 32, "canvas"),
        _text(280, 32, "difference"),
        _text(WIDTH / 2, 162, "place by place, in one deep layer", "quiet"),
    ]
    return _svg("Features of the photo minus features of the canvas", "".join(parts))


def drawing_of_style() -> str:
    """Which features occur together, wherever they are: maps on the left, their Gram matrix."""
    parts = [_text(48, 22, "features"), _text(244, 22, "Gram matrix")]
    maps = [_feature(seed, 5) for seed in (1, 2, 4, 6)]
    for i, values in enumerate(maps):
        x, y = 14 + 38 * (i % 2), 34 + 64 * (i // 2)
        parts.append(_grid(x, y, 6.4, values, "warm"))
    flat = [[value for line in values for value in line] for values in maps]
    products = [[sum(a * b for a, b in zip(f, g, strict=True)) for g in flat] for f in flat]
    largest = max(max(line) for line in products)
    cells = [[(value / largest) ** 2 for value in line] for line in products]
    parts.append(_arrow(104, 86, 160, 86))
    parts.append(_text(132, 76, "F F", "quiet") + _text(147, 71, "T", "tiny"))
    parts.append(_grid(190, 34, 27, cells, "accent-fill"))
    parts.append(_text(WIDTH / 2, 174, "which occur together, wherever they are", "quiet"))
    return _svg("Four feature maps and the matrix of their products", "".join(parts))


def drawing_of_scales() -> str:
    """Coarse to fine: composition first, brushwork last."""
    parts, x = [], 16.0
    for side, cells in ((46, 4), (76, 8), (124, 16)):
        top = 150 - side
        cell = side / cells
        values = [
            [0.5 + 0.5 * math.sin(0.9 + 9 * (c / cells) + 4 * math.sin(4 * r / cells))
             for c in range(cells)]
            for r in range(cells)
        ]  # fmt: skip
        parts.append(_grid(x, top, cell, values, "accent-fill"))
        if side < 124:
            parts.append(_arrow(x + side + 5, 150 - side / 2, x + side + 23, 150 - side / 2))
        x += side + 30
    parts.append(_text(16, 178, "composition", "quiet", "start"))
    parts.append(_text(WIDTH - 16, 178, "brushwork", "quiet", "end"))
    return _svg("The canvas at a quarter, a half and full size", "".join(parts))

"""Loss curves as small inline SVGs: no script, no data frame, the page's own colours."""

import html
import math
from collections.abc import Mapping, Sequence

from nst.engine.losses import Losses

WIDTH, HEIGHT = 480, 170
LEFT, RIGHT, TOP, BOTTOM = 48, 468, 12, 146  # pixels of the drawing inside it

Curve = Sequence[tuple[int, Losses[float]]]


def curves(points: Curve) -> str:
    """The losses of one run over its steps; empty without two points."""
    names = ("total", "style", "content", "local")
    lines = {name: [(step, getattr(losses, name)) for step, losses in points] for name in names}
    return _chart("Losses over the steps", lines)


def overlay(runs: Mapping[str, Curve]) -> str:
    """The total losses of several runs, by their titles; empty without any.

    The first point is left out: the loss of the start would squeeze everything after it.
    """
    lines = {title: [(step, loss.total) for step, loss in run[1:]] for title, run in runs.items()}
    return _chart("Total loss over the steps", lines)


def _chart(caption: str, lines: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Lines on a logarithmic scale of shares of the highest value."""
    drawn = {name: [p for p in line if 0 < p[1] < math.inf] for name, line in lines.items()}
    drawn = {html.escape(name): line for name, line in drawn.items() if len(line) > 1}
    values = [value for line in drawn.values() for _, value in line]
    if not values:
        return ""
    highest, last = max(values), max(line[-1][0] for line in drawn.values())
    depth = max(0.1, math.log10(highest / min(values)))

    def down(value: float) -> float:
        return round(TOP + (BOTTOM - TOP) * math.log10(highest / value) / depth, 1)

    drawing = f'<text x="{LEFT}" y="{HEIGHT - 6}">step 0</text>'
    drawing += f'<text x="{RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{last:,}</text>'
    for share in (10 ** (-depth * part) for part in (0.0, 0.5, 1.0)):
        y = down(highest * share)
        drawing += (
            f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{100 * share:.3g}%</text>'
        )
    for i, line in enumerate(drawn.values()):
        places = ((LEFT + (RIGHT - LEFT) * step / last, down(value)) for step, value in line)
        points = " ".join(f"{x:.1f},{y}" for x, y in places)
        drawing += f'<polyline class="line-{i}" points="{points}"/>'
    legend = "".join(f'<li class="line-{i}">{name}</li>' for i, name in enumerate(drawn))
    ends = (f"{name} {100 * line[-1][1] / highest:.3g}%" for name, line in drawn.items())
    return (
        f'<figure class="curves"><figcaption>{caption}, as shares of the highest</figcaption>'
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{caption}; at the end {", ".join(ends)}">{drawing}</svg>'
        f"<ul>{legend}</ul></figure>"
    )

"""Loss curves as a small inline SVG: no script, no data frame, the page's own colours."""

import math
from collections.abc import Sequence

from nst.engine.losses import Losses

__all__ = ["curves"]

WIDTH, HEIGHT = 760, 150
LEFT, RIGHT, TOP, BOTTOM = 48, 70, 10, 22
APART = 13  # pixels between the names at the ends of the lines
LINES = ("content", "style", "local", "total")

Curve = Sequence[tuple[int, Losses[float]]]


def curves(points: Curve) -> str:
    """The losses over the steps on a logarithmic axis; empty with fewer than two points.

    points: (step, losses).
    """
    seen = [value for _, losses in points for name in LINES if (value := getattr(losses, name)) > 0]
    if len(points) < 2 or not seen:
        return ""
    low, high = math.log10(min(seen)), math.log10(max(seen))
    span = max(high - low, 0.1)
    first, last = points[0][0], max(points[-1][0], points[0][0] + 1)

    def place(step: int, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (step - first) / (last - first)
        share = (math.log10(max(value, 10**low)) - low) / span
        return x, TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)

    paths = {
        name: [
            place(step, value) for step, losses in points if (value := getattr(losses, name)) > 0
        ]
        for name in LINES
    }
    final = ", ".join(f"{name} {getattr(points[-1][1], name):.3g}" for name in LINES if paths[name])
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Losses over the steps; at the '
        f'end {final}">{_axes(first, last, low, span)}{_lines(paths)}</svg>'
    )


def _end(item: tuple[str, list[tuple[float, float]]]) -> float:
    return item[1][-1][1] if item[1] else 0.0


def _lines(paths: dict[str, list[tuple[float, float]]]) -> str:
    """The lines, each with its name at its end; names that would touch are moved apart."""
    drawn, above = "", -1.0 * APART
    for name, path in sorted(paths.items(), key=_end):
        if not path:
            continue
        x, y = path[-1]
        above = max(y + 4, above + APART)
        drawn += (
            f'<polyline class="{name}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in path)}"/>'
            f'<text class="{name}" x="{x + 6:.1f}" y="{above:.1f}">{name}</text>'
        )
    return drawn


def _axes(first: int, last: int, low: float, span: float) -> str:
    ground = HEIGHT - BOTTOM
    ends = (
        f'<text x="{LEFT}" y="{HEIGHT - 4}">step {first}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{last}</text>'
    )
    marks = ""
    for power in (low, low + span):
        y = TOP + (ground - TOP) * (1 - (power - low) / span)
        marks += (
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10**power:.2g}</text>'
        )
    return marks + ends

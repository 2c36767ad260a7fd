"""The total losses of several runs in one small inline SVG, on one logarithmic axis."""

import html
import math
from collections.abc import Sequence

from nst.engine.losses import Losses

__all__ = ["overlay"]

WIDTH, HEIGHT = 420, 190
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 12, 24

Curve = Sequence[tuple[int, Losses[float]]]


def overlay(curves: Sequence[tuple[str, Curve]]) -> str:
    """Figure with a line and an entry in the legend for every (name, points); empty without any.

    points: (step, losses). Steps are shown from the second
    point on: the loss of the start would squeeze everything after it.
    """
    totals = [
        (name, [(step, losses.total) for step, losses in points[1:] if losses.total > 0])
        for name, points in curves
    ]
    seen = [value for _, points in totals for _, value in points]
    if len(seen) < 2:
        return ""
    low, high = math.log10(min(seen)), math.log10(max(seen))
    span = max(high - low, 0.05)
    steps = [step for _, points in totals for step, _ in points]
    first, last = min(steps), max(steps)

    def place(step: int, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (step - first) / max(1, last - first)
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - (math.log10(value) - low) / span)
        return f"{x:.1f},{y:.1f}"

    lines = "".join(
        f'<polyline class="line-{i}" points="{" ".join(place(*point) for point in points)}"/>'
        for i, (_, points) in enumerate(totals)
    )
    final = "; ".join(f"{name} {points[-1][1]:.3g}" for name, points in totals if points)
    legend = "".join(
        f'<li class="line-{i}">{html.escape(name)}</li>' for i, (name, _) in enumerate(totals)
    )
    return (
        f'<figure class="overlay"><figcaption>Total loss over the steps</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Total losses at the end: '
        f'{html.escape(final)}">{_axes(first, last, low, span)}{lines}</svg>'
        f"<ul>{legend}</ul></figure>"
    )


def _axes(first: int, last: int, low: float, span: float) -> str:
    ground = HEIGHT - BOTTOM
    marks = [
        f'<text x="{LEFT}" y="{HEIGHT - 6}">step {first:,}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{last:,}</text>'
    ]
    for share in (0.0, 0.5, 1.0):
        y = ground - (ground - TOP) * share
        marks.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{10 ** (low + span * share):.2g}</text>"
        )
    return "".join(marks)

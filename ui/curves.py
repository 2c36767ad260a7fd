"""Loss curves as small inline SVGs: no script, no data frame, the page's own colours."""

import html
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nst.engine.losses import Losses

__all__ = ["curves", "overlay"]

WIDTH, HEIGHT = 480, 170
LEFT, TOP, BOTTOM = 56, 12, 24  # pixels beside the lines; on the right it depends on the names
APART = 13  # pixels between the names at the ends of the lines
LINES = ("content", "style", "local", "total")
UNITS = (("G", 1e9), ("M", 1e6), ("k", 1e3))

Curve = Sequence[tuple[int, Losses[float]]]
Line = list[tuple[int, float]]


def curves(points: Curve) -> str:
    """The losses of one run over its steps, each named at its end; empty without two points."""
    lines = {
        name: [(step, value) for step, losses in points if (value := getattr(losses, name)) > 0]
        for name in LINES
    }
    lines = {name: line for name, line in lines.items() if line}
    if len(points) < 2 or not lines:
        return ""
    axes = _Axes.around(lines.values(), right=60)
    ends = sorted((axes.place(*line[-1])[1] + 4, name) for name, line in lines.items())
    places = _apart([y for y, _ in ends])
    names = "".join(
        f'<text class="{name}" x="{WIDTH - axes.right + 6}" y="{y:.1f}">{name}</text>'
        for (_, name), y in zip(ends, places, strict=True)
    )
    final = ", ".join(f"{name} {line[-1][1]:.3g}" for name, line in lines.items())
    return axes.svg(f"Losses over the steps; at the end {final}", lines, names)


def overlay(runs: Sequence[tuple[str, Curve]]) -> str:
    """Figure with the total losses of several named runs and a legend; empty without any.

    Steps are shown from the second point on: the loss of the start would squeeze everything after.
    """
    totals = {
        name: [(step, losses.total) for step, losses in points[1:] if losses.total > 0]
        for name, points in runs
    }
    lines = {f"line-{i}": line for i, line in enumerate(totals.values()) if line}
    if sum(map(len, lines.values())) < 2:
        return ""
    final = "; ".join(f"{name} {line[-1][1]:.3g}" for name, line in totals.items() if line)
    label = html.escape(f"Total losses at the end: {final}")
    legend = "".join(
        f'<li class="line-{i}">{html.escape(name)}</li>' for i, name in enumerate(totals)
    )
    return (
        '<figure class="overlay"><figcaption>Total loss over the steps</figcaption>'
        f"{_Axes.around(lines.values(), right=12).svg(label, lines)}<ul>{legend}</ul></figure>"
    )


@dataclass(frozen=True)
class _Axes:
    """Steps from first to last, losses from 10^low to 10^(low + span). right: pixels left free."""

    first: int
    last: int
    low: float
    span: float
    right: int

    @classmethod
    def around(cls, lines: Collection[Line], right: int) -> "_Axes":
        steps = [step for line in lines for step, _ in line]
        powers = [math.log10(value) for line in lines for _, value in line]
        first, low = min(steps), min(powers)
        span = max(max(powers) - low, 0.1)
        return cls(first, max(*steps, first + 1), low, span, right)

    def place(self, step: int, value: float) -> tuple[float, float]:
        across = (step - self.first) / (self.last - self.first)
        up = (math.log10(value) - self.low) / self.span
        return (
            LEFT + (WIDTH - LEFT - self.right) * across,
            TOP + (HEIGHT - TOP - BOTTOM) * (1 - up),
        )

    def svg(self, label: str, lines: dict[str, Line], more: str = "") -> str:
        """The lines, by the names of their classes, over the axes."""
        end = WIDTH - self.right
        drawn = (
            f'<text x="{LEFT}" y="{HEIGHT - 6}">step {self.first:,}</text>'
            f'<text x="{end}" y="{HEIGHT - 6}" text-anchor="end">{self.last:,}</text>'
        )
        for share in (0.0, 0.5, 1.0):
            value = 10 ** (self.low + self.span * share)
            y = self.place(self.first, value)[1]
            drawn += (
                f'<line class="grid" x1="{LEFT}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>'
            )
        for name, line in lines.items():
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place(*each) for each in line))
            drawn += f'<polyline class="{name}" points="{points}"/>'
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
            f"{drawn}{more}</svg>"
        )


def _short(value: float) -> str:
    """A number of two digits that fits beside the axis: 0.012, 1.5, 240k."""
    value = float(f"{value:.2g}")
    for unit, size in UNITS:
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _apart(wanted: list[float]) -> list[float]:
    """Places in rising order, moved so that names do not touch and none leaves the chart."""
    places: list[float] = []
    for y in wanted:
        places.append(max(y, places[-1] + APART) if places else y)
    lowest: float = HEIGHT - BOTTOM + 4
    for i in reversed(range(len(places))):
        places[i] = min(places[i], lowest)
        lowest = places[i] - APART
    return places

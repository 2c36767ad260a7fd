"""Larger sizes that a finished painting can be gone on to."""

from ui.runs.painting import clock, pace
from ui.runs.result import Result
from ui.server.limits import RULES

__all__ = ["prints"]

SIDES = (1024, 2048, 3072, 4096)
DOTS_PER_CM = 300 / 2.54  # what printers ask for


def prints(result: Result) -> list[tuple[str, int]]:
    """[(words, pixels of the long side)] of what the operator's size and deadline allow."""
    assert result.painted is not None
    now, recipe = max(result.painted.size), result.order.shared.recipe
    aspect = min(result.painted.size) / now
    allowed = []
    for side in SIDES:
        if not now < side <= RULES.max_size:
            continue
        seconds = pace.expect(recipe.replace(size=side), aspect, now)
        if seconds is None or seconds <= RULES.deadline:
            words = f"{side} px, {side / DOTS_PER_CM:.0f} cm at 300 dpi"
            allowed.append((f"{words}, about {clock(seconds)}" if seconds else words, side))
    return allowed

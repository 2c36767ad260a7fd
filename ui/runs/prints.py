"""Larger sizes that a finished painting can be gone on to."""

from ui.runs.pace import about, pace
from ui.runs.result import Result
from ui.server.limits import RUN_LIMITS

__all__ = ["prints"]

SIDES = (1024, 2048, 3072, 4096)


def prints(result: Result) -> list[tuple[str, int]]:
    """[(how long it should take, pixels of the long side)] of what the operator allows."""
    assert result.painted is not None
    now, recipe = max(result.painted.size), result.job.shared.recipe
    aspect = min(result.painted.size) / now
    allowed = []
    for side in SIDES:
        if not now < side <= RUN_LIMITS.max_size:
            continue
        seconds = pace.expect(recipe.replace(size=side), aspect, now)
        if seconds is None or seconds <= RUN_LIMITS.deadline:
            allowed.append((about(seconds) if seconds else f"{side} px", side))
    return allowed

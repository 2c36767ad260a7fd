"""The larger size that a finished painting can be gone on to."""

from ui.runs.pace import about, pace
from ui.runs.result import Result
from ui.server.limits import RUN_LIMITS

__all__ = ["next_print"]

SIDES = (1024, 2048, 3072, 4096)


def next_print(result: Result) -> tuple[str, int] | None:
    """(how long it should take, pixels of the long side); None where the operator allows none."""
    assert result.painted is not None
    now, recipe = max(result.painted.size), result.job.shared.recipe
    side = next((side for side in SIDES if side > now), None)
    if side is None or side > RUN_LIMITS.max_size:
        return None
    seconds = pace.expect(recipe.replace(size=side), min(result.painted.size) / now, now)
    if seconds is not None and seconds > RUN_LIMITS.deadline:
        return None
    return (about(seconds) if seconds else f"{side} px"), side

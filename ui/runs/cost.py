"""What a recipe would cost here, said before anything is painted."""

from nst.recipe import Recipe
from ui.runs.pace import clock, pace
from ui.server.limits import RUN_LIMITS

__all__ = ["beyond_limits"]


def beyond_limits(recipe: Recipe) -> tuple[str, ...]:
    """A sentence for each limit of the operator's that painting this would meet."""
    if recipe.size > RUN_LIMITS.max_size:
        return (
            f"It was painted at {recipe.size} pixels; here the long side may have at most "
            f"{RUN_LIMITS.max_size}. Choose a quality that is on the page.",
        )
    seconds = pace.expect(recipe)
    if seconds is None or seconds <= RUN_LIMITS.deadline:
        return ()
    return (
        f"Its {recipe.steps:,} steps at {recipe.size} pixels would take about {clock(seconds)} "
        f"here; a run ends after {clock(RUN_LIMITS.deadline)} with the picture it has then.",
    )

"""What a recipe would cost here, said before anything is painted."""

from collections.abc import Sequence

from nst.recipe import Recipe
from ui.runs.pace import about, clock, pace
from ui.server.limits import RUN_LIMITS

__all__ = ["beyond_limits", "drafts"]


def drafts(recipes: Sequence[Recipe]) -> str:
    """What several paintings would take: "5 drafts, about 45 s on this machine."."""
    seconds = pace.expect_all(recipes)
    takes = f", {about(seconds)} on this machine" if seconds else ""
    return f"{len(recipes)} drafts{takes}."


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
        f"Its {recipe.steps:,} steps at {recipe.size} pixels would take {about(seconds)} "
        f"here; a run ends after {clock(RUN_LIMITS.deadline)} with the picture it has then.",
    )

"""How long paintings take here, before they begin, and how seconds are said."""

from collections.abc import Iterable

from nst.pipeline import choose_encoder, choose_finish
from nst.recipe import Recipe
from ui.server.limits import RUN_LIMITS
from ui.zero import PIXEL_SECONDS

OVERHEAD = 12_000  # pixels that a step's fixed costs amount to
FEWEST = 6  # steps that say something about a machine


def clock(seconds: float) -> str:
    """Seconds as people say them: "0.8 s", "12 s", "3 min"."""
    if seconds < 1:
        return f"{max(seconds, 0.1):.1f} s"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def about(seconds: float) -> str:
    """Seconds that are only expected, without more digits than are known: "about 20 s"."""
    if seconds < 10:
        return f"about {max(1, round(seconds))} s"
    return f"about {clock(5 * round(seconds / 5))}"


class Pace:
    """How much slower than a data centre's GPU the networks are here, learned from whole runs.

    Networks that have not painted yet are taken to be as slow as the first that has. aspect: a
    photo's short side over its long side. after: as in `Recipe.schedule`.
    """

    def __init__(self) -> None:
        self._slower: dict[str, float] = {}

    def learn(self, recipe: Recipe, aspect: float, after: int, seconds: float) -> None:
        """Take into account what a run has taken, by half."""
        if sum(steps for steps, _ in recipe.schedule(after)) >= FEWEST:
            networks, there = _on_a_gpu(recipe, aspect, after)
            found = seconds / there
            self._slower[networks] = (found + self._slower.get(networks, found)) / 2

    def expect(self, recipe: Recipe, aspect: float = 0.75, after: int = 0) -> float | None:
        """Seconds that a run should take; None before anything is known."""
        known = self._slower.copy()
        if not known:
            return None
        networks, there = _on_a_gpu(recipe, aspect, after)
        return there * known.get(networks, next(iter(known.values())))

    def expect_all(self, recipes: Iterable[Recipe], aspect: float = 0.75) -> float | None:
        """Seconds for all of them; None before anything is known."""
        known = [self.expect(recipe, aspect) for recipe in recipes]
        return None if None in known else sum(each or 0.0 for each in known)


def _on_a_gpu(recipe: Recipe, aspect: float, after: int) -> tuple[str, float]:
    """The networks that would paint a recipe here, and seconds that they take elsewhere."""
    painter, _ = choose_encoder(recipe)
    finisher, _ = choose_finish(recipe, painter)
    fixed = OVERHEAD * sum(steps for steps, _ in recipe.schedule(after))
    pixels, last = recipe.pixels(aspect, after) + fixed, 0.0
    if finisher:
        last = recipe.pixels(aspect, after, finishing=True) + fixed * recipe.finish_share
    seconds = PIXEL_SECONDS[painter] * (pixels - last) + PIXEL_SECONDS.get(finisher, 0) * last
    return f"{painter} {finisher}", seconds


pace = Pace()


def beyond_limits(recipe: Recipe) -> tuple[str, ...]:
    """A sentence for the operator's limit that painting this would meet, if there is one."""
    if recipe.size > RUN_LIMITS.max_size:
        return (
            f"It was painted at {recipe.size} pixels; here the long side may have at most "
            f"{RUN_LIMITS.max_size}. Choose a quality that is on the page.",
        )
    seconds = pace.expect(recipe) or 0.0
    if seconds <= RUN_LIMITS.deadline:
        return ()
    return (
        f"Its {recipe.steps:,} steps at {recipe.size} pixels would take {about(seconds)} "
        f"here; a run ends after {clock(RUN_LIMITS.deadline)} with the picture it has then.",
    )

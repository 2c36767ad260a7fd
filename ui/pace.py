"""How long paintings take here, before they begin, and how seconds are said."""

from collections import Counter
from collections.abc import Iterable
from threading import Lock

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
    """Seconds for a step on one pixel, by network, learned from whole runs. Thread-safe.

    A network that has not painted yet is taken to be as much slower than another as it is on a
    GPU. aspect: a photo's short side over its long side. after: as in `Recipe.schedule`.
    """

    def __init__(self) -> None:
        self._each: dict[str, float] = {}
        self._runs: Counter[str] = Counter()
        self._lock = Lock()

    def learn(self, recipe: Recipe, aspect: float, after: int, seconds: float) -> None:
        """Take into account what a run has taken."""
        if sum(steps for steps, _ in recipe.schedule(after)) < FEWEST:
            return
        work = _work(recipe, aspect, after)
        with self._lock:
            each = {name: self._known(name) or PIXEL_SECONDS[name] for name in work}
            error = seconds / sum(work[name] * each[name] for name in work)
            for name in work:  # the first run warms up, and says little about the next
                settled = self._runs[name] > 1
                self._each[name] = each[name] * ((1 + error) / 2 if settled else error)
                self._runs[name] += 1

    def expect(self, recipe: Recipe, aspect: float = 0.75, after: int = 0) -> float | None:
        """Seconds that a run should take; None before anything is known."""
        with self._lock:
            parts = [
                pixels * (self._known(name) or 0.0)
                for name, pixels in _work(recipe, aspect, after).items()
            ]
            return sum(parts) if self._each else None

    def expect_all(self, recipes: Iterable[Recipe], aspect: float = 0.75) -> float | None:
        """Seconds for all of them; None before anything is known."""
        known = [self.expect(recipe, aspect) for recipe in recipes]
        return None if None in known else sum(each or 0.0 for each in known)

    def _known(self, name: str) -> float | None:
        if name in self._each or not self._each:
            return self._each.get(name)
        other, each = next(iter(self._each.items()))
        return each * PIXEL_SECONDS[name] / PIXEL_SECONDS[other]


def _work(recipe: Recipe, aspect: float, after: int) -> dict[str, float]:
    """Pixels that each network has to judge, all steps together."""
    painter, _ = choose_encoder(recipe)
    finisher, _ = choose_finish(recipe, painter)
    work = dict.fromkeys(filter(None, (painter, finisher)), 0.0)
    for steps, share in recipe.schedule(after):
        pixels = OVERHEAD + aspect * (recipe.size * share) ** 2
        last = recipe.finishing(steps) if finisher else 0
        work[painter] += (steps - last) * pixels
        if finisher:
            work[finisher] += last * pixels
    return work


pace = Pace()


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

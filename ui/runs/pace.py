"""How fast this machine paints, and how seconds are said."""

from collections import Counter
from collections.abc import Iterable
from math import log2
from threading import Lock

from nst.pipeline import choose_encoder, choose_finish
from nst.recipe import Recipe

__all__ = ["Pace", "Spent", "about", "clock", "pace"]

# By one network at one scale: its name, long side in pixels, steps, seconds.
Spent = tuple[str, int, int, float]
FEWEST = 6  # steps that say something about a scale's pace


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
    """Seconds for a step on one pixel, by encoder and scale, learned from what was painted.

    A small scale takes longer for each pixel than a large one. Thread-safe.
    """

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, int], float] = {}
        self._times: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()

    def learn(self, aspect: float, spent: Iterable[Spent]) -> None:
        """Take what a run has spent into account.

        aspect: the photo's short side over its long side.
        """
        for encoder, side, steps, seconds in spent:
            if steps < FEWEST:
                continue
            key, each = (encoder, _octave(side)), seconds / (steps * aspect * side**2)
            with self._lock:
                # The first time warms up and says little about the next.
                seen = self._times[key] > 1
                self._seconds[key] = (self._seconds[key] + each) / 2 if seen else each
                self._times[key] += 1

    def expect(
        self, recipe: Recipe, aspect: float = 0.75, after: int = 0, done: int = 0
    ) -> float | None:
        """Seconds that a run should take; None before anything is known of its encoders.

        aspect: the photo's short side over its long side. after: as in `Recipe.schedule`. done:
        steps that are behind it.
        """
        painter, _ = choose_encoder(recipe)
        finisher, _ = choose_finish(recipe, painter)
        seconds = 0.0
        for count, share in recipe.schedule(after):
            side, last = recipe.size * share, recipe.finishing(count) if finisher else 0
            for encoder, steps in ((painter, count - last), (finisher, last)):
                left, done = max(0, steps - done), max(0, done - steps)
                each = self._known(encoder, _octave(side)) if steps else 0.0
                if each is None:
                    return None
                seconds += left * aspect * side**2 * each
        return seconds

    def _known(self, encoder: str, octave: int) -> float | None:
        """Seconds for a step on one pixel, at the nearest scale that this encoder has painted."""
        with self._lock:
            known = {
                scale: each for (name, scale), each in self._seconds.items() if name == encoder
            }
        return known[min(known, key=lambda scale: abs(scale - octave))] if known else None

    def expect_all(self, recipes: Iterable[Recipe], aspect: float = 0.75) -> float | None:
        """Seconds for all of them; None while the pace of one is not known."""
        known = [self.expect(recipe, aspect) for recipe in recipes]
        return None if None in known else sum(each or 0.0 for each in known)


def _octave(side: float) -> int:
    return round(log2(side))


pace = Pace()

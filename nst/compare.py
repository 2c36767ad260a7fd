"""Several paintings of one photo, among them the comparisons of the published systems' authors.

Those and what they are about are in `data/comparisons.toml`.
"""

import math
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from nst.engine.losses import Losses
from nst.errors import BadInput
from nst.pipeline import TITLES
from nst.published import get_recipe
from nst.recipe import Recipe
from nst.weights import is_cached

# Yields steps with .step, .total, .seconds, .losses, .picture (a PIL image or None), .notes, .done.
Painter = Callable[[Image.Image, Sequence[Image.Image], Recipe], Iterator[Any]]
WARM_UP = 4  # steps that tell nothing about the time left


@dataclass(frozen=True)
class Entry:
    """A painting to make."""

    title: str
    styles: tuple[Image.Image, ...]
    recipe: Recipe


@dataclass(frozen=True)
class Painted:
    """A finished painting. curve: (step, losses) as it went."""

    title: str
    recipe: Recipe
    picture: Image.Image
    losses: Losses[float]
    seconds: float
    curve: tuple[tuple[int, Losses[float]], ...]


@dataclass(frozen=True)
class Series:
    """How far a series is."""

    done: int  # steps of all paintings
    total: int
    title: str  # of the painting under way
    step: Any  # its latest
    painted: tuple[Painted, ...]  # those that are finished
    seconds_left: float | None  # for all, if anything is known


def paint_series(
    photo: Image.Image,
    entries: Sequence[Entry],
    painter: Painter,
    *,
    frames: bool = False,
    deadline: float = math.inf,
) -> Iterator[Series]:
    """Paint the entries one after the other, yielding at every step; close it to stop.

    frames: the frames that a recipe keeps are paintings of their own. deadline: seconds for all of
    them, after which it ends with the next picture, as it is.
    """
    began, before, worked = time.perf_counter(), 0, 0.0
    painted: dict[tuple[int, str], Painted] = {}
    total = sum(entry.recipe.steps for entry in entries)
    work = sum(_work(entry.recipe, entry.recipe.steps) for entry in entries)
    for entry in entries:
        curve: list[tuple[int, Losses[float]]] = []
        for step in painter(photo, entry.styles, entry.recipe):
            seconds = time.perf_counter() - began
            if step.losses is not None:
                curve.append((step.step, step.losses))
            kept = frames and entry.recipe.keeps(step.step)
            late = seconds > deadline and step.picture is not None
            if late or (step.picture is not None and (step.done or kept)):
                title, recipe = entry.title, entry.recipe
                if frames:  # a frame is what its recipe paints when it ends there
                    title = f"step {step.step:,}"
                    recipe = recipe.replace(steps=step.step, keep_at=())
                found = step.picture, step.losses, step.seconds, tuple(curve)
                painted[before, title] = Painted(title, recipe, *found)
            done = before + step.step
            share = (worked + _work(entry.recipe, step.step)) / max(work, 1)
            left = seconds * (1 / share - 1) if done > WARM_UP else None
            yield Series(done, total, entry.title, step, tuple(painted.values()), left)
            if late:
                return
        before += entry.recipe.steps
        worked += _work(entry.recipe, entry.recipe.steps)


def _work(recipe: Recipe, steps: int) -> float:
    """Pixels that the first steps of a recipe paint: what their time grows with."""
    pixels = 0.0
    for count, share in recipe.schedule():
        pixels += min(count, steps) * (recipe.size * share) ** 2
        steps = max(0, steps - count)
    return pixels


@dataclass(frozen=True)
class Comparison:
    """Recipes to paint side by side, or with `frames` the kept frames of one.

    claim: what the authors found. small: a long side in pixels that takes minutes on a CPU.
    """

    title: str
    claim: str
    recipes: tuple[tuple[str, Recipe], ...]
    small: int
    frames: bool = False


def _read(title: str, recipe: str, **changes: Any) -> tuple[str, Recipe]:
    return title, get_recipe(recipe).replace(**changes)


_DATA = tomllib.loads((Path(__file__).parent / "data" / "comparisons.toml").read_text("utf-8"))
COMPARISONS = {
    name: Comparison(recipes=tuple(_read(**one) for one in entry.pop("paintings")), **entry)
    for name, entry in _DATA.items()
}


def scaled(
    name: str, size: int | None = None, steps: int | None = None
) -> list[tuple[str, Recipe]]:
    """The (title, recipe) pairs of a comparison at another size or number of steps. BadInput.

    Kept frames move in proportion to the steps.
    """
    if name not in COMPARISONS:
        known = ", ".join(COMPARISONS)
        raise BadInput(f"There is no comparison called {name[:40]!r}; choose from {known}.")
    if steps is not None and steps < 1:
        raise BadInput(f"steps is {steps}; a comparison needs at least 1.")
    pairs = []
    for title, own in COMPARISONS[name].recipes:
        sized = own.replace(size=own.size if size is None else size, steps=steps or own.steps)
        kept = (max(1, round(at * sized.steps / own.steps)) for at in own.keep_at)
        pairs.append((title, sized.replace(keep_at=tuple(kept), keep_every=0)))
    return pairs


def needs(name: str) -> str:
    """A sentence on the networks that a comparison of networks lacks here; empty for none."""
    networks = sorted({recipe.encoder for _, recipe in COMPARISONS[name].recipes})
    # Where they are not compared, one network may stand in for another in all paintings.
    titles = [TITLES[network] for network in networks if not is_cached(network)]
    if not titles or len(networks) == 1:
        return ""
    verb = "is" if len(titles) == 1 else "are"
    return f"{' and '.join(titles)} {verb} not on this machine, so there is nothing to compare yet."

"""Several paintings of one photo, one after the other; and what the published systems' authors
compared, for anyone to compare again.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from nst.engine.losses import Losses
from nst.errors import BadInput
from nst.pipeline import TITLES
from nst.published import get_recipe
from nst.recipe import Recipe
from nst.weights import is_cached

Row = tuple[str, str, str, str, str]
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
    """How far a series is.

    done, total: steps of all paintings. title, step: the painting under way and its latest event.
    painted: those that are finished. seconds_left: for all; None as long as nothing is known.
    """

    done: int
    total: int
    title: str
    step: Any
    painted: tuple[Painted, ...]
    seconds_left: float | None


def paint_series(
    photo: Image.Image,
    entries: Sequence[Entry],
    painter: Painter,
    *,
    frames: bool = False,
    deadline: float | None = None,
) -> Iterator[Series]:
    """Paint the entries one after the other, yielding at every step; close it to stop.

    frames: the frames that a recipe keeps are paintings of their own. deadline: seconds for all of
    them, after which it ends with the next picture, as it is.
    """
    began, before = time.perf_counter(), 0
    painted: tuple[Painted, ...] = ()
    total = sum(entry.recipe.steps for entry in entries)
    work = sum(_work(entry.recipe, entry.recipe.steps) for entry in entries)
    worked = 0.0
    for entry in entries:
        curve: list[tuple[int, Losses[float]]] = []
        for step in painter(photo, entry.styles, entry.recipe):
            seconds = time.perf_counter() - began
            late = deadline is not None and seconds > deadline
            if step.losses is not None:
                curve.append((step.step, step.losses))
            if step.picture is not None:
                kept = frames and step.step in entry.recipe.keep_at
                if step.done or late or kept:
                    painted = _with(painted, entry, step, tuple(curve), frames)
            done = before + step.step
            share = (worked + _work(entry.recipe, step.step)) / max(work, 1)
            left = seconds * (1 / share - 1) if done > WARM_UP else None
            yield Series(done, total, entry.title, step, painted, left)
            if late and step.picture is not None:
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


def _with(
    painted: tuple[Painted, ...], entry: Entry, step: Any, curve: tuple, frames: bool
) -> tuple[Painted, ...]:
    title, recipe = entry.title, entry.recipe
    if frames:  # a frame is what its recipe paints when it ends there
        title, recipe = f"step {step.step:,}", recipe.replace(steps=step.step, keep_at=())
        painted = tuple(one for one in painted if one.title != title)  # the last may come twice
    return *painted, Painted(title, recipe, step.picture, step.losses, step.seconds, curve)


@dataclass(frozen=True)
class Comparison:
    """Recipes to paint side by side, or the kept frames of one.

    claim: what the authors found, for everyone to look for. small: long side in pixels at which it
    takes minutes on a CPU, not hours.
    """

    title: str
    claim: str
    recipes: tuple[tuple[str, Recipe], ...]
    frames: bool = False
    small: int = 256


def _noise(ratio: float) -> tuple[str, Recipe]:
    return f"noise ratio {ratio:g}", get_recipe("five-minute").replace(noise_ratio=ratio)


def _ratio(exponent: int) -> tuple[str, Recipe]:
    recipe = get_recipe("ghorpade-vgg19").replace(style_weight=10.0**exponent)
    return f"content : style 1e-{exponent}", recipe


COMPARISONS = {
    "networks": Comparison(
        "VGG-16 against VGG-19",
        "Ghorpade et al.: both converge at the same speed and VGG-16 ends at the lower loss, but "
        "VGG-19 keeps more of the photo. The loss says little about the picture.",
        (("VGG-16", get_recipe("ghorpade-vgg16")), ("VGG-19", get_recipe("ghorpade-vgg19"))),
    ),
    "noise": Comparison(
        "From the photo to pure noise",
        "The five-minute post: ratio 0 starts at the photo, 1 at noise; the nearer the start is to "
        "the photo, the fewer steps are needed.",
        tuple(_noise(ratio) for ratio in (0.0, 0.3, 0.6, 1.0)),
    ),
    "frames": Comparison(
        "From 3,000 to 30,000 steps",
        "The Keras README: best near 17,000 steps, where realism and content are kept; more "
        "artistic and abstract by 30,000.",
        (("keras-tv", get_recipe("keras-tv")),),
        frames=True,
        small=128,
    ),
    "ratios": Comparison(
        "Content to style, 1e-3 and 1e-4",
        "Ghorpade et al. used both: the smaller the ratio, the more of the painting.",
        (_ratio(3), _ratio(4)),
    ),
}


def scaled(
    name: str, size: int | None = None, steps: int | None = None
) -> list[tuple[str, Recipe]]:
    """The (title, recipe) pairs of a comparison at another size or number of steps.

    Kept frames move in proportion to the steps. Raises BadInput for a comparison that does not
    exist, or a size or steps out of range.
    """
    if name not in COMPARISONS:
        known = ", ".join(COMPARISONS)
        raise BadInput(f"There is no comparison called {name[:40]!r}; choose from {known}.")
    if steps is not None and steps < 1:
        raise BadInput(f"steps is {steps}; a comparison needs at least 1.")
    return [(title, _scaled(recipe, size, steps)) for title, recipe in COMPARISONS[name].recipes]


def _scaled(recipe: Recipe, size: int | None, steps: int | None) -> Recipe:
    steps = recipe.steps if steps is None else steps
    return recipe.replace(
        size=recipe.size if size is None else size,
        steps=steps,
        keep_at=tuple(max(1, round(at * steps / recipe.steps)) for at in recipe.keep_at),
        keep_every=0,
    )


def missing_networks(name: str) -> list[str]:
    """The networks that a comparison of networks needs and that are not on this machine.

    Other comparisons need none: one network may stand in for another in all their paintings.
    """
    networks = {recipe.encoder for _, recipe in COMPARISONS[name].recipes}
    return sorted(n for n in networks if not is_cached(n)) if len(networks) > 1 else []


def needs(name: str) -> str:
    """A sentence on the networks that a comparison lacks; empty when it lacks none."""
    titles = [TITLES[network] for network in missing_networks(name)]
    if not titles:
        return ""
    verb = "is" if len(titles) == 1 else "are"
    return f"{' and '.join(titles)} {verb} not on this machine, so there is nothing to compare yet."


def table(painted: Sequence[Painted]) -> list[Row]:
    """Final losses and seconds, a row for each painting, with a row of headings first.

    Losses are told as shares of the highest of their column: those of published formulas have no
    unit, and run to billions.
    """
    rows: list[Row] = [("share of the highest", "content", "style", "total", "seconds")]
    found = [(one.losses.content, one.losses.style, one.losses.total) for one in painted]
    highest = [max(column) or 1.0 for column in zip(*found, strict=True)]
    for one, losses in zip(painted, found, strict=True):
        content, style, total = (
            f"{100 * x / top:.3g} %" for x, top in zip(losses, highest, strict=True)
        )
        rows.append((one.title, content, style, total, f"{one.seconds:.1f}"))
    return rows

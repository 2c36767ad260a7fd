"""The comparisons that the published systems' authors made, for anyone to make again."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from PIL import Image

from nst.engine.losses import Losses
from nst.errors import BadInput, WeightsUnavailable
from nst.pictures.export import contact_sheet
from nst.pipeline import TITLES, Pipeline, open_pipeline
from nst.published import get_recipe
from nst.recipe import Recipe
from nst.weights.store import is_cached

__all__ = [
    "COMPARISONS",
    "Comparison",
    "ComparisonProgress",
    "Entry",
    "Painted",
    "Progress",
    "Run",
    "Series",
    "compare",
    "missing_networks",
    "needs",
    "paint_series",
    "scaled",
    "table",
]

Row = tuple[str, str, str, str, str]
TRIAL = 4  # steps that tell the pace; the first is slower than the rest


@dataclass(frozen=True)
class Comparison:
    """Recipes to paint side by side, or the kept frames of one.

    claim: what the authors found, so that everybody can look for it. small: long side in pixels
    at which it takes minutes on a CPU, not hours.
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


@dataclass(frozen=True)
class Progress:
    """What a painter reports: `losses` and `picture` when a picture is due."""

    step: int
    seconds: float
    losses: Losses[float] | None
    picture: Image.Image | None
    notes: tuple[str, ...] = ()
    done: bool = False


Painter = Callable[[Image.Image, Image.Image, Recipe], Iterator[Progress]]


@dataclass(frozen=True)
class Run:
    """A finished painting of a comparison. curve: (step, losses) as it went."""

    caption: str
    recipe: Recipe
    picture: Image.Image
    losses: Losses[float]
    seconds: float
    curve: tuple[tuple[int, Losses[float]], ...]


@dataclass(frozen=True)
class ComparisonProgress:
    """How far a comparison is.

    done, total: steps of all its paintings. line: something new to tell. caption: the painting
    under way. runs: those that are finished. sheet: with the last one.
    """

    done: int
    total: int
    line: str = ""
    caption: str = ""
    picture: Image.Image | None = None
    runs: tuple[Run, ...] = ()
    seconds_left: float | None = None
    sheet: Image.Image | None = None


def compare(
    name: str,
    photo: Image.Image,
    style: Image.Image,
    size: int | None = None,
    steps: int | None = None,
    *,
    painter: Painter | None = None,
    expected: float | None = None,
    deadline: float | None = None,
    stop: Event | None = None,
) -> Iterator[ComparisonProgress]:
    """Paint all runs of a comparison, one after the other, and lay them side by side.

    size, steps: instead of the recipes' own; kept frames move in proportion to the steps.
    painter: paints in place of this process, which fetches missing VGG weights first.
    expected: seconds it should take, told first; measured over a few steps where it is None.
    deadline, stop: seconds after which, or an event at which, it ends with what is there.
    Raises BadInput for a comparison that does not exist, a size or steps out of range, or networks
    to compare that a painter lacks; WeightsUnavailable when they cannot be fetched.
    """
    if name not in COMPARISONS:
        known = ", ".join(COMPARISONS)
        raise BadInput(f"There is no comparison called {name[:40]!r}; choose from {known}.")
    recipes = scaled(name, size, steps)
    if missing := needs(name):
        if painter is not None:
            raise BadInput(missing)
        for _, recipe in recipes:
            open_pipeline(recipe, strict=True)
    painter = painter or LocalPainter()
    yield from _announced(recipes, photo, style, painter, expected)
    job = _Job(COMPARISONS[name], recipes, photo, style, painter, deadline, stop or Event())
    yield from job.run()
    yield job.last()


def missing_networks(name: str) -> list[str]:
    """The networks that a comparison of networks needs and that are not on this machine.

    Other comparisons need none: one network may stand in for another in all their paintings.
    """
    networks = {recipe.encoder: caption for caption, recipe in COMPARISONS[name].recipes}
    if len(networks) < 2:
        return []
    return [network for network in networks if not is_cached(network)]


def needs(name: str) -> str:
    """A sentence on the networks that a comparison lacks; empty when it lacks none."""
    titles = [TITLES[network] for network in missing_networks(name)]
    if not titles:
        return ""
    verb = "is" if len(titles) == 1 else "are"
    return f"{' and '.join(titles)} {verb} not on this machine, so there is nothing to compare yet."


def scaled(
    name: str, size: int | None = None, steps: int | None = None
) -> list[tuple[str, Recipe]]:
    """The (caption, recipe) pairs of a comparison at another size or number of steps."""
    return [
        (caption, _scaled(recipe, size, steps)) for caption, recipe in COMPARISONS[name].recipes
    ]


def _scaled(recipe: Recipe, size: int | None, steps: int | None) -> Recipe:
    factor = 1 if steps is None else steps / recipe.steps
    return recipe.replace(
        size=recipe.size if size is None else size,
        steps=recipe.steps if steps is None else steps,
        keep_at=tuple(max(1, round(at * factor)) for at in recipe.keep_at),
        keep_every=0,
    )


def _announced(
    recipes: Sequence[tuple[str, Recipe]],
    photo: Image.Image,
    style: Image.Image,
    painter: Painter,
    expected: float | None,
) -> Iterator[ComparisonProgress]:
    """Say how long it will take before it starts."""
    total = sum(recipe.steps for _, recipe in recipes)
    if expected is None:
        expected = total * _pace(recipes[0][1], photo, style, painter)
    count = "1 painting" if len(recipes) == 1 else f"{len(recipes)} paintings"
    size = recipes[0][1].size
    yield ComparisonProgress(
        0, total, f"{count}, {total:,} steps at {size} px: about {_clock(expected)} here."
    )


def _pace(recipe: Recipe, photo: Image.Image, style: Image.Image, painter: Painter) -> float:
    """Seconds a step, over the first few."""
    seen = [
        (progress.step, progress.seconds)
        for progress in painter(photo, style, recipe.replace(steps=TRIAL, keep_at=()))
    ]
    (first, began), (last, ended) = seen[0], seen[-1]
    return (ended - began) / max(1, last - first)


@dataclass
class _Job:
    """The state of one comparison."""

    comparison: Comparison
    recipes: Sequence[tuple[str, Recipe]]
    photo: Image.Image
    style: Image.Image
    painter: Painter
    deadline: float | None
    stop: Event
    done: int = 0
    runs: list[Run] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.perf_counter)

    @property
    def total(self) -> int:
        return sum(recipe.steps for _, recipe in self.recipes)

    def run(self) -> Iterator[ComparisonProgress]:
        for caption, recipe in self.recipes:
            yield from self._paint(caption, recipe)
            if self._late():
                why = (
                    "it was stopped"
                    if self.stop.is_set()
                    else f"a comparison may take {self.deadline:g} seconds here"
                )
                line = f"Ended after {self.done:,} of {self.total:,} steps: {why}."
                yield self._progress(caption, line=line)
                return

    def last(self) -> ComparisonProgress:
        tiles = [(self.photo, "the photo"), *((run.picture, _caption(run)) for run in self.runs)]
        sheet = contact_sheet(tiles, columns=min(3, len(tiles)), title=self.comparison.title)
        return ComparisonProgress(
            self.done,
            self.total,
            _lines(table(self.runs)),
            picture=self.runs[-1].picture,
            runs=tuple(self.runs),
            sheet=sheet,
        )

    def _paint(self, caption: str, recipe: Recipe) -> Iterator[ComparisonProgress]:
        before = self.done
        curve: list[tuple[int, Losses[float]]] = []
        for progress in self.painter(self.photo, self.style, recipe):
            self.done = before + progress.step
            for note in progress.notes:
                if note not in self.told:
                    self.told.add(note)
                    yield self._progress(caption, line=note)
            late = self._late()
            if progress.losses is None or progress.picture is None:
                yield self._progress(caption)
                continue
            curve.append((progress.step, progress.losses))
            if self._wanted(progress, recipe, late):
                shown, own = caption, recipe
                if self.comparison.frames:
                    # A frame is what its recipe paints when it ends there.
                    shown = f"step {progress.step:,}"
                    own = recipe.replace(steps=progress.step, keep_at=())
                painted = progress.picture, progress.losses, progress.seconds
                self.runs.append(Run(shown, own, *painted, tuple(curve)))
            yield self._progress(caption, picture=progress.picture)
            if late:
                return

    def _wanted(self, progress: Progress, recipe: Recipe, late: bool) -> bool:
        if not self.comparison.frames:
            return progress.done or late
        seen = bool(self.runs) and self.runs[-1].caption == f"step {progress.step:,}"
        return not seen and (progress.step in recipe.keep_at or progress.done or late)

    def _late(self) -> bool:
        if self.done == self.total:
            return False
        seconds = time.perf_counter() - self.began
        return self.stop.is_set() or (self.deadline is not None and seconds > self.deadline)

    def _progress(
        self, caption: str, line: str = "", picture: Image.Image | None = None
    ) -> ComparisonProgress:
        seconds = time.perf_counter() - self.began
        left = seconds / self.done * (self.total - self.done) if self.done > TRIAL else None
        return ComparisonProgress(
            self.done, self.total, line, caption, picture, tuple(self.runs), left
        )


class LocalPainter:
    """Paints in this process, with the networks asked for if they can be had."""

    def __init__(self) -> None:
        self._missing: dict[str, str] = {}

    def __call__(
        self, photo: Image.Image, style: Image.Image, recipe: Recipe
    ) -> Iterator[Progress]:
        pipeline = self._pipeline(recipe)
        about = tuple(filter(None, (pipeline.reason, pipeline.substitutes(recipe))))
        for step in pipeline.paint(photo, [style], recipe, every=1.0):
            yield Progress(
                step.step,
                step.seconds,
                step.losses,
                step.picture,
                (*about, *step.notes),
                step.done,
            )

    def _pipeline(self, recipe: Recipe) -> Pipeline:
        """With VGG fetched if need be; what failed once is not tried again."""
        if recipe.encoder not in self._missing:
            try:
                return open_pipeline(recipe, strict=True)
            except WeightsUnavailable as error:
                self._missing[recipe.encoder] = str(error)
        pipeline = open_pipeline(recipe)
        return Pipeline(pipeline.encoder, self._missing[recipe.encoder])


def table(runs: Sequence[Run]) -> list[Row]:
    """Final losses and seconds, a row a run, with a row of headings first."""
    rows: list[Row] = [("", "content", "style", "total", "seconds")]
    for run in runs:
        content, style, *_, total = run.losses
        losses = (f"{content:.3g}", f"{style:.3g}", f"{total:.3g}")
        rows.append((run.caption, *losses, f"{run.seconds:.1f}"))
    return rows


def _lines(rows: Sequence[Row]) -> str:
    return "\n".join(f"{row[0]:28}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows)


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def _caption(run: Run) -> str:
    return f"{run.caption}: loss {run.losses.total:.3g}, {_clock(run.seconds)}"


@dataclass(frozen=True)
class Entry:
    """A painting to make of the photo that a series shares."""

    title: str
    styles: tuple[Image.Image, ...]
    recipe: Recipe


@dataclass(frozen=True)
class Painted:
    """A finished painting of a series. curve: (step, losses) as it went."""

    title: str
    recipe: Recipe
    picture: Image.Image
    losses: Losses[float]
    seconds: float
    curve: tuple[tuple[int, Losses[float]], ...]


@dataclass(frozen=True)
class Series:
    """How far a series is: steps done of all, and the latest event of the one under way."""

    done: int
    total: int
    title: str
    step: Any
    painted: tuple[Painted, ...]
    seconds_left: float | None


def paint_series(
    photo: Image.Image,
    entries: Sequence[Entry],
    painter: Callable[..., Iterator[Any]],
    *,
    frames: bool = False,
    deadline: float | None = None,
) -> Iterator[Series]:
    """Paint the entries one after the other; close the generator to stop."""
    began = time.perf_counter()
    total, before = sum(entry.recipe.steps for entry in entries), 0
    painted: tuple[Painted, ...] = ()
    for entry in entries:
        curve: list[tuple[int, Losses[float]]] = []
        for step in painter(photo, entry.styles, entry.recipe):
            if step.losses is not None:
                curve.append((step.step, step.losses))
            frame = frames and step.step in entry.recipe.keep_at
            if step.picture is not None and (step.done or frame):
                title = f"step {step.step:,}" if frames else entry.title
                recipe = (
                    entry.recipe.replace(steps=step.step, keep_at=()) if frames else entry.recipe
                )
                one = Painted(title, recipe, step.picture, step.losses, step.seconds, tuple(curve))
                if not painted or painted[-1].title != title:
                    painted = (*painted, one)
            done, gone = before + step.step, time.perf_counter() - began
            left = gone / done * (total - done) if done > TRIAL else None
            yield Series(done, total, entry.title, step, painted, left)
        before += entry.recipe.steps
        if deadline is not None and time.perf_counter() - began > deadline:
            return

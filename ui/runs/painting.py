"""A run of the engine as a page wants to see it.

`run` is the way in for every tab: pictures and a recipe go in, it waits for the visitor's turn, and
`Progress` comes out about four times a second. The work may happen in another process (see
`ui.runs.zero`), so only plain pictures, numbers and arrays go in and out of it.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
import torch
from PIL import Image

from nst.engine.canvas import Canvas
from nst.engine.losses import Losses
from nst.engine.stylize import Step
from nst.errors import BadInput, NstError
from nst.pictures.images import split_alpha, to_tensor
from nst.pipeline import Pipeline, open_pipeline
from nst.recipe import Recipe
from nst.weights.background import Background
from nst.weights.store import SOURCES, is_cached
from ui.runs import zero
from ui.server.fair_queue import painting_queue
from ui.server.limits import RULES
from ui.server.visitors import Visitor

__all__ = ["Arrays", "Pace", "Progress", "clock", "pace", "paint", "prepare", "run", "waiting_line"]

TOLD_EVERY = 0.25  # seconds between two status lines: a stop is noticed as often
WARM_UP = 8  # steps
MACHINE = Visitor("", "")  # asks for the runs that nobody else does
BACKGROUND = Background()

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, int]


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    status: a line to show. notes: sentences the visitor should know. size: (width, height).
    losses and picture: when a picture is due.
    canvas: with the last one, what `run(start=...)` goes on from. step: 0 before the turn comes.
    """

    step: int
    total: int
    size: tuple[int, int]
    seconds: float
    status: str
    notes: tuple[str, ...]
    losses: Losses[float] | None = None
    picture: Image.Image | None = None
    canvas: Arrays | None = None
    seconds_left: float | None = None

    @property
    def done(self) -> bool:
        return self.canvas is not None


def run(
    photo: Image.Image,
    styles: Sequence[Image.Image],
    recipe: Recipe,
    *,
    visitor: Visitor,
    mask: Image.Image | None = None,
    start: Arrays | Image.Image | None = None,
    every: float = 0.5,
    deadline: float = RULES.deadline,
) -> Iterator[Progress]:
    """Wait for the visitor's turn, then `paint`; close the generator to leave or to stop."""
    _check(recipe)
    aspect = min(photo.size) / max(photo.size)
    expected = pace.expect(recipe, aspect, _long_side(start))
    with painting_queue.join(visitor, expected) as turn:
        for before, seconds in turn.waiting():
            line = waiting_line(before, seconds)
            yield Progress(0, recipe.steps, photo.size, 0.0, line, ())
        for progress in paint(
            photo, styles, recipe, mask=mask, start=start, every=every, deadline=deadline
        ):
            if progress.seconds_left is not None:
                turn.expect(progress.seconds_left)
            yield progress


def paint(
    photo: Image.Image,
    styles: Sequence[Image.Image],
    recipe: Recipe,
    *,
    mask: Image.Image | None = None,
    start: Arrays | Image.Image | None = None,
    every: float = 0.5,
    deadline: float = RULES.deadline,
) -> Iterator[Progress]:
    """Paint at once, for one who has the turn, and say how it goes; close the generator to stop.

    photo, styles, mask: as `open_photo` returns them. start: the picture or canvas of an earlier
    run to go on from. every: seconds between pictures. deadline: seconds it may take. Raises
    BadInput before any work for a recipe beyond the operator's limits, NstError when painting
    fails for good.
    """
    _check(recipe)
    fetching = _fetching(recipe)
    seconds = zero.painting_seconds(photo, recipe, deadline, _long_side(start))
    with closing(_paint(photo, tuple(styles), recipe, mask, start, every, seconds)) as told:
        for progress in told:
            if isinstance(progress, NstError):
                raise progress
            last = replace(progress, notes=(*progress.notes, *fetching))
            yield last
    if start is None:
        pace.learn(recipe, last)


def waiting_line(before: int, seconds: float | None) -> str:
    """How long it is until a visitor's turn: "1 before you, about 40 s"."""
    about = "" if seconds is None else f", about {clock(max(1.0, seconds))}"
    return f"{before} before you{about}"


def _check(recipe: Recipe) -> None:
    if recipe.size > RULES.max_size:
        raise BadInput(
            f"The size is {recipe.size} pixels; here the long side may have at most "
            f"{RULES.max_size}."
        )


@zero.on_gpu
def _paint(
    photo: Image.Image,
    styles: tuple[Image.Image, ...],
    recipe: Recipe,
    mask: Image.Image | None,
    start: Arrays | Image.Image | None,
    every: float,
    deadline: float,
) -> Generator[Progress | NstError, None, None]:
    """The part of `run` that needs the GPU. Errors are yielded: raised, they would lose their text
    on the way from another process.
    """
    told = 0.0
    canvas = None if start is None else _canvas(start)
    try:
        pipeline = open_pipeline(recipe)
        about = tuple(filter(None, (pipeline.reason, pipeline.stand_ins(recipe))))
        for step in pipeline.paint(
            photo, styles, recipe, mask=mask, start=canvas, every=every, deadline=deadline
        ):
            if step.picture is None and time.monotonic() - told < TOLD_EVERY:
                continue
            told = time.monotonic()
            yield _progress(step, pipeline, photo, about)
    except NstError as error:
        yield error


def prepare() -> None:
    """On ZeroGPU, build the encoders whose weights are here: before launch, on the main thread."""
    if zero.ACTIVE:
        for name in ("compact", *SOURCES):
            open_pipeline(Recipe(encoder=name))


def _fetching(recipe: Recipe) -> tuple[str, ...]:
    """Start fetching the network that was asked for, unless it is here."""
    if recipe.encoder not in SOURCES or is_cached(recipe.encoder):
        return ()
    return (BACKGROUND.want(recipe.encoder),)


def _progress(
    step: Step, pipeline: Pipeline, photo: Image.Image, about: tuple[str, ...]
) -> Progress:
    height, width = step.size
    return Progress(
        step=step.step,
        total=step.total,
        size=(width, height),
        seconds=step.seconds,
        status=_status(step, pipeline),
        notes=(*about, *step.notes),
        losses=step.losses,
        picture=None if step.picture is None else pipeline.picture(step, photo),
        canvas=None if step.canvas is None else _arrays(step.canvas),
        seconds_left=step.seconds_left if step.step >= 3 else None,
    )


def _status(step: Step, pipeline: Pipeline) -> str:
    height, width = step.size
    if step.done:
        return (
            f"Done: {step.step} steps, {width} × {height}, in {clock(step.seconds)} with "
            f"{pipeline.title}"
        )
    left = f"{clock(step.seconds_left)} left, " if step.step >= 3 else ""
    return f"Step {step.step} of {step.total}, {width} × {height}, {left}{pipeline.title}"


def clock(seconds: float) -> str:
    """Seconds as people say them: "0.8 s", "12 s", "3 min"."""
    if seconds < 1:
        return f"{max(seconds, 0.1):.1f} s"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _arrays(canvas: Canvas) -> Arrays:
    tensors = (canvas.picture, canvas.first, canvas.second)
    picture, first, second = (tensor.detach().cpu().numpy() for tensor in tensors)
    return picture, first, second, canvas.age


def _long_side(start: Arrays | Image.Image | None) -> int:
    """Pixels of the long side of what is gone on from; 0 when it is nothing."""
    if start is None:
        return 0
    return max(start.size if isinstance(start, Image.Image) else start[0].shape[2:])


def _canvas(start: Arrays | Image.Image) -> Canvas:
    if isinstance(start, Image.Image):
        return Canvas(to_tensor(split_alpha(start)[0]))
    picture, first, second, age = start
    return Canvas(torch.from_numpy(picture), torch.from_numpy(first), torch.from_numpy(second), age)


class Pace:
    """How fast this machine paints, learned from the runs it has finished.

    Seconds for a step on one pixel, by the encoder asked for. Thread-safe.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._warm: set[str] = set()
        self._lock = Lock()

    def learn(self, recipe: Recipe, last: Progress) -> None:
        """Take a run into account, if it went all the way."""
        if last.step < last.total:
            return
        work = recipe.replace(size=max(last.size)).pixels(min(last.size) / max(last.size))
        with self._lock:
            # An encoder's first run warms it up and says little about the next.
            warm = recipe.encoder in self._warm
            before = self._seconds[recipe.encoder] if warm else last.seconds / work
            self._seconds[recipe.encoder] = (before + last.seconds / work) / 2
            if recipe.steps > WARM_UP:
                self._warm.add(recipe.encoder)

    def expect(self, recipe: Recipe, aspect: float = 0.75, after: int = 0) -> float | None:
        """Seconds that a run should take; None before anything is known of its encoder.

        aspect: the photo's short side over its long side. after: as in `Recipe.schedule`.
        """
        with self._lock:
            each = self._seconds.get(recipe.encoder)
        return None if each is None else each * recipe.pixels(aspect, after)

    def calibrate(self) -> None:
        """Warm the default encoder up, then time a short painting."""
        noise = np.random.default_rng(0).integers(0, 255, (192, 256, 3), np.uint8)
        picture = Image.fromarray(noise)
        for steps in (WARM_UP, 4 * WARM_UP):
            for _ in run(picture, [picture], Recipe(size=256, steps=steps), visitor=MACHINE):
                pass


pace = Pace()

"""A run of the engine as a page wants to see it.

`run` is the way in for every tab: pictures and a recipe go in, it waits for the visitor's turn, and
`Progress` comes out about four times a second. The work may happen in another process (see
`ui.runs.zero`), so only plain pictures, numbers and arrays go in and out of it.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import torch
from PIL import Image

from nst.engine.canvas import Canvas
from nst.engine.losses import Losses
from nst.engine.stylize import Step
from nst.errors import BadInput, NstError
from nst.pictures.images import split_alpha, to_tensor
from nst.pipeline import Pipeline, open_pipeline
from nst.provenance import painted_by
from nst.recipe import Recipe
from nst.weights import SOURCES
from ui.runs import zero
from ui.runs.pace import Spent, about, clock, pace
from ui.runs.preview import Preview
from ui.server.limits import RUN_LIMITS
from ui.server.visitors import Visitor

__all__ = [
    "Arrays",
    "Progress",
    "Start",
    "calibrate",
    "paint",
    "prepare",
    "run",
    "waiting_line",
]

TOLD_EVERY = 0.25  # seconds between two status lines: a stop is noticed as often
WARM_UP = 8  # steps
MACHINE = Visitor("", "")  # asks for the runs that nobody else does

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, int]
Start = Arrays | Image.Image | None  # what is gone on from: a canvas as it travels, or a picture


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    step: 0 before the visitor's turn. status: a line to show; details: the same for those who know
    the engine; substitutes: which layers are not the recipe's, as a sentence; notes: sentences the
    visitor should know. size: (width, height). losses and picture: when a picture is due.
    painted_by: the note for a picture's file on what has painted it. With the last one come the
    canvas that `run(start=...)` goes on from, and what each network and scale has taken.
    """

    step: int
    total: int
    size: tuple[int, int]
    seconds: float
    status: str = ""
    notes: tuple[str, ...] = ()
    losses: Losses[float] | None = None
    picture: Image.Image | None = None
    canvas: Arrays | None = None
    seconds_left: float | None = None
    details: str = ""
    substitutes: str = ""
    painted_by: str = ""
    spent: tuple[Spent, ...] = ()

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
    start: Start = None,
    every: float = 0.5,
    deadline: float = RUN_LIMITS.deadline,
) -> Generator[Progress, None, None]:
    """Paint; close the generator to stop."""
    yield from paint(photo, styles, recipe, mask=mask, start=start, every=every, deadline=deadline)


def paint(
    photo: Image.Image,
    styles: Sequence[Image.Image],
    recipe: Recipe,
    *,
    mask: Image.Image | None = None,
    start: Start = None,
    every: float = 0.5,
    deadline: float = RUN_LIMITS.deadline,
) -> Generator[Progress, None, None]:
    """Paint at once, for one who has the turn, and say how it goes; close the generator to stop.

    photo, styles, mask: as `open_photo` returns them. start: the picture or canvas of an earlier
    run to go on from. every: seconds between pictures. deadline: seconds it may take. Raises
    BadInput before any work for a recipe beyond the operator's limits, NstError when painting
    fails for good.
    """
    _check(recipe)
    aspect, after = min(photo.size) / max(photo.size), _long_side(start)
    seconds = zero.painting_seconds(photo, recipe, deadline, after)
    with closing(_paint(photo, tuple(styles), recipe, mask, start, every, seconds)) as told:
        for progress in told:
            if isinstance(progress, NstError):
                raise progress
            progress = replace(
                progress,
                seconds_left=_left(progress, recipe, aspect, after),
            )
            yield replace(progress, status=_line(progress, recipe, after))
            pace.learn(aspect, progress.spent)


def waiting_line(before: int, seconds: float | None) -> str:
    """How long it is until a visitor's turn: "1 before you, about 40 s"."""
    wait = "" if seconds is None else f", {about(seconds)}"
    return f"{before} before you{wait}"


def _check(recipe: Recipe) -> None:
    if recipe.size > RUN_LIMITS.max_size:
        raise BadInput(
            f"The size is {recipe.size} pixels; here the long side may have at most "
            f"{RUN_LIMITS.max_size}."
        )


@zero.on_gpu
def _paint(
    photo: Image.Image,
    styles: tuple[Image.Image, ...],
    recipe: Recipe,
    mask: Image.Image | None,
    start: Start,
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
        preview, watch = Preview(photo, recipe.size), _Stopwatch(pipeline)
        note, substitutes = painted_by(pipeline), pipeline.substitutes(recipe)
        for step in pipeline.paint(
            photo, styles, recipe, mask=mask, start=canvas, every=every, deadline=deadline
        ):
            if not step.done:
                watch.see(step)
            if step.picture is None and time.monotonic() - told < TOLD_EVERY:
                continue
            told = time.monotonic()
            progress = _progress(step, pipeline, preview)
            yield replace(
                progress,
                details=" ".join(filter(None, (progress.details, pipeline.reason, substitutes))),
                substitutes=substitutes,
                painted_by=note,
                spent=watch.spent if step.done else (),
            )
    except NstError as error:
        yield error


def prepare() -> None:
    """On ZeroGPU, build the encoders whose weights are here: before launch, on the main thread."""
    if zero.ACTIVE:
        for name in ("compact", *SOURCES):
            open_pipeline(Recipe(encoder=name))


def _progress(step: Step[Image.Image], pipeline: Pipeline, preview: Preview) -> Progress:
    height, width = step.size
    picture = step.picture
    return Progress(
        step=step.step,
        total=step.total,
        size=(width, height),
        seconds=step.seconds,
        details=f"Step {step.step} of {step.total}, {width} × {height}, {pipeline.credit(step)}.",
        notes=step.notes,
        losses=step.losses,
        picture=picture and (picture if step.done else preview.of(picture)),
        canvas=None if step.canvas is None else _arrays(step.canvas),
        seconds_left=step.seconds_left if step.step >= 3 else None,
    )


class _Stopwatch:
    """What each network has taken so far at each scale."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._spent: dict[tuple[str, int], tuple[int, float]] = {}
        self._seconds, self._finished = 0.0, 0

    def see(self, step: Step) -> None:
        """Count a step."""
        finish = self._pipeline.finish if step.finished != self._finished else None
        where = (finish or self._pipeline.encoder).name, max(step.size)
        steps, seconds = self._spent.get(where, (0, 0.0))
        self._spent[where] = (steps + 1, seconds + step.seconds - self._seconds)
        self._seconds, self._finished = step.seconds, step.finished

    @property
    def spent(self) -> tuple[Spent, ...]:
        return tuple((*where, *taken) for where, taken in self._spent.items())


def _line(progress: Progress, recipe: Recipe, after: int) -> str:
    """How far a run is, in words that need no explanation."""
    if progress.done:
        width, height = progress.size
        return f"Done in {clock(progress.seconds)}, {width} × {height}."
    ends = list(accumulate(count for count, _ in recipe.schedule(after)))
    number, count = 1 + sum(end < progress.step for end in ends[:-1]), len(ends)
    where = f", {number} of {count}" if count > 1 else ""
    left = "" if progress.seconds_left is None else f", {about(progress.seconds_left)} left"
    return f"Painting{where}{left}"


def _left(progress: Progress, recipe: Recipe, aspect: float, after: int) -> float | None:
    """Seconds until the end: at first as this machine is known, later as this run has gone."""
    whole = pace.expect(recipe, aspect, after)
    ahead = pace.expect(recipe, aspect, after, progress.step)
    if whole is None or ahead is None or not whole:
        return progress.seconds_left
    behind = whole - ahead
    gone = progress.seconds / behind if behind else 1.0
    return ahead * (1 + (gone - 1) * behind / whole)


def _arrays(canvas: Canvas) -> Arrays:
    tensors = (canvas.picture, canvas.exp_avg, canvas.exp_avg_sq)
    picture, first, second = (tensor.detach().cpu().numpy() for tensor in tensors)
    return picture, first, second, canvas.steps


def _long_side(start: Start) -> int:
    """Pixels of the long side of what is gone on from; 0 when it is nothing."""
    if start is None:
        return 0
    return max(start.size if isinstance(start, Image.Image) else start[0].shape[2:])


def _canvas(start: Arrays | Image.Image) -> Canvas:
    if isinstance(start, Image.Image):
        return Canvas(to_tensor(split_alpha(start)[0]))
    picture, first, second, steps = start
    return Canvas(
        torch.from_numpy(picture), torch.from_numpy(first), torch.from_numpy(second), steps
    )


def calibrate() -> None:
    """Warm the default encoders up, then time a short painting, each network in a half of it."""
    noise = np.random.default_rng(0).integers(0, 255, (192, 256, 3), np.uint8)
    picture = Image.fromarray(noise)
    for steps in (WARM_UP, 4 * WARM_UP):
        recipe = Recipe(size=256, steps=steps, finish_share=0.5)
        for _ in run(picture, [picture], recipe, visitor=MACHINE):
            pass

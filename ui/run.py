"""A run of the engine as a page wants to see it: `run` paints, `Progress` says how it goes.

The work may happen in another process (see `ui.zero`), so only plain pictures, numbers and arrays
go in and out of it.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from PIL import Image

from nst.engine.canvas import Canvas
from nst.engine.losses import Losses
from nst.engine.stylize import Step
from nst.errors import BadInput, NstError
from nst.pictures.images import fit, join_alpha, split_alpha, to_tensor
from nst.pipeline import Pipeline, choose_finish, open_pipeline
from nst.presets import load_presets
from nst.provenance import painted_by
from nst.recipe import Recipe
from nst.weights import SOURCES
from ui import zero
from ui.instant import instant_wall
from ui.pace import about, clock, pace
from ui.server.limits import RUN_LIMITS

TOLD_EVERY = 0.25  # seconds between two words of a run: a stop is noticed as often
PREVIEW_SIDE = 1024  # pixels

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, int]
Start = Arrays | Image.Image | None  # what is gone on from: a canvas as it travels, or a picture


@dataclass(frozen=True)
class Progress:
    """How far a run is: the one event of the page.

    status: a line to show; details: the same in the engine's terms; notes: sentences that the
    visitor should know; substitutes: which layers are not the recipe's, as a sentence. size:
    (width, height). losses and picture: when a picture is due. painted_by: the note for a
    picture's file. canvas: with the last one, for `run(start=...)`.
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

    @property
    def done(self) -> bool:
        return self.canvas is not None


def run(
    photo: Image.Image,
    styles: Sequence[Image.Image],
    recipe: Recipe,
    *,
    mask: Image.Image | None = None,
    start: Start = None,
    every: float = 0.5,
    deadline: float = RUN_LIMITS.deadline,
) -> Generator[Progress, None, None]:
    """Paint, and say how it goes about four times a second; close the generator to stop.

    photo, styles, mask: as `open_photo` returns them. start: the picture or canvas of an earlier
    run to go on from. every: seconds between pictures. deadline: seconds it may take. Raises
    BadInput before any work for a recipe beyond the operator's limits, NstError when painting
    fails for good.
    """
    if recipe.size > RUN_LIMITS.max_size:
        raise BadInput(
            f"The size is {recipe.size} pixels; here the long side may have at most "
            f"{RUN_LIMITS.max_size}."
        )
    if recipe.name == "default" and recipe.strength == 0:  # the photo itself
        recipe = recipe.replace(steps=0)
    aspect, after = min(photo.size) / max(photo.size), _long_side(start)
    seconds = zero.painting_seconds(photo, recipe, deadline, after)
    with closing(_develop(photo, tuple(styles), recipe, mask, start, every, seconds)) as told:
        for progress in told:
            if isinstance(progress, NstError):
                raise progress
            yield progress
            if progress.done and progress.step == progress.total:
                pace.learn(recipe, aspect, after, progress.seconds)


@zero.on_gpu
def _develop(
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
    told, after = 0.0, _long_side(start)
    sharpen = Sharpen(photo, min(recipe.size, PREVIEW_SIDE))
    try:
        pipeline = open_pipeline(recipe)
        for step in pipeline.paint(
            photo, styles, recipe, mask=mask, start=_canvas(start), every=every, deadline=deadline
        ):
            if step.picture is not None or time.monotonic() - told >= TOLD_EVERY:
                told = time.monotonic()
                yield _progress(step, recipe, pipeline, after, sharpen)
    except NstError as error:
        yield error


def _progress(
    step: Step[Image.Image], recipe: Recipe, pipeline: Pipeline, after: int, sharpen: "Sharpen"
) -> Progress:
    height, width = step.size
    left = step.seconds_left if step.step >= 3 else None
    substitutes = pipeline.substitutes(recipe)
    details = (
        f"Step {step.step} of {step.total}, {width} × {height}, {pipeline.credit(step)}.",
        pipeline.reason,
        substitutes,
    )
    stands_in = recipe.encoder not in ("auto", pipeline.encoder.name)
    return Progress(
        step=step.step,
        total=step.total,
        size=(width, height),
        seconds=step.seconds,
        status=_line(step, recipe, after, left),
        notes=(*step.notes, substitutes) if stands_in and substitutes else step.notes,
        losses=step.losses,
        picture=step.picture and (step.picture if step.done else sharpen(step.picture)),
        canvas=None if step.canvas is None else _arrays(step.canvas),
        seconds_left=left,
        details=" ".join(filter(None, details)),
        substitutes=substitutes,
        painted_by=painted_by(pipeline),
    )


def _line(step: Step, recipe: Recipe, after: int, left: float | None) -> str:
    """How far a run is, in words that need no explanation."""
    if step.done:
        height, width = step.size
        return f"Done in {clock(step.seconds)}, {width} × {height}."
    ends = list(accumulate(count for count, _ in recipe.schedule(after)))
    number, count = 1 + sum(end < step.step for end in ends[:-1]), len(ends)
    where = f", {number} of {count}" if count > 1 else ""
    return f"Painting{where}" + ("" if left is None else f", {about(left)} left")


class Sharpen:
    """Brings a coarse picture to the size it will have, with the photo's finer detail in it.

    The engine does the same between scales, and it shows what is coming instead of a blur. side:
    pixels of that size.
    """

    def __init__(self, photo: Image.Image, side: int) -> None:
        self._fine = split_alpha(fit(photo, side))[0]

    def __call__(self, coarse: Image.Image) -> Image.Image:
        if max(coarse.size) >= max(self._fine.size):
            return coarse
        painted, alpha = split_alpha(coarse)
        size = self._fine.size
        blurred = self._fine.resize(coarse.size, Image.Resampling.LANCZOS).resize(size)
        sharp = np.asarray(painted.resize(size), np.int16) + np.asarray(self._fine)
        sharp = (sharp - np.asarray(blurred)).clip(0, 255).astype(np.uint8)
        return join_alpha(Image.fromarray(sharp), alpha)


def _arrays(canvas: Canvas) -> Arrays:
    tensors = (canvas.picture, canvas.exp_avg, canvas.exp_avg_sq)
    picture, first, second = (tensor.detach().cpu().numpy() for tensor in tensors)
    return picture, first, second, canvas.steps


def _long_side(start: Start) -> int:
    """Pixels of the long side of what is gone on from; 0 when it is nothing."""
    if start is None:
        return 0
    return max(start.size if isinstance(start, Image.Image) else start[0].shape[2:])


def _canvas(start: Start) -> Canvas | None:
    if start is None:
        return None
    if isinstance(start, Image.Image):
        return Canvas(to_tensor(split_alpha(start)[0]))
    picture, first, second, steps = start
    return Canvas(
        torch.from_numpy(picture), torch.from_numpy(first), torch.from_numpy(second), steps
    )


def prepare() -> None:
    """On ZeroGPU, build the encoders whose weights are here: before launch, on the main thread."""
    if zero.ACTIVE:
        for name in ("compact", *SOURCES):
            open_pipeline(Recipe(encoder=name))


def calibrate() -> None:
    """Learn the presets, so that the first visitor's tiles come at once; then time a short painting
    by each network that is here, after one that warms it up.
    """
    for _ in instant_wall(load_presets()[0][0].path):
        pass
    noise = np.random.default_rng(0).integers(0, 255, (192, 256, 3), np.uint8)
    picture = Image.fromarray(noise)
    for name in ("compact", choose_finish(Recipe(), "compact")[0]):
        for steps in (8, 32) if name else ():
            recipe = Recipe(encoder=name, finish="off", size=256, steps=steps)
            for _ in run(picture, [picture], recipe):
                pass

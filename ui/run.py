"""A run of the engine as a page wants to see it: `run` paints, `Progress` says how it goes.

The work may happen in another process (see `ui.zero`), so only plain pictures and numbers go in
and out of it.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from PIL import Image

from nst.engine.canvas import Canvas, resize
from nst.engine.losses import Losses
from nst.engine.stylize import Step
from nst.errors import BadInput, NstError
from nst.pictures.images import fit, join_alpha, split_alpha, to_image, to_tensor
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


@dataclass(frozen=True)
class Progress:
    """How far a run is: the one event of the page.

    size: (width, height). status: a line to show; details: the same in the engine's terms; notes:
    sentences that the visitor should know; substitutes: which layers are not the recipe's, as a
    sentence. losses and picture: when a picture is due. painted_by: the note for its file.
    """

    step: int
    total: int
    size: tuple[int, int]
    seconds: float
    status: str = ""
    notes: tuple[str, ...] = ()
    losses: Losses[float] | None = None
    picture: Image.Image | None = None
    done: bool = False
    seconds_left: float | None = None
    details: str = ""
    substitutes: str = ""
    painted_by: str = ""


def run(
    photo: Image.Image,
    styles: Sequence[Image.Image],
    recipe: Recipe,
    *,
    mask: Image.Image | None = None,
    start: Image.Image | None = None,
    every: float = 0.5,
    deadline: float = RUN_LIMITS.deadline,
) -> Generator[Progress, None, None]:
    """Paint, and say how it goes about four times a second; close the generator to stop.

    photo, styles, mask: as `open_photo` returns them. start: an earlier painting to go on from.
    every: seconds between pictures. deadline: seconds it may take. Raises BadInput before any work
    for a recipe beyond the operator's limits, NstError when painting fails for good.
    """
    if recipe.size > RUN_LIMITS.max_size:
        raise BadInput(
            f"The size is {recipe.size} pixels; here the long side may have at most "
            f"{RUN_LIMITS.max_size}."
        )
    if recipe.name == "default" and recipe.strength == 0:  # the photo itself
        recipe = recipe.replace(steps=0)
    aspect, after = min(photo.size) / max(photo.size), max(start.size) if start else 0
    seconds = zero.painting_seconds(photo, recipe, deadline, after)
    with closing(_develop(photo, tuple(styles), recipe, mask, start, every, seconds)) as told:
        for progress in told:
            if isinstance(progress, NstError):
                raise progress
            if progress.done and progress.step == progress.total:
                pace.learn(recipe, aspect, after, progress.seconds)
            yield progress


@zero.on_gpu
def _develop(
    photo: Image.Image,
    styles: tuple[Image.Image, ...],
    recipe: Recipe,
    mask: Image.Image | None,
    start: Image.Image | None,
    every: float,
    deadline: float,
) -> Generator[Progress | NstError, None, None]:
    """The part of `run` that needs the GPU. Errors are yielded: raised, they would lose their text
    on the way from another process.
    """
    told = 0.0
    fine = fit(photo, min(recipe.size, PREVIEW_SIDE))
    canvas = Canvas(to_tensor(split_alpha(start)[0])) if start else None
    try:
        pipeline = open_pipeline(recipe)
        for step in pipeline.paint(
            photo, styles, recipe, mask=mask, start=canvas, every=every, deadline=deadline
        ):
            if step.picture is not None or time.monotonic() - told >= TOLD_EVERY:
                told = time.monotonic()
                yield _progress(step, recipe, pipeline, fine)
    except NstError as error:
        yield error


def _progress(
    step: Step[Image.Image], recipe: Recipe, pipeline: Pipeline, fine: Image.Image
) -> Progress:
    height, width = step.size
    left = step.seconds_left if step.step >= 3 else None
    line = "Painting" if left is None else f"Painting, {about(left)} left"
    substitutes = pipeline.substitutes(recipe)
    stands_in = recipe.encoder not in ("auto", pipeline.encoder.name)
    details = f"Step {step.step} of {step.total}, {width} × {height}, {pipeline.credit(step)}."
    return Progress(
        step=step.step,
        total=step.total,
        size=(width, height),
        seconds=step.seconds,
        status=f"Done in {clock(step.seconds)}, {width} × {height}." if step.done else line,
        notes=(*step.notes, substitutes) if stands_in and substitutes else step.notes,
        losses=step.losses,
        picture=step.picture and (step.picture if step.done else sharpened(step.picture, fine)),
        done=step.done,
        seconds_left=left,
        details=" ".join(filter(None, (details, pipeline.reason, substitutes))),
        substitutes=substitutes,
        painted_by=painted_by(pipeline),
    )


def sharpened(coarse: Image.Image, photo: Image.Image) -> Image.Image:
    """A coarse painting at the photo's size, with the photo's finer detail in it.

    As the engine begins its next scale: it shows what is coming instead of a blur.
    """
    if max(coarse.size) >= max(photo.size):
        return coarse
    painted, alpha = split_alpha(coarse)
    fine, canvas = to_tensor(split_alpha(photo)[0]), Canvas(to_tensor(painted))
    return join_alpha(to_image(canvas.resized(resize(fine, canvas.size), fine).picture), alpha)


def prepare() -> None:
    """On ZeroGPU, build the encoders whose weights are here: before launch, on the main thread."""
    if zero.ACTIVE:
        for name in ("compact", *SOURCES):
            open_pipeline(Recipe(encoder=name))


def calibrate() -> None:
    """Learn the presets, so that the first visitor's tiles come at once; then time a short painting
    by each network that is here, after a few steps that warm it up.
    """
    for _ in instant_wall(load_presets()[0][0].path):
        pass
    noise = np.random.default_rng(0).integers(0, 255, (192, 256, 3), np.uint8)
    picture = Image.fromarray(noise)
    for name in ("compact", choose_finish(Recipe(), "compact")[0]):
        for steps in (4, 32) if name else ():
            recipe = Recipe(encoder=name, finish="off", size=256, steps=steps)
            for _ in run(picture, [picture], recipe):
                pass

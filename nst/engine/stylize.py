"""The painting itself: scales from coarse to fine, and the steps of each."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from nst.engine.canvas import Canvas, resize
from nst.engine.colour import colour_axes, match_palette, photo_colours, start_picture
from nst.engine.encoders import Encoder
from nst.engine.losses import Losses
from nst.engine.objective import Objective
from nst.engine.recovery import (
    SMALLEST,
    Job,
    calm_down,
    is_finite,
    is_out_of_memory,
    save_memory,
)
from nst.errors import BadInput
from nst.recipe import Recipe

KEPT = 0.9  # of what is known of the pace, after a step

Picture = TypeVar("Picture")
Schedule = Sequence[tuple[int, float]]  # (steps, share of the final size), as of `Recipe.schedule`


@dataclass(frozen=True)
class Step(Generic[Picture]):
    """One step of a painting.

    losses: weighted, of the picture that the step began with and by the network that judged it,
    when a picture is due. picture: when due; from `stylize` (1, 3, H, W), fp32 on the CPU in 0..1,
    from a pipeline a PIL image.
    finished: how many steps the finishing network has judged. canvas: with the last step, to go on
    from. notes: what the visitor should know (a smaller size, an earlier end).
    """

    step: int
    total: int
    size: tuple[int, int]
    seconds: float
    seconds_left: float
    losses: Losses[float] | None = None
    picture: Picture | None = None
    finished: int = 0
    canvas: Canvas | None = None
    notes: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        return self.canvas is not None


def stylize(
    content: Tensor,
    styles: Sequence[Tensor],
    recipe: Recipe,
    encoder: Encoder,
    *,
    finish: Encoder | None = None,
    every: float | None = 0.5,
    mask: Tensor | None = None,
    start: Canvas | Tensor | None = None,
    tile: int | None = None,
    deadline: float | None = None,
) -> Iterator[Step[Tensor]]:
    """Paint, yielding every step; close the generator to stop.

    content: (1, 3, H, W) in 0..1 at the size of the result; each side at least 32.
    styles: pictures (1, 3, h, w) at their own size; they are scaled with the content.
    finish: the network that judges the last steps of each scale in the encoder's place, the
        recipe's `finish_share` of them. What has pleased only the encoder goes within a few steps.
    every: seconds between pictures, None for the last one only. Frames the recipe keeps come
        whatever this says.
    mask: (1, 1, H, W) in 0..1, where to paint. With one style the photo stays outside; with two,
        the first is painted inside and the second outside.
    start: what to paint over instead of the recipe's start. A Canvas, with its optimiser's state,
        is continued: only larger scales are painted, or the finest again (`Recipe.schedule`).
    tile: longest side, in pixels, judged in one pass (bounds memory); None: all at once.
    deadline: seconds after which painting ends with what is there.

    Raises BadInput for pictures that do not fit the recipe, NstError when painting fails for
    good; steps yielded before that keep their pictures.
    """
    check(content, styles, recipe, mask)
    if not recipe.steps:
        raise BadInput("No steps paint nothing here: only the default recipe can do without.")
    job = _job(content, styles, recipe, encoder, finish, mask, tile)
    del content
    schedule = _schedule(recipe, job, max(start.size) if isinstance(start, Canvas) else 0)
    total = sum(count for count, _ in schedule)
    began = shown = time.perf_counter()
    pace, done, finished = _Pace(), 0, 0
    view: _View
    canvas: Canvas
    before = start

    for scale, (count, share) in enumerate(schedule):
        step, judge = 0, None
        while step < count:
            finishing = job.finish is not None and step >= count - recipe.finishing(count)
            network = job.network(finishing)
            try:
                if judge is not network:
                    view = _view(job, recipe, network, share)
                    before = canvas = _canvas(before, job, recipe, view)
                    good, lost, judge = canvas.copy(), 0, network
                step_began = time.perf_counter()
                # L-BFGS compares one step's gradient with the next: they must be of one objective.
                turn = 0 if recipe.optimiser == "lbfgs" else done
                losses, gradient = view.evaluate(canvas.picture, turn)
                fall = recipe.final_rate ** (step / max(1, count - 1))
                rate = recipe.learning_rate * fall * job.rate
                canvas.step(gradient, rate, recipe, view.axes)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                judge = None
            if judge is None:  # and the error is gone, which held all that the step had made
                save_memory(job, finishing)
                continue
            step, done, finished, lost = step + 1, done + 1, finished + finishing, lost + 1
            now = time.perf_counter()
            late = deadline is not None and now - began > deadline
            last = late or done == total
            shows = every is not None and (done == 1 or now - shown >= every)
            due = last or shows or recipe.keeps(done)
            checked = due or step in (count, count - recipe.finishing(count))
            if checked and not is_finite(losses, canvas):
                calm_down(job, canvas, good)
                view.objective.encoder = judge = job.network(finishing)
                step, done, finished = step - lost, done - lost, finished - lost * finishing
                lost = 0
                continue
            if checked:
                good, lost = canvas.copy(), 0
            if last:
                canvas.picture.clamp_(0, 1)  # which L-BFGS may leave on the way
            if late and done < total:
                job.note(
                    f"Painting ended after {done} of {total} steps, before it had its full "
                    f"detail: a run may take {deadline:.0f} seconds here."
                )
            # A GPU has only been told of its steps until their numbers are looked at.
            known = checked or canvas.picture.device.type == "cpu"
            pace.add(network, canvas.size, time.perf_counter() - step_began, known)
            shown, ahead = now if due else shown, [] if last else schedule[scale:]
            yield Step(
                step=done,
                total=total,
                size=canvas.size,
                seconds=time.perf_counter() - began,
                seconds_left=_seconds_left(pace, job, recipe, ahead, step),
                losses=_floats(losses) if due else None,
                picture=view.shown(canvas.picture, recipe) if due else None,
                finished=finished,
                canvas=canvas if last else None,
                notes=tuple(job.notes),
            )
            if last:
                return


def check(
    content: Tensor, styles: Sequence[Tensor], recipe: Recipe, mask: Tensor | None = None
) -> None:
    """Raise BadInput for pictures that do not fit the recipe."""
    if not styles:
        raise BadInput("There is no style picture; at least one is needed.")
    if recipe.mix and len(recipe.mix) != len(styles):
        raise BadInput(
            f"There are {len(styles)} style pictures and {len(recipe.mix)} weights for their "
            "mixture; there must be one each."
        )
    if recipe.mix and not any(recipe.mix):
        raise BadInput("All weights of the mixture are 0; at least one must be above it.")
    if min(content.shape[2:]) < SMALLEST:
        height, width = content.shape[2:]
        raise BadInput(
            f"At this size the painting would be {width} x {height} pixels; "
            f"both sides must be at least {SMALLEST}."
        )
    if mask is not None and mask.shape[2:] != content.shape[2:]:
        raise ValueError("mask and content differ in size")
    if mask is not None and len(styles) > 2:
        raise BadInput(f"A mask divides the picture between 2 styles, but there are {len(styles)}.")


def _job(
    content: Tensor,
    styles: Sequence[Tensor],
    recipe: Recipe,
    encoder: Encoder,
    finish: Encoder | None,
    mask: Tensor | None,
    tile: int | None,
) -> Job:
    """What is painted from, on the encoder's device, in the colours that are asked for."""
    content = content.to(encoder.device, torch.float32)
    styles = [style.to(encoder.device, torch.float32) for style in styles]
    if recipe.colours == "palette":
        styles = [match_palette(style, content).clamp(0, 1) for style in styles]
    mask = None if mask is None else mask.to(encoder.device, torch.float32)
    return Job(content, styles, mask, encoder, finish, tile)


def _schedule(recipe: Recipe, job: Job, after: int) -> Schedule:
    """The recipe's, without scales too small for the deepest layer to see anything."""
    whole = recipe.schedule(after)
    fit = [(n, s) for n, s in whole if s * min(job.content.shape[2:]) >= SMALLEST]
    left_out = sum(n for n, _ in whole) - sum(n for n, _ in fit)
    return [(fit[0][0] + left_out, fit[0][1]), *fit[1:]] if fit else []


@dataclass(frozen=True)
class _View:
    """A painting at one size: the photo and the mask there, what judges it, and how it steps."""

    content: Tensor
    mask: Tensor | None
    objective: Objective
    axes: Tensor | None

    def evaluate(self, canvas: Tensor, turn: int = 0) -> tuple[Losses[Tensor], Tensor]:
        """Losses, and the gradient of the canvas. turn: which pooling offset judges."""
        losses, gradient = self.objective.evaluate(self._over_photo(canvas), turn)
        return losses, gradient if self.mask is None else gradient * self.mask

    def shown(self, canvas: Tensor, recipe: Recipe) -> Tensor:
        """The picture to show, in memory of its own."""
        picture = self._over_photo(canvas)
        if recipe.colours == "photo":
            picture = photo_colours(picture, self.content)
        return picture.detach().clamp(0, 1).cpu()

    def _over_photo(self, canvas: Tensor) -> Tensor:
        """The canvas where the mask lets it be seen, the photo elsewhere."""
        return canvas if self.mask is None else torch.lerp(self.content, canvas, self.mask)


def _size(job: Job, share: float) -> tuple[int, int]:
    """(height, width) in pixels at a share of the final size."""
    height, width = job.content.shape[2:]
    return max(SMALLEST, round(height * share)), max(SMALLEST, round(width * share))


def _view(job: Job, recipe: Recipe, network: Encoder, share: float) -> _View:
    """The painting at a share of its size, to be judged by a network."""
    size = _size(job, share)
    content = resize(job.content, size).clamp(0, 1)
    mask = None if job.mask is None else resize(job.mask, size).clamp(0, 1)
    two = len(job.styles) == 2
    guides = torch.cat([mask, 1 - mask]) if mask is not None and two else mask
    styles = [_scaled(job, style, max(size) * recipe.brush, share) for style in job.styles]
    objective = Objective(network, recipe, content, styles, guides, job.tile)
    # With two styles the whole picture is painted; the mask only divides it.
    return _View(content, None if two else mask, objective, _axes(job, recipe, guides))


def _axes(job: Job, recipe: Recipe, guides: Tensor | None) -> Tensor | None:
    """The colours in which to step: those of the styles, or of each region's; None: RGB.

    What makes them necessary is the whitened local term, which no published recipe has, and what
    makes them enough is a start in the styles' colours.
    """
    if not recipe.local_weight and recipe.start != "recoloured":
        return None
    if guides is None or len(job.styles) == 1:
        return colour_axes(job.styles, recipe.mix)
    inside, outside = (colour_axes([style])[..., None, None] for style in job.styles)
    return torch.where(guides[0] > 0.5, inside, outside)


def _scaled(job: Job, style: Tensor, wanted: float, share: float) -> Tensor:
    """The style with a long side of so many pixels, never beyond its own."""
    own = max(style.shape[2:])
    if wanted > own and share == 1.0:
        job.note(
            f"Strokes of this size need a painting of {wanted:.0f} px; this one has {own} px, "
            "so they are finer."
        )
    factor = min(wanted / own, 1.0)
    height, width = (max(SMALLEST, round(side * factor)) for side in style.shape[2:])
    return resize(style, (height, width)).clamp(0, 1)


def _canvas(before: Canvas | Tensor | None, job: Job, recipe: Recipe, view: _View) -> Canvas:
    """The canvas of a view: an earlier one at its size, over a picture, or the recipe's start."""
    size = view.content.shape[2:]
    if isinstance(before, Canvas):
        earlier = before.copy(job.encoder.device)  # without the pairs of another objective
        return earlier.resized(resize(job.content, before.size).clamp(0, 1), view.content)
    if before is not None:
        return Canvas(resize(before.to(job.encoder.device, torch.float32), size).clamp(0, 1))
    mask = None if job.mask is None else resize(job.mask, size).clamp(0, 1)
    return Canvas(start_picture(recipe, view.content, job.styles, mask))


def _seconds_left(pace: "_Pace", job: Job, recipe: Recipe, schedule: Schedule, step: int) -> float:
    """What the rest of a schedule should take, from a step of its first scale on."""
    seconds = 0.0
    for count, share in schedule:
        turn = count if job.finish is None else count - recipe.finishing(count)
        size = _size(job, share)
        seconds += pace.expect(job.encoder, size, max(0, turn - step))
        if job.finish is not None:
            seconds += pace.expect(job.finish, size, count - max(turn, step))
        step = 0
    return seconds


def _floats(losses: Losses[Tensor]) -> Losses[float]:
    return Losses(*map(float, losses))


class _Pace:
    """Seconds a step takes on one pixel, by the network that judges it."""

    def __init__(self) -> None:
        self.each: dict[Encoder, float] = {}
        self.steps, self.seconds = 0, 0.0

    def add(self, network: Encoder, size: tuple[int, int], seconds: float, known: bool) -> None:
        """Count a step at (height, width). known: whether all that were begun are done by now."""
        self.steps, self.seconds = self.steps + 1, self.seconds + seconds
        if known:
            each, kept = self.seconds / (self.steps * size[0] * size[1]), KEPT**self.steps
            self.each[network] = kept * self.each.get(network, each) + (1 - kept) * each
            self.steps, self.seconds = 0, 0.0

    def expect(self, network: Encoder, size: tuple[int, int], steps: int) -> float:
        """Seconds that so many steps should take; 0 before anything is known.

        A network that has not judged yet should take as long as another for as much work.
        """
        known = network if network in self.each else next(iter(self.each), None)
        if known is None:
            return 0.0
        return steps * size[0] * size[1] * self.each[known] * network.work / known.work

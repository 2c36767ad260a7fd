"""The painting itself: a generator around a loop that goes from coarse to fine."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from nst.engine.canvas import Canvas
from nst.engine.colour import photo_colours
from nst.engine.encoders import Encoder
from nst.engine.losses import Losses
from nst.engine.pace import Pace
from nst.engine.recovery import Recovery, is_finite, is_out_of_memory
from nst.engine.scales import SMALLEST, Leg, Scale, Scales
from nst.errors import BadInput
from nst.recipe import Recipe

__all__ = ["Step", "stylize"]

Picture = TypeVar("Picture")


@dataclass(frozen=True)
class Step(Generic[Picture]):
    """One step of a painting.

    losses: weighted, by the network that has judged the step, when a picture is due. picture: when
    due; from `stylize` (1, 3, H, W), fp32 on the CPU in 0..1, from a pipeline a PIL image.
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
        is gone on from: only larger scales are painted, or the finest again (`Recipe.schedule`).
    tile: longest side, in pixels, judged in one pass (bounds memory); None: all at once.
    deadline: seconds after which painting ends with what is there.

    Raises BadInput for pictures that do not fit the recipe, NstError when painting fails for
    good; steps yielded before that keep their pictures.
    """
    _check(content, styles, recipe, mask)
    scales = Scales(content, styles, recipe, encoder, finish, mask, tile)
    return _Painting(scales, every, deadline).run(start)


def _check(content: Tensor, styles: Sequence[Tensor], recipe: Recipe, mask: Tensor | None) -> None:
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


class _Painting:
    """The state of one run."""

    def __init__(self, scales: Scales, every: float | None, deadline: float | None) -> None:
        self.scales, self.recovery, self.recipe = scales, Recovery(scales), scales.recipe
        self.every, self.deadline = every, deadline
        self.began = self.shown_at = time.perf_counter()
        self.done = self.finished = 0
        self.pace = Pace()

    def run(self, start: Canvas | Tensor | None) -> Iterator[Step[Tensor]]:
        scales = self.scales
        schedule = scales.schedule(max(start.size) if isinstance(start, Canvas) else 0)
        self.total = sum(leg.end - leg.begin for leg in schedule)
        canvas: Canvas | None = None
        while schedule:
            leg, rest = schedule[0], schedule[1:]
            self.into = leg.begin
            try:
                scale = scales.at(leg)
                canvas = scales.enlarge(canvas, scale) if canvas else scales.begin(scale, start)
                if leg.finishing:
                    canvas.lbfgs = None  # its pairs are of gradients that the other network gave
                yield from self._paint(canvas, scale, leg, rest)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            else:
                if self._late():
                    self._note_early_end()
                    break
                schedule = rest
                continue
            # Not before the error is gone, which holds all that the failed step had made.
            self.recovery.save_memory(leg)
            schedule[0] = leg.rest(self.into)
        assert canvas is not None
        yield self._report(canvas, scale, [], last=True)

    def _paint(
        self, canvas: Canvas, scale: Scale, leg: Leg, rest: Sequence[Leg]
    ) -> Iterator[Step[Tensor]]:
        good, good_into = canvas.copy(), self.into
        began, unpaced = time.perf_counter(), 0
        while self.into < leg.end:
            # L-BFGS compares gradients of one step and the next: they must be of one objective.
            turn = 0 if self.recipe.optimiser == "lbfgs" else self.done
            losses, gradient = scale.evaluate(canvas.picture, turn)
            canvas.step(gradient, self._rate(leg), self.recipe)
            self.done += 1
            self.into += 1
            unpaced += 1
            self.finished += leg.finishing and self.scales.finish is not None
            due, late = self._due(), self._late()
            checked = due or late or self.into == leg.end
            if checked:
                if not is_finite(losses, canvas):
                    self.recovery.restore(canvas, scale, leg, good)
                    lost = self.into - good_into
                    self.done, self.into = self.done - lost, good_into
                    self.finished -= lost * leg.finishing
                    if late:
                        return
                    continue
                good, good_into = canvas.copy(), self.into
            # A GPU has only been told of its steps until their numbers are looked at.
            if checked or canvas.picture.device.type == "cpu":
                seconds = time.perf_counter() - began
                self.pace.learn(scale.objective.encoder, canvas.size, unpaced, seconds)
                unpaced = 0
            yield self._report(
                canvas, scale, [leg.rest(self.into), *rest], losses=losses if due else None
            )
            if late:
                return
            if not unpaced:
                began = time.perf_counter()

    def _rate(self, leg: Leg) -> float:
        """The learning rate of the next step: it falls within each scale."""
        fall = self.recipe.final_rate ** (self.into / max(1, leg.count - 1))
        return self.recipe.learning_rate * fall * self.recovery.rate

    def _due(self) -> bool:
        if self.recipe.keeps(self.done):
            return True
        if self.every is None:
            return False
        return self.done == 1 or time.perf_counter() - self.shown_at >= self.every

    def _late(self) -> bool:
        return self.deadline is not None and time.perf_counter() - self.began > self.deadline

    def _note_early_end(self) -> None:
        if self.done < self.total:
            self.scales.note(
                f"Painting ended after {self.done} of {self.total} steps, before it had its full "
                f"detail: a run may take {self.deadline:.0f} seconds here."
            )

    def _expect(self, leg: Leg) -> float:
        """Seconds that it should take."""
        scales = self.scales
        return self.pace.expect(scales.network(leg), scales.size(leg.share), leg.end - leg.begin)

    def _report(self, canvas, scale, ahead, losses=None, last=False) -> Step[Tensor]:
        now = time.perf_counter()
        if last:
            canvas.picture.clamp_(0, 1)  # which L-BFGS may leave on the way
            losses, _ = scale.evaluate(canvas.picture)
        picture = None
        if losses is not None:
            self.shown_at = now
            picture = scale.shown(canvas.picture)
            if self.recipe.colours == "photo":
                picture = photo_colours(picture, scale.content)
            picture = picture.detach().clamp(0, 1).cpu()
        return Step(
            step=self.done,
            total=self.total,
            size=canvas.size,
            seconds=now - self.began,
            seconds_left=sum(map(self._expect, ahead)),
            losses=None if losses is None else Losses(*map(float, losses)),
            picture=picture,
            finished=self.finished,
            canvas=canvas if last else None,
            notes=tuple(self.scales.notes),
        )

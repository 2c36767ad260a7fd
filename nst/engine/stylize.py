"""The painting itself: a generator around an Adam loop that goes from coarse to fine."""

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst.engine.canvas import Canvas, resize
from nst.engine.colour import match_palette, photo_colours
from nst.engine.encoders import Encoder
from nst.engine.losses import Losses
from nst.engine.objective import Objective
from nst.engine.pace import Pace
from nst.engine.start import start_picture
from nst.errors import BadInput, NstError
from nst.recipe import Recipe

__all__ = ["Step", "stylize"]

SMALLEST = 32  # pixels of a short side: below it the deepest block has no two positions to compare
SMALLEST_TILE = 384  # pixels: smaller ones are mostly halo
DOWN = 0.75  # of the size, when memory runs out in spite of tiles


@dataclass(frozen=True)
class Step:
    """One step of a painting.

    losses: weighted, when a picture is due. picture: (1, 3, H, W),
    fp32 on the CPU in 0..1, when due. sketched: long side, in pixels, of the largest scale that the
    sketch encoder has judged; 0: none. canvas: with the last step, to go on from. notes: what the
    visitor should know (a smaller size, an earlier end, strokes that could not be larger).
    """

    step: int
    total: int
    size: tuple[int, int]
    seconds: float
    seconds_left: float
    losses: Losses[float] | None = None
    picture: Tensor | None = None
    sketched: int = 0
    kept: bool = False
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
    sketch: Encoder | None = None,
    every: float | None = 0.5,
    mask: Tensor | None = None,
    start: Canvas | Tensor | None = None,
    tile: int | None = None,
    deadline: float | None = None,
) -> Iterator[Step]:
    """Paint, yielding every step; close the generator to stop.

    content: (1, 3, H, W) in 0..1 at the size of the result; each side at least 32.
    styles: pictures (1, 3, h, w) at their own size; they are scaled with the content.
    sketch: the network that judges in the encoder's place where the long side is at most the
        recipe's `sketch_size`: there the composition is decided, and width costs little.
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
    painting = _Painting(content, styles, recipe, encoder, sketch, every, mask, tile, deadline)
    return painting.run(start)


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


@dataclass
class _Scale:
    """One size of the picture: the photo at that size, the mask, and how to judge a canvas."""

    content: Tensor
    objective: Objective
    mask: Tensor | None

    def shown(self, canvas: Tensor) -> Tensor:
        """The canvas where the mask lets it be seen, the photo elsewhere."""
        return canvas if self.mask is None else torch.lerp(self.content, canvas, self.mask)

    def evaluate(self, canvas: Tensor, turn: int = 0) -> tuple[Losses[Tensor], Tensor]:
        losses, gradient = self.objective.evaluate(self.shown(canvas), turn)
        return losses, gradient if self.mask is None else gradient * self.mask


class _Painting:
    """The state of one run."""

    def __init__(
        self, content, styles, recipe, encoder, sketch, every, mask, tile, deadline
    ) -> None:
        self.recipe, self.encoder, self.sketch = recipe, encoder, sketch
        device = encoder.device
        self.content = content.to(device, torch.float32)
        self.styles = [style.to(device, torch.float32) for style in styles]
        if recipe.colours == "palette":
            self.styles = [match_palette(s, self.content).clamp(0, 1) for s in self.styles]
        self.mask = None if mask is None else mask.to(device, torch.float32)
        self.every, self.tile, self.deadline = every, tile, deadline
        self.notes: list[str] = []
        self.began = self.shown_at = time.perf_counter()
        self.rate_factor = 1.0
        self.done = self.into = self.sketched = 0
        self.pace = Pace()

    def run(self, start: Canvas | Tensor | None) -> Iterator[Step]:
        schedule = self._schedule(start)
        self.total = sum(count for count, _ in schedule)
        canvas: Canvas | None = None
        while schedule:
            (count, share), rest = schedule[0], schedule[1:]
            try:
                scale = self._scale(share)
                canvas = self._canvas(canvas, scale, start)
                yield from self._paint(canvas, scale, count, rest)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                self._go_down(error)
                schedule[0] = (count - self.into, share)
                self.into = 0
                continue
            if self._late():
                self._note_early_end()
                break
            schedule, self.into = rest, 0
        assert canvas is not None
        yield self._report(canvas, scale, [], last=True)

    def _schedule(self, start: Canvas | Tensor | None) -> list[tuple[int, float]]:
        schedule = self.recipe.schedule(max(start.size) if isinstance(start, Canvas) else 0)
        # A scale too small for the deepest layer to see anything is left out.
        fit = [(n, s) for n, s in schedule if s * min(self.content.shape[2:]) >= SMALLEST]
        left_out = sum(n for n, _ in schedule) - sum(n for n, _ in fit)
        return [(fit[0][0] + left_out, fit[0][1]), *fit[1:]]

    def _size(self, share: float) -> tuple[int, int]:
        height, width = self.content.shape[2:]
        return max(SMALLEST, round(height * share)), max(SMALLEST, round(width * share))

    def _network(self, size: Sequence[int]) -> Encoder:
        """What judges a picture of (height, width)."""
        small = max(size) <= self.recipe.sketch_size
        return self.sketch if small and self.sketch is not None else self.encoder

    def _scale(self, share: float) -> _Scale:
        size = self._size(share)
        content = resize(self.content, size).clamp(0, 1)
        mask = None if self.mask is None else resize(self.mask, size).clamp(0, 1)
        guides = None
        if mask is not None:
            guides = mask if len(self.styles) == 1 else torch.cat([mask, 1 - mask])
        styles = [self._scaled_style(style, size, share) for style in self.styles]
        objective = Objective(self._network(size), self.recipe, content, styles, guides, self.tile)
        # With two styles the whole picture is painted; the mask only divides it.
        return _Scale(content, objective, mask if len(self.styles) == 1 else None)

    def _scaled_style(self, style: Tensor, size: tuple[int, int], share: float) -> Tensor:
        """The style with the photo's long side times the brush, never beyond its own pixels."""
        own = max(style.shape[2:])
        wanted = max(size) * self.recipe.brush
        if wanted > own and share == 1.0:
            self._note(
                f"The style picture is {own} px long; strokes for {wanted:.0f} px were asked for, "
                "so they are as large as its own pixels allow."
            )
        factor = min(wanted / own, 1.0)
        height, width = (max(SMALLEST, round(side * factor)) for side in style.shape[2:])
        return resize(style, (height, width)).clamp(0, 1)

    def _canvas(self, canvas: Canvas | None, scale: _Scale, start) -> Canvas:
        size = tuple(scale.content.shape[2:])
        if canvas is not None:
            before = resize(self.content, canvas.size).clamp(0, 1)
            return canvas.resized(size, before, scale.content)
        if isinstance(start, Canvas):
            before = resize(self.content, start.size).clamp(0, 1)
            return start.copy().moved(self.encoder.device).resized(size, before, scale.content)
        if start is not None:
            start = start.to(self.encoder.device, torch.float32)
            return Canvas(resize(start, size).clamp(0, 1))
        mask = None if self.mask is None else resize(self.mask, size).clamp(0, 1)
        return Canvas(start_picture(self.recipe, scale.content, self.styles, mask))

    def _paint(self, canvas: Canvas, scale: _Scale, count: int, rest) -> Iterator[Step]:
        good, good_into = canvas.copy(), 0
        began, unpaced = time.perf_counter(), 0
        while self.into < count:
            losses, gradient = scale.evaluate(canvas.picture, self.done)
            canvas.step(gradient, self._rate(count), self.recipe)
            self.done += 1
            self.into += 1
            unpaced += 1
            if scale.objective.encoder is self.sketch:
                self.sketched = max(canvas.size)
            due, late = self._due(), self._late()
            checked = due or late or self.into == count
            if checked:
                if not _finite(losses, canvas):
                    self._restore(canvas, scale, good)
                    self.done -= self.into - good_into
                    self.into = good_into
                    if late:
                        return
                    continue
                good, good_into = canvas.copy(), self.into
            # A GPU has only been told of its steps until their numbers are looked at.
            if checked or canvas.picture.device.type == "cpu":
                seconds = time.perf_counter() - began
                self.pace.learn(scale.objective.encoder, canvas.size, unpaced, seconds)
                unpaced = 0
            ahead = [(count - self.into, canvas.size), *((n, self._size(s)) for n, s in rest)]
            yield self._report(canvas, scale, ahead, losses=losses if due else None)
            if late:
                return
            if not unpaced:
                began = time.perf_counter()

    def _rate(self, count: int) -> float:
        """The learning rate of the next step: it falls within each scale."""
        fall = self.recipe.final_rate ** (self.into / max(1, count - 1))
        return self.recipe.learning_rate * fall * self.rate_factor

    def _kept(self) -> bool:
        every = self.recipe.keep_every
        return self.done in self.recipe.keep_at or bool(every and self.done % every == 0)

    def _due(self) -> bool:
        if self._kept():
            return True
        if self.every is None:
            return False
        return self.done == 1 or time.perf_counter() - self.shown_at >= self.every

    def _late(self) -> bool:
        return self.deadline is not None and time.perf_counter() - self.began > self.deadline

    def _note_early_end(self) -> None:
        if self.done < self.total:
            self._note(
                f"Painting ended after {self.done} of {self.total} steps, before it had its full "
                f"detail: a run may take {self.deadline:.0f} seconds here."
            )

    def _report(self, canvas, scale, ahead, losses=None, last=False) -> Step:
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
            picture = picture.detach().clamp(0, 1).cpu().clone()
        return Step(
            step=self.done,
            total=self.total,
            size=canvas.size,
            seconds=now - self.began,
            seconds_left=sum(self.pace.expect(self._network(size), size, n) for n, size in ahead),
            losses=None if losses is None else Losses(*map(float, losses)),
            picture=picture,
            sketched=self.sketched,
            kept=self._kept() and not last,
            canvas=canvas if last else None,
            notes=tuple(self.notes),
        )

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    # When things go wrong

    def _restore(self, canvas: Canvas, scale: _Scale, good: Canvas) -> None:
        """Go back to the last good picture and on from it once, in fp32 at half the rate."""
        if self.rate_factor < 1:
            raise NstError(
                "The numbers of this painting left their range twice; "
                "a lower strength or learning rate will help. The last good picture is kept."
            )
        self.rate_factor = 0.5
        self._note("The numbers left their range once; painting went on in fp32 at half the rate.")
        canvas.picture.copy_(good.picture)
        canvas.forget()
        # The encoders are shared with other runs, so this one takes copies.
        self.encoder = copy.deepcopy(self.encoder).float()
        self.sketch = copy.deepcopy(self.sketch).float() if self.sketch is not None else None
        scale.objective.encoder = self._network(canvas.size)

    def _go_down(self, error: BaseException) -> None:
        """When memory runs out, judge in smaller tiles; paint smaller when that was not enough."""
        if self.content.is_cuda:
            torch.cuda.empty_cache()
        height, width = self.content.shape[2:]
        tile = min(self.tile or max(height, width), max(height, width)) // 2
        if tile >= SMALLEST_TILE:
            self.tile = tile
            self._note(f"Memory was short, so the painting was judged in tiles of {tile} pixels.")
            return
        height, width = round(height * DOWN), round(width * DOWN)
        if min(height, width) < SMALLEST:
            raise NstError("There is not enough memory for even the smallest painting.") from error
        self.content = resize(self.content, (height, width)).clamp(0, 1)
        self.mask = None if self.mask is None else resize(self.mask, (height, width)).clamp(0, 1)
        self._note(f"Memory ran out, so the painting went down to {width} x {height} pixels.")


def _finite(losses: Losses[Tensor], canvas: Canvas) -> bool:
    return bool(torch.isfinite(losses.total) & torch.isfinite(canvas.picture).all())


def _out_of_memory(error: BaseException) -> bool:
    # The CPU's allocator raises a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)

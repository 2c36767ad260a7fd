"""A painting at each of its sizes: photo, mask and styles there, and the objective that judges."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nst.engine.canvas import Canvas, resize
from nst.engine.colour import match_palette
from nst.engine.encoders import Encoder
from nst.engine.losses import Losses
from nst.engine.objective import Objective
from nst.engine.start import start_picture
from nst.recipe import Recipe

__all__ = ["SMALLEST", "Leg", "Scale", "Scales"]

SMALLEST = 32  # pixels of a short side: below it the deepest block has no two positions to compare


@dataclass(frozen=True)
class Leg:
    """Steps in a row that one network judges: from `begin` to `end` of the `count` of its scale.

    share: of the final size. finishing: whether the finishing network judges.
    """

    share: float
    begin: int
    end: int
    count: int
    finishing: bool = False

    def rest(self, step: int) -> "Leg":
        """What is left of it after so many of the scale's steps."""
        return replace(self, begin=step)


@dataclass
class Scale:
    """One size of the picture: the photo at that size, the mask, and how to judge a canvas."""

    content: Tensor
    objective: Objective
    mask: Tensor | None

    def shown(self, canvas: Tensor) -> Tensor:
        """The canvas where the mask lets it be seen, the photo elsewhere."""
        return canvas if self.mask is None else torch.lerp(self.content, canvas, self.mask)

    def evaluate(self, canvas: Tensor, turn: int = 0) -> tuple[Losses[Tensor], Tensor]:
        """Losses, and the gradient of the canvas. turn: which pooling offset judges."""
        losses, gradient = self.objective.evaluate(self.shown(canvas), turn)
        return losses, gradient if self.mask is None else gradient * self.mask


class Scales:
    """What a painting is made from, and its scales. For the arguments see `stylize`.

    notes: what the visitor should know of it.
    """

    def __init__(
        self,
        content: Tensor,
        styles: Sequence[Tensor],
        recipe: Recipe,
        encoder: Encoder,
        finish: Encoder | None,
        mask: Tensor | None,
        tile: int | None,
    ) -> None:
        self.recipe, self.encoder, self.finish, self.tile = recipe, encoder, finish, tile
        device = encoder.device
        self.content = content.to(device, torch.float32)
        self.styles = [style.to(device, torch.float32) for style in styles]
        if recipe.colours == "palette":
            self.styles = [match_palette(s, self.content).clamp(0, 1) for s in self.styles]
        self.mask = None if mask is None else mask.to(device, torch.float32)
        self.notes: list[str] = []

    def schedule(self, after: int = 0) -> list[Leg]:
        """What is to be painted, from coarse to fine; after: see `Recipe.schedule`."""
        schedule = self.recipe.schedule(after)
        # A scale too small for the deepest layer to see anything is left out.
        fit = [(n, s) for n, s in schedule if s * min(self.content.shape[2:]) >= SMALLEST]
        left_out = sum(n for n, _ in schedule) - sum(n for n, _ in fit)
        legs = []
        for count, share in [(fit[0][0] + left_out, fit[0][1]), *fit[1:]]:
            turn = count - self.recipe.finishing(count) if self.finish is not None else count
            legs += [Leg(share, 0, turn, count), Leg(share, turn, count, count, finishing=True)]
        return [leg for leg in legs if leg.begin < leg.end]

    def size(self, share: float) -> tuple[int, int]:
        """(height, width) in pixels at a share of the final size."""
        height, width = self.content.shape[2:]
        return max(SMALLEST, round(height * share)), max(SMALLEST, round(width * share))

    def network(self, leg: Leg) -> Encoder:
        """What judges a leg."""
        return self.finish if leg.finishing and self.finish is not None else self.encoder

    def at(self, leg: Leg) -> Scale:
        """The scale of a leg, with the targets of the network that judges it."""
        share = leg.share
        size = self.size(share)
        content = resize(self.content, size).clamp(0, 1)
        mask = self._mask(size)
        guides = mask if mask is None or len(self.styles) == 1 else torch.cat([mask, 1 - mask])
        styles = [self._style(style, size, share) for style in self.styles]
        objective = Objective(self.network(leg), self.recipe, content, styles, guides, self.tile)
        # With two styles the whole picture is painted; the mask only divides it.
        return Scale(content, objective, mask if len(self.styles) == 1 else None)

    def begin(self, scale: Scale, start: Canvas | Tensor | None) -> Canvas:
        """The canvas of the first scale, over `start` or as the recipe says."""
        if isinstance(start, Canvas):
            return self.enlarge(start.copy(self.encoder.device), scale)
        size = scale.content.shape[2:]
        if start is not None:
            start = start.to(self.encoder.device, torch.float32)
            return Canvas(resize(start, size).clamp(0, 1))
        return Canvas(start_picture(self.recipe, scale.content, self.styles, self._mask(size)))

    def enlarge(self, canvas: Canvas, scale: Scale) -> Canvas:
        """The canvas of one scale at another, with what the photo has of detail there."""
        before = resize(self.content, canvas.size).clamp(0, 1)
        return canvas.resized(scale.content.shape[2:], before, scale.content)

    def note(self, note: str) -> None:
        """Tell the visitor, once."""
        if note not in self.notes:
            self.notes.append(note)

    def _mask(self, size: Sequence[int]) -> Tensor | None:
        return None if self.mask is None else resize(self.mask, size).clamp(0, 1)

    def _style(self, style: Tensor, size: tuple[int, int], share: float) -> Tensor:
        """The style with the photo's long side times the brush, never beyond its own pixels."""
        own = max(style.shape[2:])
        wanted = max(size) * self.recipe.brush
        if wanted > own and share == 1.0:
            self.note(
                f"The style picture is {own} px long; strokes for {wanted:.0f} px were asked for, "
                "so they are as large as its own pixels allow."
            )
        factor = min(wanted / own, 1.0)
        height, width = (max(SMALLEST, round(side * factor)) for side in style.shape[2:])
        return resize(style, (height, width)).clamp(0, 1)

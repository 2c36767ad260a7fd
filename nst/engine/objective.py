"""What one scale of a painting is judged by: targets computed once, and the gradient towards them.

A picture too large for one pass is judged in tiles with global statistics: a first pass sums the
outer products of all tiles, a second carries the gradient of the global distance back tile by
tile. The result equals the untiled one, whatever the size of the tiles.

Pooling drops what is left over of odd sides, and deep layers would see nothing of up to 15 rows at
the edge, where colour fringes grow. So the picture is continued there by its reflection.

Features depend a little on where a thing falls on the grid of the pooling windows, and painting
makes the most of that. When several grids take turns, what pleases only one of them does not last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.engine.encoders import STD, Encoder
from nst.engine.kernels import moments, outer_sum, patch_sum
from nst.engine.losses import (
    ContentLoss,
    LocalLoss,
    Losses,
    StyleLoss,
    gram,
    octaves,
    total_variation,
)
from nst.recipe import Recipe

__all__ = ["Objective"]

STRIDE = 16  # of the deepest block: tiles start where all layers have a position

# Rows and columns that each grid leaves out first; odd, so that the first pooling differs as well.
# On four pairs at 256 px, the compact encoder judged by its teacher, the style distance was 0.082
# with one grid and 0.064 with three.
GRIDS = ((0, 0), (5, 11), (11, 5))

# Weights trained for inputs of unit variance see 0..255 pixels divided by this.
UNIT_VARIANCE = 255 * sum(STD) / 3


@dataclass(frozen=True)
class Window:
    """A tile's core and, around it, the halo that the core's features depend on; in pixels."""

    rows: slice
    columns: slice
    halo_rows: slice
    halo_columns: slice

    def core(self, stride: int) -> tuple[slice, slice]:
        """Where the core lies among the features of the tile with its halo."""
        top = (self.rows.start - self.halo_rows.start) // stride
        left = (self.columns.start - self.halo_columns.start) // stride
        rows, columns = self.place(stride)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        return slice(top, top + height), slice(left, left + width)

    def place(self, stride: int) -> tuple[slice, slice]:
        """Where the core lies among the features of the whole picture."""
        return tuple(
            slice(side.start // stride, side.stop // stride) for side in (self.rows, self.columns)
        )  # type: ignore[return-value]


def _spans(length: int, tile: int, halo: int) -> Iterator[tuple[slice, slice]]:
    for start in range(0, length, tile):
        stop = min(start + tile, length)
        yield slice(start, stop), slice(max(0, start - halo), min(length, stop + halo))


class Objective:
    """Content, style, local statistics and smoothness of a recipe, for pictures of one size.

    content: (1, 3, H, W). styles: pictures (1, 3, h, w) at the scale their strokes should have.
    guides: (R, 1, H, W) in 0..1 or None: where each style applies (one region a style). Without
    guides several styles are mixed: their Gram matrices are averaged with the recipe's weights.
    tile: longest side, in pixels, of what is judged in one pass, of a style too; None: any.
    """

    def __init__(
        self,
        encoder: Encoder,
        recipe: Recipe,
        content: Tensor,
        styles: Sequence[Tensor],
        guides: Tensor | None = None,
        tile: int | None = None,
    ) -> None:
        self.encoder, self.recipe = encoder, recipe
        self.scale = 1.0 if recipe.input_range == 1 else UNIT_VARIANCE
        self.content_layer = encoder.stand_in(recipe.content_layer, "content")
        layers = [encoder.stand_in(layer, "style") for layer in recipe.style_layers]
        self.style_layers = dict.fromkeys(layers, 0.0)
        for layer, weight in zip(layers, recipe.style_layer_weights, strict=True):
            self.style_layers[layer] += weight  # one layer may stand in for several
        self.layers = {self.content_layer, *layers}
        self.halo = self._halo()
        size = content.shape[2:]
        self.tile = None if tile is None else max(tile // STRIDE * STRIDE, STRIDE)
        grids = range(recipe.grids if min(size) >= 4 * STRIDE and recipe.grids else 1)
        self.guides = [
            None if guides is None else self._guides(self._laid(guides, g)) for g in grids
        ]
        with torch.no_grad():
            self.content = [self._content_loss(self._laid(content, g)) for g in grids]
            self.styles = self._style_losses(styles)
            self.local = self._local_losses(styles, guides is not None)
        self.local_guides = [
            None
            if guides is None
            else octaves(self._laid(guides, g) if g else guides, len(self.local))
            for g in grids
        ]

    def _halo(self) -> int:
        reach = max(self.encoder.reach(layer) for layer in self.layers)
        return -(-reach // STRIDE) * STRIDE

    def _laid(self, picture: Tensor, grid: int) -> Tensor:
        """A picture (N, C, H, W) on a grid, its sides brought to multiples of the stride.

        The first grid sees the whole picture; the others leave out what is over at its edges.
        """
        if not self.recipe.grids:
            return picture
        if grid:
            top, left = GRIDS[grid]
            picture = picture[..., top:, left:]
            height, width = (side // STRIDE * STRIDE for side in picture.shape[2:])
            return picture[..., :height, :width]
        bottom, right = (-side % STRIDE for side in picture.shape[2:])
        return F.pad(picture, (0, right, 0, bottom), mode="reflect") if bottom or right else picture

    def _guides(self, guides: Tensor) -> dict[str, list[Tensor]]:
        """For every style layer the guides (1, 1, h, w) at its size, one a region."""
        sizes = {layer: self.encoder.stride(layer) for layer in self.style_layers}
        return {la: [F.avg_pool2d(guide[None], s) for guide in guides] for la, s in sizes.items()}

    def _content_loss(self, content: Tensor) -> ContentLoss:
        found = self._whole(content, {self.content_layer})
        lift = self.encoder.lifts.get(self.content_layer)
        channels = self.encoder.channels(self.content_layer)
        return ContentLoss(found, self.recipe.content_form, channels, self.scale, lift)

    def _style_losses(self, styles: Sequence[Tensor]) -> dict[str, list[StyleLoss]]:
        """For every style layer the distance to the mixture, or to each style in its region."""
        recipe, lifts = self.recipe, self.encoder.lifts
        losses: dict[str, list[StyleLoss]] = {}
        statistics = [self._outer_sums(style) for style in styles]
        for layer in self.style_layers:
            lift = lifts.get(layer)
            grams = [gram(sums[layer][0], lift) for sums in statistics]
            if self.guides[0] is None:
                grams = [self._mixed(grams)]
            losses[layer] = [
                StyleLoss(target, recipe.style_form, self.encoder.channels(layer), self.scale, lift)
                for target in grams
            ]
        return losses

    def _local_losses(self, styles: Sequence[Tensor], guided: bool) -> list[list[LocalLoss]]:
        """For every octave the distance to the mixture, or to each style in its region."""
        if not self.recipe.local_weight:
            return []
        sums = [map(patch_sum, octaves(style, self.recipe.local_octaves)) for style in styles]
        targets = [[moments(outer) for outer in octave] for octave in zip(*sums, strict=False)]
        if not guided:
            targets = [[self._mixed(octave)] for octave in targets]
        return [[LocalLoss(target) for target in octave] for octave in targets]

    def _mixed(self, statistics: Sequence[Tensor]) -> Tensor:
        """The mean of the styles' statistics, by the recipe's weights."""
        weights = self.recipe.mix or (1.0,) * len(statistics)
        return torch.stack([w * s for w, s in zip(weights, statistics, strict=True)]).sum(0) / sum(
            weights
        )

    def _windows(self, size: Sequence[int]) -> list[Window]:
        height, width = size
        if self.tile is None or max(size) <= self.tile:
            whole = slice(0, height), slice(0, width)
            return [Window(*whole, *whole)]
        return [
            Window(rows, columns, halo_rows, halo_columns)
            for rows, halo_rows in _spans(height, self.tile, self.halo)
            for columns, halo_columns in _spans(width, self.tile, self.halo)
        ]

    def _whole(self, picture: Tensor, layers: set[str]) -> Tensor:
        """One layer's features of a whole picture, put together from its tiles."""
        (layer,) = layers
        stride = self.encoder.stride(layer)
        out: Tensor | None = None
        for window in self._windows(picture.shape[2:]):
            features = self._features(picture, window, layers)[layer]
            if out is None:
                size = [side // stride for side in picture.shape[2:]]
                out = features.new_empty(1, features.shape[1], *size)
            out[(..., *window.place(stride))] = features
        assert out is not None
        return out

    def _features(self, picture: Tensor, window: Window, layers: set[str]) -> dict[str, Tensor]:
        """Features of a window's core."""
        found = self.encoder(picture[..., window.halo_rows, window.halo_columns], layers)
        return {
            layer: features[(..., *window.core(self.encoder.stride(layer)))]
            for layer, features in found.items()
        }

    def _outer(
        self, features: Tensor, layer: str, window: Window, grid: int | None
    ) -> list[Tensor]:
        guides = None if grid is None else self.guides[grid]
        if guides is None:
            return [outer_sum(features)]
        where = window.place(self.encoder.stride(layer))
        return [outer_sum(features, guide[(..., *where)]) for guide in guides[layer]]

    def _outer_sums(self, picture: Tensor, grid: int | None = None) -> dict[str, list[Tensor]]:
        """The sums of all style layers: of a style or, with a grid, of each region of a canvas."""
        sums: dict[str, list[Tensor]] = {}
        for window in self._windows(picture.shape[2:]):
            found = self._features(picture, window, set(self.style_layers))
            for layer in self.style_layers:
                outer = self._outer(found[layer], layer, window, grid)
                before = sums.get(layer)
                sums[layer] = (
                    outer if before is None else [a + b for a, b in zip(before, outer, strict=True)]
                )
        return sums

    def _style(self, sums: dict[str, list[Tensor]]) -> Tensor:
        terms = [
            weight * loss(outer)
            for layer, weight in self.style_layers.items()
            for loss, outer in zip(self.styles[layer], sums[layer], strict=True)
        ]
        return self.recipe.style_factor * torch.stack(terms).sum()

    def _content(self, features: Tensor, window: Window, grid: int) -> Tensor:
        where = window.place(self.encoder.stride(self.content_layer))
        return self.recipe.content_weight * self.content[grid](features, *where)

    def _smoothness(self, picture: Tensor) -> Tensor:
        if not self.recipe.tv_weight:
            return picture.new_zeros(())
        scale = float(self.recipe.input_range)
        return self.recipe.tv_weight * total_variation(picture, self.recipe.tv_form, scale)

    def _local(self, picture: Tensor, grid: int) -> Tensor:
        if not self.local:
            return picture.new_zeros(())
        guides = self.local_guides[grid]
        seen = octaves(picture, len(self.local))
        terms = [
            loss(patch_sum(x, None if guides is None else guides[o][r : r + 1]))
            for o, x in enumerate(seen)
            for r, loss in enumerate(self.local[o])
        ]
        return self.recipe.local_factor * torch.stack(terms).sum() / len(seen)

    def evaluate(self, picture: Tensor, turn: int = 0) -> tuple[Losses[Tensor], Tensor]:
        """The losses of a picture (1, 3, H, W) and the gradient of their total, both detached.

        turn: counts the steps, for the recipe's grids to follow one another.
        """
        grid = turn % len(self.content)
        with torch.enable_grad():
            picture = picture.detach().requires_grad_()
            whole = self._laid(picture, grid)
            # Neither counts what continues the picture; what a grid leaves out is left alone in its
            # turn, not only smoothed.
            bare = whole if grid else picture
            local, tv = self._local(bare, grid), self._smoothness(bare)
            window, *more = self._windows(whole.shape[2:])
            if more:
                return self._evaluate_in_tiles(picture, whole, local, tv, grid)
            content, outers = picture.new_zeros(()), {}
            for layer, features in self.encoder.walk(whole, self.layers):
                if layer == self.content_layer:
                    content = self._content(features, window, grid)
                if layer in self.style_layers:
                    outers[layer] = self._outer(features, layer, window, grid)
            style = self._style(outers)
            total = content + style + local + tv
            (gradient,) = torch.autograd.grad(total, picture)
        terms = (content, style, local, tv, total)
        return Losses(*(term.detach() for term in terms)), gradient

    def _evaluate_in_tiles(
        self, picture: Tensor, whole: Tensor, local: Tensor, tv: Tensor, grid: int
    ) -> tuple[Losses[Tensor], Tensor]:
        seen = whole.detach()
        with torch.no_grad():
            sums = self._outer_sums(seen, grid)
        leaves = {la: [s.requires_grad_() for s in outer] for la, outer in sums.items()}
        style = self._style(leaves)
        flat = [s for outer in leaves.values() for s in outer]
        pulls = iter(torch.autograd.grad(style, flat))
        pull = {layer: [next(pulls) for _ in outer] for layer, outer in leaves.items()}

        content, gradient = seen.new_zeros(()), torch.zeros_like(seen)
        for window in self._windows(seen.shape[2:]):
            tile = seen[..., window.halo_rows, window.halo_columns].clone().requires_grad_()
            share, tile_gradient = self._tile(tile, window, pull, grid)
            content = content + share
            gradient[..., window.halo_rows, window.halo_columns] += tile_gradient
        total = content + style + local + tv
        (gradient,) = torch.autograd.grad((whole * gradient).sum() + local + tv, picture)
        terms = (content, style, local, tv, total)
        return Losses(*(term.detach() for term in terms)), gradient

    def _tile(
        self, tile: Tensor, window: Window, pull: dict[str, list[Tensor]], grid: int
    ) -> tuple[Tensor, Tensor]:
        """A tile's share of the content loss, and of the gradient of the whole objective."""
        found = self.encoder(tile, self.layers)
        core = {
            layer: features[(..., *window.core(self.encoder.stride(layer)))]
            for layer, features in found.items()
        }
        content = self._content(core[self.content_layer], window, grid)
        surrogate = content
        for layer in self.style_layers:
            for outer, direction in zip(
                self._outer(core[layer], layer, window, grid), pull[layer], strict=True
            ):
                surrogate = surrogate + (outer * direction).sum()
        (gradient,) = torch.autograd.grad(surrogate, tile)
        return content.detach(), gradient

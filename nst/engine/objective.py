"""What one scale of a painting is judged by: targets computed once, and the gradient towards them.

A picture too large for one pass is judged in tiles with global statistics: a first pass sums the
outer products of all tiles, a second carries the gradient of the global distance back tile by
tile. The result equals the untiled one, whatever the size of the tiles.
"""

from collections.abc import Sequence

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
from nst.engine.offsets import align, offsets
from nst.engine.tiles import STRIDE, Tile, tiles
from nst.recipe import Recipe

__all__ = ["Objective"]

# Weights trained for inputs of unit variance see 0..255 pixels divided by this.
UNIT_VARIANCE = 255 * sum(STD) / 3


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
        self.content_layer = encoder.resolve_layer(recipe.content_layer, "content")
        layers = [encoder.resolve_layer(layer, "style") for layer in recipe.style_layers]
        self.style_layers = dict.fromkeys(layers, 0.0)
        for layer, weight in zip(layers, recipe.style_layer_weights, strict=True):
            self.style_layers[layer] += weight  # one layer may stand in for several
        self.layers = {self.content_layer, *layers}
        reach = max(encoder.receptive_radius(layer) for layer in self.layers)
        self.halo = -(-reach // STRIDE) * STRIDE
        self.tile = tile
        turns = range(offsets(content.shape[2:], recipe.pooling_offsets))
        self.guides = [
            None if guides is None else self._guides(self._aligned(guides, o)) for o in turns
        ]
        with torch.no_grad():
            self.content = [self._content_loss(self._aligned(content, o)) for o in turns]
            self.styles = self._style_losses(styles)
            self.local = self._local_losses(styles, guides is not None)
        self.local_guides = [
            None
            if guides is None
            else octaves(self._aligned(guides, o) if o else guides, len(self.local))
            for o in turns
        ]

    def _tiles(self, picture: Tensor) -> list[Tile]:
        return tiles(picture.shape[2:], self.tile, self.halo)

    def _aligned(self, picture: Tensor, offset: int) -> Tensor:
        return align(picture, offset) if self.recipe.pooling_offsets else picture

    def _guides(self, guides: Tensor) -> dict[str, list[Tensor]]:
        """For every style layer the guides (1, 1, h, w) at its size, one a region."""
        sizes = {layer: self.encoder.stride(layer) for layer in self.style_layers}
        return {la: [F.avg_pool2d(guide[None], s) for guide in guides] for la, s in sizes.items()}

    def _content_loss(self, content: Tensor) -> ContentLoss:
        found = self._content_features(content)
        projection = self.encoder.projections.get(self.content_layer)
        channels = self.encoder.channels(self.content_layer)
        return ContentLoss(found, self.recipe.content_form, channels, self.scale, projection)

    def _style_losses(self, styles: Sequence[Tensor]) -> dict[str, list[StyleLoss]]:
        """For every style layer the distance to the mixture, or to each style in its region."""
        recipe, projections = self.recipe, self.encoder.projections
        losses: dict[str, list[StyleLoss]] = {}
        statistics = [self._outer_sums(style) for style in styles]
        for layer in self.style_layers:
            projection = projections.get(layer)
            grams = [gram(sums[layer][0], projection) for sums in statistics]
            if self.guides[0] is None:
                grams = [self._mixed(grams)]
            losses[layer] = [
                StyleLoss(
                    target, recipe.style_form, self.encoder.channels(layer), self.scale, projection
                )
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

    def _content_features(self, picture: Tensor) -> Tensor:
        """Those of a whole picture, put together from its tiles."""
        layer = self.content_layer
        stride = self.encoder.stride(layer)
        out: Tensor | None = None
        for tile in self._tiles(picture):
            features = self._features(tile.cut(picture), tile, {layer})[layer]
            if out is None:
                size = [side // stride for side in picture.shape[2:]]
                out = features.new_empty(1, features.shape[1], *size)
            out[(..., *tile.place(stride))] = features
        assert out is not None
        return out

    def _features(self, cut: Tensor, tile: Tile, layers: set[str]) -> dict[str, Tensor]:
        """Features of a tile's core. cut: the tile with its halo."""
        found = self.encoder(cut, layers)
        return {
            layer: features[(..., *tile.core(self.encoder.stride(layer)))]
            for layer, features in found.items()
        }

    def _outer(self, features: Tensor, layer: str, tile: Tile, offset: int | None) -> list[Tensor]:
        guides = None if offset is None else self.guides[offset]
        if guides is None:
            return [outer_sum(features)]
        where = tile.place(self.encoder.stride(layer))
        return [outer_sum(features, guide[(..., *where)]) for guide in guides[layer]]

    def _outer_sums(self, picture: Tensor, offset: int | None = None) -> dict[str, list[Tensor]]:
        """The sums of all style layers: of a style or, at an offset, of a canvas' regions."""
        sums: dict[str, list[Tensor]] = {}
        for tile in self._tiles(picture):
            found = self._features(tile.cut(picture), tile, set(self.style_layers))
            for layer in self.style_layers:
                outer = self._outer(found[layer], layer, tile, offset)
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

    def _content(self, features: Tensor, tile: Tile, offset: int) -> Tensor:
        where = tile.place(self.encoder.stride(self.content_layer))
        return self.recipe.content_weight * self.content[offset](features, *where)

    def _smoothness(self, picture: Tensor) -> Tensor:
        if not self.recipe.tv_weight:
            return picture.new_zeros(())
        scale = float(self.recipe.input_range)
        return self.recipe.tv_weight * total_variation(picture, self.recipe.tv_form, scale)

    def _local(self, picture: Tensor, offset: int) -> Tensor:
        if not self.local:
            return picture.new_zeros(())
        guides = self.local_guides[offset]
        seen = octaves(picture, len(self.local))
        terms = [
            loss(patch_sum(x, None if guides is None else guides[o][r : r + 1]))
            for o, x in enumerate(seen)
            for r, loss in enumerate(self.local[o])
        ]
        return self.recipe.local_factor * torch.stack(terms).sum() / len(seen)

    def evaluate(self, picture: Tensor, turn: int = 0) -> tuple[Losses[Tensor], Tensor]:
        """The losses of a picture (1, 3, H, W) and the gradient of their total, both detached.

        turn: counts the steps, for the recipe's pooling offsets to follow one another.
        """
        offset = turn % len(self.content)
        with torch.enable_grad():
            picture = picture.detach().requires_grad_()
            whole = self._aligned(picture, offset)
            # Neither counts what continues the picture; what an offset leaves out is left alone in
            # its turn, not only smoothed.
            bare = whole if offset else picture
            local, tv = self._local(bare, offset), self._smoothness(bare)
            tile, *more = self._tiles(whole)
            if more:
                content, style, direction = self._in_tiles(whole.detach(), offset)
                pull = (whole * direction).sum()
            else:
                content, style = self._at_once(whole, tile, offset)
                pull = content + style
            (gradient,) = torch.autograd.grad(pull + local + tv, picture)
        terms = (content, style, local, tv, content + style + local + tv)
        return Losses(*(term.detach() for term in terms)), gradient

    def _at_once(self, picture: Tensor, tile: Tile, offset: int) -> tuple[Tensor, Tensor]:
        """Content and style of a picture that is one tile."""
        content, outers = picture.new_zeros(()), {}
        for layer, features in self.encoder.iter_features(picture, self.layers):
            if layer == self.content_layer:
                content = self._content(features, tile, offset)
            if layer in self.style_layers:
                outers[layer] = self._outer(features, layer, tile, offset)
        return content, self._style(outers)

    def _in_tiles(self, picture: Tensor, offset: int) -> tuple[Tensor, Tensor, Tensor]:
        """Content and style of a detached picture, and the gradient of both together."""
        with torch.no_grad():
            sums = self._outer_sums(picture, offset)
        leaves = {la: [s.requires_grad_() for s in outer] for la, outer in sums.items()}
        style = self._style(leaves)
        flat = [s for outer in leaves.values() for s in outer]
        gradients = iter(torch.autograd.grad(style, flat))
        directions = {layer: [next(gradients) for _ in outer] for layer, outer in leaves.items()}

        content, gradient = picture.new_zeros(()), torch.zeros_like(picture)
        for tile in self._tiles(picture):
            cut = tile.cut(picture).clone().requires_grad_()
            share, pull = self._share(cut, tile, directions, offset)
            content = content + share.detach()
            tile.cut(gradient).add_(torch.autograd.grad(pull, cut)[0])
        return content, style, gradient

    def _share(
        self, cut: Tensor, tile: Tile, directions: dict[str, list[Tensor]], offset: int
    ) -> tuple[Tensor, Tensor]:
        """A tile's share of the content, and what has the whole objective's gradient there."""
        core = self._features(cut, tile, self.layers)
        content = pull = self._content(core[self.content_layer], tile, offset)
        for layer in self.style_layers:
            outers = self._outer(core[layer], layer, tile, offset)
            for outer, direction in zip(outers, directions[layer], strict=True):
                pull = pull + (outer * direction).sum()
        return content, pull

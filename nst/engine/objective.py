"""What a picture is judged by, at one size: the weighted losses of a recipe, and their gradient."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.engine.encoders import STD, Encoder, spread
from nst.engine.local import LocalLoss, moments, octaves
from nst.engine.losses import (
    ContentLoss,
    Losses,
    StyleLoss,
    mean_outer,
    outer_gradient,
    outer_sum,
    total_variation,
)
from nst.engine.tiles import STRIDE, Tile, align, offsets, tiles
from nst.recipe import Recipe

# Weights trained for inputs of unit variance see 0..255 pixels divided by this.
UNIT_VARIANCE = 255 * sum(STD) / 3

Features = dict[str, Tensor]  # {layer: (1, C, h, w)}
Sums = dict[str, Tensor]  # {layer: (regions, C + 1, C + 1)}, of `outer_sum`


class Objective:
    """Content, style, local statistics and smoothness of a recipe, for pictures of one size.

    content: (1, 3, H, W). styles: pictures (1, 3, h, w) at the scale their strokes should have.
    guides: (R, 1, H, W) in 0..1 or None: where each style applies (one region a style). Without
    guides several styles are mixed: their statistics are averaged with the recipe's weights.
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
        self.encoder, self.recipe, self.tile = encoder, recipe, tile
        self.scale = 1.0 if recipe.input_range == 1 else UNIT_VARIANCE
        self.content_layer = encoder.resolve_layer(recipe.content_layer, "content")
        self.style_layers: dict[str, float] = {}  # one layer may stand in for several
        for layer, weight in zip(recipe.style_layers, recipe.style_layer_weights, strict=True):
            layer = encoder.resolve_layer(layer, "style")
            self.style_layers[layer] = self.style_layers.get(layer, 0.0) + weight
        self.layers = {self.content_layer, *self.style_layers}
        reach = max(encoder.receptive_radius(layer) for layer in self.layers)
        self.halo = -(-reach // STRIDE) * STRIDE
        guided = guides is not None
        turns = self.turns = range(offsets(content.shape[2:], recipe.pooling_offsets))
        with torch.no_grad():
            self.content = [self._content_loss(self._aligned(content, o)) for o in turns]
            self.styles = self._style_losses(styles, guided)
            self.local = self._local_losses(styles, guided)
        self.guides = [self._guides(guides, o) for o in turns]
        self.local_guides = self._local_guides(guides)

    def evaluate(self, picture: Tensor, turn: int = 0) -> tuple[Losses[Tensor], Tensor]:
        """The losses of a picture (1, 3, H, W) and the gradient of their total, both detached.

        turn: counts the steps, for the recipe's pooling offsets to follow one another.
        """
        offset = turn % len(self.turns)
        with torch.enable_grad():
            leaf = picture.detach().requires_grad_()
            whole = self._aligned(leaf, offset)
        with torch.no_grad():
            content, style, gradient = self._by_features(whole.detach(), offset)
            gradient = _before(leaf, whole, gradient)
            local, tv = self._by_pixels(picture, gradient)
        return Losses(content, style, local, tv, content + style + local + tv), gradient

    def _by_features(self, whole: Tensor, offset: int) -> tuple[Tensor, Tensor, Tensor]:
        """Content, style, and the gradient of both together."""
        cuts = tiles(whole.shape[2:], self.tile, self.halo)
        seen = self._features(whole, cuts[0]) if len(cuts) == 1 else None
        sums = (
            self._tile_sums(seen[1], cuts[0], offset) if seen else self._outer_sums(whole, offset)
        )
        style, slopes = self._style(sums)
        content, gradient = whole.new_zeros(()), torch.zeros_like(whole)
        for tile in cuts:
            cut, found = seen or self._features(whole, tile)
            share, pulls = self._pulls(found, tile, slopes, offset)
            content = content + share
            own = torch.autograd.grad([found[layer] for layer in pulls], cut, [*pulls.values()])
            tile.cut(gradient).add_(own[0])
        return content, style, gradient

    def _features(self, whole: Tensor, tile: Tile) -> tuple[Tensor, Features]:
        """A tile with its halo, and its features, to differentiate by it."""
        with torch.enable_grad():
            cut = tile.cut(whole).clone().requires_grad_()
            return cut, self.encoder(cut, self.layers)

    def _pulls(
        self, found: Features, tile: Tile, slopes: Sums, offset: int
    ) -> tuple[Tensor, Features]:
        """A tile's share of the content loss, and the gradients of its features."""
        content, pulls = torch.zeros(()), {}
        for layer, features in found.items():
            stride = self.encoder.stride(layer)
            inside = (..., *tile.core(stride))
            core, own = features[inside], []
            if layer == self.content_layer:
                content, pull = self.content[offset](core, *tile.place(stride))
                own.append(pull)
            if layer in slopes:
                guides = self._guides_of(layer, tile, offset)
                own += map(outer_gradient, [core] * len(guides), slopes[layer], guides)
            pulls[layer] = sum(own[1:], own[0])
            if core.shape != features.shape:
                pulls[layer] = torch.zeros_like(features)
                pulls[layer][inside] = sum(own[1:], own[0])
        return content, pulls

    def _style(self, sums: Sums) -> tuple[Tensor, Sums]:
        """The style loss of a picture's sums, and their gradients."""
        terms, slopes = [], {}
        for layer, losses in self.styles.items():
            found = [loss(outer) for loss, outer in zip(losses, sums[layer], strict=True)]
            terms += [term for term, _ in found]
            slopes[layer] = torch.stack([slope for _, slope in found])
        return torch.stack(terms).sum(), slopes

    def _by_pixels(self, picture: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Local statistics and smoothness, whose gradient is added to what is given."""
        local = tv = picture.new_zeros(())
        if self.recipe.tv_weight:
            scale, weight = float(self.recipe.input_range), self.recipe.tv_weight
            tv, own = total_variation(picture, self.recipe.tv_form, scale, weight)
            gradient += own
        seen, coarser = octaves(picture, len(self.local)), None
        for o in reversed(range(len(seen))):
            into = gradient if o == 0 else torch.zeros_like(seen[o])
            for loss, guide in zip(self.local[o], self.local_guides[o], strict=True):
                term, own = loss(seen[o], guide, 1 / len(seen))
                local = local + term
                into += own
            if coarser is not None:
                into += spread(coarser, seen[o].shape[2:])
            coarser = into
        return local, tv

    def _aligned(self, picture: Tensor, offset: int) -> Tensor:
        return align(picture, offset, len(self.turns)) if self.recipe.pooling_offsets else picture

    def _guides(self, guides: Tensor | None, offset: int) -> dict[str, list[Tensor | None]]:
        """For every style layer the guides (1, 1, h, w) at its size, one a region."""
        if guides is None:
            return {layer: [None] for layer in self.style_layers}
        whole, strides = self._aligned(guides, offset)[:, None], self.encoder.stride
        return {
            layer: [F.avg_pool2d(guide, strides(layer)) for guide in whole]
            for layer in self.style_layers
        }

    def _local_guides(self, guides: Tensor | None) -> list[Sequence[Tensor | None]]:
        """For every octave the guides (1, 1, H, W), one a region."""
        if guides is None:
            return [[None]] * len(self.local)
        return [octave.split(1) for octave in octaves(guides, len(self.local))]

    def _guides_of(self, layer: str, tile: Tile, offset: int | None) -> list[Tensor | None]:
        """Those of a tile's features, one a region; of a style, None."""
        if offset is None:
            return [None]
        where = tile.place(self.encoder.stride(layer))
        guides = self.guides[offset][layer]
        return [None if guide is None else guide[(..., *where)] for guide in guides]

    def _content_loss(self, content: Tensor) -> ContentLoss:
        layer, recipe = self.content_layer, self.recipe
        return ContentLoss(
            self._content_features(content),
            recipe.content_form,
            self.encoder.channels(layer),
            self.scale,
            self.encoder.projections.get(layer),
            recipe.content_weight,
        )

    def _style_losses(self, styles: Sequence[Tensor], guided: bool) -> dict[str, list[StyleLoss]]:
        """For every style layer the distance to the mixture, or to each style in its region."""
        statistics = [self._outer_sums(style) for style in styles]
        losses = {}
        for layer, weight in self.style_layers.items():
            means = [mean_outer(sums[layer][0]) for sums in statistics]
            losses[layer] = [
                StyleLoss(
                    target,
                    self.recipe.style_form,
                    self.encoder.channels(layer),
                    self.scale,
                    self.encoder.projections.get(layer),
                    self.recipe.style_factor * weight,
                )
                for target in (means if guided else [self._mixed(means)])
            ]
        return losses

    def _local_losses(self, styles: Sequence[Tensor], guided: bool) -> list[list[LocalLoss]]:
        """For every octave the distance to the mixture, or to each style in its region."""
        if not self.recipe.local_weight:
            return []
        found = [map(moments, octaves(style, self.recipe.local_octaves)) for style in styles]
        return [
            [
                LocalLoss(target, self.recipe.local_factor)
                for target in (octave if guided else [self._mixed(octave)])
            ]
            for octave in zip(*found, strict=False)
        ]

    def _mixed(self, statistics: Sequence[Tensor]) -> Tensor:
        """The mean of the styles' statistics, by the recipe's weights."""
        weights = self.recipe.mix or (1.0,) * len(statistics)
        return torch.stack([w * s for w, s in zip(weights, statistics, strict=True)]).sum(0) / sum(
            weights
        )

    def _content_features(self, picture: Tensor) -> Tensor:
        """Those of a whole picture, put together from its tiles."""
        layer, stride = self.content_layer, self.encoder.stride(self.content_layer)
        height, width = (side // stride for side in picture.shape[2:])
        whole = torch.empty(0)
        for tile in tiles(picture.shape[2:], self.tile, self.halo):
            features = self.encoder(tile.cut(picture), {layer})[layer]
            if not len(whole):
                whole = features.new_empty(1, features.shape[1], height, width)
            whole[(..., *tile.place(stride))] = features[(..., *tile.core(stride))]
        return whole

    def _outer_sums(self, picture: Tensor, offset: int | None = None) -> Sums:
        """Those of all style layers: of a style or, at an offset, of a canvas' regions."""
        sums: Sums = {}
        for tile in tiles(picture.shape[2:], self.tile, self.halo):
            found = self.encoder(tile.cut(picture), self.style_layers)
            for layer, own in self._tile_sums(found, tile, offset).items():
                sums[layer] = sums[layer] + own if layer in sums else own
        return sums

    def _tile_sums(self, found: Features, tile: Tile, offset: int | None) -> Sums:
        sums = {}
        for layer in self.style_layers:
            core = found[layer][(..., *tile.core(self.encoder.stride(layer)))]
            guides = self._guides_of(layer, tile, offset)
            sums[layer] = torch.stack([outer_sum(core, guide) for guide in guides])
        return sums


def _before(leaf: Tensor, aligned: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of a picture from that of what it was aligned to."""
    return gradient if aligned is leaf else torch.autograd.grad(aligned, leaf, gradient)[0]

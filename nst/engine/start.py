"""What a painting begins as: the photo, noise, both, or the photo in the styles' colours."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nst.engine.colour import match_palette
from nst.engine.encoders import MEAN
from nst.recipe import Recipe

__all__ = ["start_picture"]


def start_picture(
    recipe: Recipe, content: Tensor, styles: Sequence[Tensor], mask: Tensor | None = None
) -> Tensor:
    """A picture as large as the content (1, 3, H, W), in 0..1.

    mask: (1, 1, H, W) in 0..1, the first of two styles' region.
    """
    if recipe.start == "recoloured":
        return _recoloured(recipe, content, styles, mask)
    if recipe.start == "content":
        return content.clone()
    generator = torch.Generator().manual_seed(recipe.seed)
    noise = torch.rand(content.shape, generator=generator).to(content.device) * 2 - 1
    noise = noise * recipe.noise_amplitude / 255
    if recipe.start == "noise":  # white: the whole range, at full amplitude
        return noise + 0.5
    middle = content.new_tensor(MEAN).view(1, 3, 1, 1)
    photo = content - middle
    return (middle + torch.lerp(photo, noise, recipe.noise_ratio)).clamp(0, 1)


def _recoloured(
    recipe: Recipe, content: Tensor, styles: Sequence[Tensor], mask: Tensor | None
) -> Tensor:
    """The photo with the mean and covariance of the styles' colours, mixed as they are."""
    each = torch.stack([match_palette(content, style).clamp(0, 1) for style in styles])
    if mask is not None and len(styles) == 2:
        return torch.lerp(each[1], each[0], mask)
    weights = content.new_tensor(recipe.mix or (1.0,) * len(each)).view(-1, 1, 1, 1, 1)
    return (weights * each).sum(0) / weights.sum()

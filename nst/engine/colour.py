"""Whose colours the painting has, and what it begins as.

The two ways of Gatys et al., "Preserving Color in Neural Artistic Style Transfer" (2016,
arXiv:1606.05897), also in "Controlling Perceptual Factors in Neural Style Transfer" (2017).
Pictures are (1, 3, H, W), sRGB in 0..1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from nst.engine.canvas import resize
from nst.engine.encoders import MEAN
from nst.errors import BadInput
from nst.recipe import Recipe

LUMA = (0.299, 0.587, 0.114)  # BT.601, the Y of YIQ
# Deviation of a colour that no axis of a style is shorter than: of a grey drawing, two would be 0.
THINNEST = 0.03
USUAL = 0.2  # root mean square of the three axes of a usual painting
MASSES = 16  # positions along a picture's longer side at which only its masses of colour are left
ROUNDING = 1 / (12 * 255**2)  # the variance that rounding to 8 bits leaves in a flat colour


def photo_colours(painted: Tensor, photo: Tensor) -> Tensor:
    """The painting's luminance with the photo's chrominance (section 3.2), in 0..1.

    The chrominance of YIQ is a linear map of the differences from luma, so keeping it means
    keeping the photo's `rgb - luma`: no conversion is needed. YIQ rather than Lab because it is
    linear and always has an inverse.

    Unlike the paper, where the sum leaves the cube, the chrominance is scaled down until it
    fits: that keeps hue and luminance, which clipping each channel would not.
    """
    if painted.shape != photo.shape:
        raise ValueError(f"{tuple(painted.shape)} and {tuple(photo.shape)} are not of one size")
    light = _luma(painted).clamp(0, 1)
    chroma = photo - _luma(photo)
    room = torch.where(chroma > 0, 1 - light, light)
    fits = (room / chroma.abs().clamp_min(1e-6)).amin(1, keepdim=True).clamp_max(1)
    return (light + fits * chroma).clamp(0, 1)


def match_palette(style: Tensor, photo: Tensor) -> Tensor:
    """The style with the mean and covariance of the photo's colours (section 3.1); not clamped.

    `A = sqrt(cov photo) @ inverse sqrt(cov style)` with symmetric roots, the "image analogies"
    form the paper prefers. A direction in which the style varies by less than 8-bit rounding
    (a grey drawing has two) holds no colour to stretch: it is set to the photo's mean there, so
    the photo's covariance is then matched only in the directions that the style has.
    """
    (middle, own), (aim, wanted) = (_colours(picture) for picture in (style, photo))
    transform = (_power(wanted, 0.5) @ _power(own, -0.5)).to(style)
    matched = transform @ (style[0].flatten(1) - middle) + aim
    return matched.reshape_as(style)


def _colours(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3, 1) and covariance (3, 3) of a picture's pixels."""
    pixels = picture[0].flatten(1)
    mean = pixels.mean(1, keepdim=True)
    centred = pixels - mean
    return mean, centred @ centred.T / centred.shape[1]


def colour_axes(styles: Sequence[Tensor], mix: Sequence[float] = ()) -> Tensor:
    """The principal axes of the styles' colours, each as long as the colours are wide there.

    A painting's colours lie on a thin disc: across it, an optimiser's step that suits its length
    is many times its width. Returns (3, 3), an axis a column, in units of a usual painting's
    deviation. mix: the styles' weights; without them all count alike.
    """
    weights = mix or (1.0,) * len(styles)
    mean, square = torch.zeros(3, 1), torch.zeros(3, 3)
    for style, weight in zip(styles, weights, strict=True):
        middle, own = _colours(style)
        share, middle = weight / sum(weights), middle.cpu()
        mean, square = mean + share * middle, square + share * (own.cpu() + middle @ middle.T)
    variances, axes = torch.linalg.eigh((square - mean @ mean.T).double())
    lengths = (variances.clamp_min(0) + THINNEST**2).sqrt()
    return (axes * (lengths / USUAL)).to(styles[0])


def blend(photo: Tensor, painted: Tensor, amount: float) -> Tensor:
    """Fade from the photo (0) to the painting (1). BadInput for an amount outside 0..1."""
    if not 0 <= amount <= 1:
        raise BadInput(f"The blend must be from 0 to 1, but it is {amount:g}.")
    return torch.lerp(photo, painted, amount)


def _luma(picture: Tensor) -> Tensor:
    weights = picture.new_tensor(LUMA)[None, :, None, None]
    return (picture * weights).sum(1, keepdim=True)


def _power(covariance: Tensor, exponent: float) -> Tensor:
    """On the CPU in float64: not every device has that, or eigenvalues."""
    values, vectors = torch.linalg.eigh(covariance.cpu().double())
    held = values > ROUNDING
    powers = torch.where(held, values.clamp_min(ROUNDING) ** exponent, 0)
    return vectors * powers @ vectors.T


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
    """The photo with the mean and covariance of the styles' colours, mixed as they are.

    Its masses get those of the styles' masses: a photo's colour is mostly detail, and pixel by
    pixel its masses would stay pale, which takes an optimiser many steps to mend.
    """
    found = []
    for style in styles:
        matched = match_palette(content, style).clamp(0, 1)
        masses = _masses(matched)
        missing = match_palette(masses, _masses(style)) - masses
        found.append((matched + resize(missing, matched.shape[2:])).clamp(0, 1))
    each = torch.stack(found)
    if mask is not None and len(styles) == 2:
        return torch.lerp(each[1], each[0], mask)
    weights = content.new_tensor(recipe.mix or (1.0,) * len(each)).view(-1, 1, 1, 1, 1)
    return (weights * each).sum(0) / weights.sum()


def _masses(picture: Tensor) -> Tensor:
    factor = MASSES / max(picture.shape[2:])
    return resize(picture, [max(2, round(side * factor)) for side in picture.shape[2:]])

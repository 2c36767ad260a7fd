"""Colours kept from the photo, matched to it, and faded to it."""

import colorsys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nst.engine.colour import (
    blend,
    colour_axes,
    match_palette,
    photo_colours,
    start_picture,
)
from nst.errors import BadInput
from nst.recipe import Recipe

YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def picture(seed: int, low: float = 0.0, high: float = 1.0, size: int = 24) -> Tensor:
    values = np.random.default_rng(seed).uniform(low, high, (1, 3, size, size + 5))
    return torch.from_numpy(values.astype(np.float32))


def coloured(seed: int) -> Tensor:
    """Correlated channels around a mean, as pictures have them."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(0, 0.12, (3, 3))
    pixels = mix @ rng.normal(size=(3, 40 * 30)) + rng.uniform(0.3, 0.7, (3, 1))
    return torch.from_numpy(pixels.reshape(1, 3, 40, 30).astype(np.float32))


def pixels(tensor: Tensor) -> np.ndarray:
    return tensor[0].flatten(1).double().numpy()


def yiq(tensor: Tensor) -> np.ndarray:
    return YIQ.double().numpy() @ pixels(tensor)


def flat(*rgb: float) -> Tensor:
    return torch.tensor(rgb).reshape(1, 3, 1, 1).expand(1, 3, 4, 4)


def test_photo_colours_takes_luminance_from_the_painting_and_chrominance_from_the_photo():
    painted, photo = picture(0, 0.4, 0.6), picture(1, 0.4, 0.6)
    result = yiq(photo_colours(painted, photo))
    np.testing.assert_allclose(result[0], yiq(painted)[0], atol=1e-6)
    np.testing.assert_allclose(result[1:], yiq(photo)[1:], atol=1e-6)
    torch.testing.assert_close(photo_colours(photo, photo), photo, atol=1e-6, rtol=0)
    grey = photo_colours(painted, torch.full_like(painted, 0.5))
    assert (grey.amax(1) - grey.amin(1)).max() < 1e-6


def test_photo_colours_keeps_luminance_and_hue_where_the_cube_is_too_small():
    painted, photo = picture(2), picture(3)
    result = photo_colours(painted, photo)
    assert result.min() >= 0
    assert result.max() <= 1
    np.testing.assert_allclose(yiq(result)[0], yiq(painted)[0], atol=1e-5)
    before, after = yiq(photo)[1:], yiq(result)[1:]
    # Parallel, and never longer: desaturated, not turned.
    np.testing.assert_allclose(before[0] * after[1], before[1] * after[0], atol=1e-5)
    assert (np.hypot(*after) <= np.hypot(*before) + 1e-5).all()
    assert (np.hypot(*after) < np.hypot(*before) - 0.01).any()
    # Light red, and not pink by clipping.
    light = photo_colours(flat(0.8, 0.8, 0.8), flat(0.9, 0.3, 0.1))[0, :, 0, 0].tolist()
    hues = [colorsys.rgb_to_hsv(*rgb)[0] for rgb in (light, (0.9, 0.3, 0.1))]
    assert hues[0] == pytest.approx(hues[1], abs=1e-4)


def test_match_palette_reproduces_mean_and_covariance():
    for seed in range(6):
        style, photo = coloured(seed), coloured(seed + 100)
        matched, aim = pixels(match_palette(style, photo)), pixels(photo)
        np.testing.assert_allclose(matched.mean(1), aim.mean(1), atol=1e-4)
        np.testing.assert_allclose(np.cov(matched), np.cov(aim), atol=1e-4)
        torch.testing.assert_close(match_palette(style, style), style, atol=1e-5, rtol=0)


@pytest.mark.parametrize("noise", [0, 1e-5])
def test_match_palette_stretches_no_noise_out_of_a_grey_style(noise):
    rng, photo = np.random.default_rng(8), coloured(9)
    grey = rng.uniform(0.2, 0.8, (1, 1, 20, 20)) + rng.normal(0, 1, (1, 3, 20, 20)) * noise
    matched = match_palette(torch.from_numpy(grey.astype(np.float32)), photo)
    # Only one direction varies in the style, so only one does in the result.
    strengths = np.linalg.svd(np.cov(pixels(matched)))[1]
    assert strengths[1] < 1e-4 * strengths[0]
    torch.testing.assert_close(matched.mean((2, 3)), photo.mean((2, 3)), atol=1e-4, rtol=0)


def test_match_palette_of_a_flat_style_or_to_a_flat_photo_is_the_mean():
    photo, plain = coloured(10), flat(0.1, 0.2, 0.3)
    mean = photo.mean((0, 2, 3)).tolist()
    torch.testing.assert_close(match_palette(plain, photo), flat(*mean))
    matched = match_palette(photo, plain)
    torch.testing.assert_close(matched, plain[..., :1, :1].expand_as(matched))


def test_a_recoloured_start_has_the_styles_colours_in_its_masses():
    rng = torch.Generator().manual_seed(15)
    speckled = 0.5 + 0.2 * torch.randn(1, 3, 96, 128, generator=rng)  # its masses are all one grey
    content = (speckled + torch.linspace(-0.02, 0.02, 128)).clamp(0, 1)
    patches = 0.5 + 0.1 * torch.randn(1, 3, 12, 16, generator=rng)
    style = F.interpolate(patches, scale_factor=8.0, mode="nearest").clamp(0, 1)
    start = start_picture(Recipe(), content, [style])
    widths = [
        float(F.avg_pool2d(x, 8)[0].flatten(1).std(1).mean()) for x in (content, start, style)
    ]
    assert widths[0] < 0.4 * widths[2]
    assert 0.55 * widths[2] < widths[1] < 1.2 * widths[2]


def test_colour_axes_are_the_principal_ones_as_long_as_the_colours_are_wide():
    styles = [coloured(13), coloured(14)[..., :20, :]]
    x, y = map(pixels, styles)
    for given, mix, (n, m) in ((styles[:1], (), (1, 0)), (styles, (3, 1), (3, 1))):
        axes = colour_axes(given, mix).double().numpy() * 0.2
        # Of a mixture they are those of its colours: one picture three times, the other once.
        weights = [*[n / x.shape[1]] * x.shape[1], *[m / y.shape[1]] * y.shape[1]]
        covariance = np.cov(np.hstack([x, y]), aweights=weights, bias=True)
        np.testing.assert_allclose(axes @ axes.T, covariance + 0.03**2 * np.eye(3), atol=1e-5)
        lengths = np.linalg.norm(axes, axis=0)
        np.testing.assert_allclose(axes.T @ axes, np.diag(lengths**2), atol=1e-6)
    # Nor has a grey or flat style an axis of nothing.
    for style in (flat(0.5, 0.5, 0.5), picture(15)[:, :1].expand(1, 3, -1, -1)):
        lengths = torch.linalg.svdvals(colour_axes([style]))
        assert lengths.min() == pytest.approx(0.15, rel=1e-3)


def test_blend_fades_from_the_photo_to_the_painting_and_refuses_any_other_amount():
    photo, painted = picture(11), picture(12)
    assert torch.equal(blend(photo, painted, 0), photo)
    assert torch.equal(blend(photo, painted, 1), painted)
    torch.testing.assert_close(blend(photo, painted, 0.25), 0.75 * photo + 0.25 * painted)
    for amount in (-0.1, 1.5, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="from 0 to 1"):
            blend(photo, painted, amount)

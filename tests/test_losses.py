"""Each term of the objective against its published equation, in float64 and from the sums up."""

import numpy as np
import pytest
import torch

from nst.engine.local import LocalLoss, moments, octaves
from nst.engine.losses import (
    ContentLoss,
    StyleLoss,
    gram,
    outer_gradient,
    outer_sum,
    total_variation,
)

CHANNELS, HEIGHT, WIDTH = 5, 6, 7
CONTENT_FORMS = ("normalised", "half-sum", "quarter-mean", "mean")
FACTOR = 255 * (0.229 + 0.224 + 0.225) / 3


def features(seed: int, channels: int = CHANNELS, size=(HEIGHT, WIDTH)) -> torch.Tensor:
    """Features as a ReLU leaves them: none below zero, means well above it."""
    values = np.random.default_rng(seed).gamma(2.0, 0.5, (1, channels, *size))
    return torch.from_numpy(values.astype(np.float32))


def colours(seed: int, size=(HEIGHT, WIDTH)) -> torch.Tensor:
    values = np.random.default_rng(seed).uniform(0, 1, (1, 3, *size))
    return torch.from_numpy(values.astype(np.float32))


def matrix(seed: int, rows: int, columns: int = CHANNELS + 1) -> torch.Tensor:
    values = np.random.default_rng(seed).normal(size=(rows, columns))
    return torch.from_numpy(values.astype(np.float32))


def flat(tensor: torch.Tensor) -> np.ndarray:
    """Gatys' F: (C, positions), float64."""
    return tensor[0].double().numpy().reshape(tensor.shape[1], -1)


def projected(tensor: torch.Tensor, projection: torch.Tensor | None) -> np.ndarray:
    f = flat(tensor)
    if projection is None:
        return f
    return projection.double().numpy() @ np.vstack([f, np.ones((1, f.shape[1]))])


def content_equation(form: str, f: np.ndarray, p: np.ndarray) -> float:
    """C is the published layer's, whatever its features are projected to."""
    squares, entries = ((f - p) ** 2).sum(), CHANNELS * f.shape[1]
    return {
        "half-sum": squares / 2,  # Gatys et al. 2016, eq. 1
        "quarter-mean": squares / (4 * entries),  # over 4 C H W
        "mean": squares / entries,
        "normalised": squares / (p**2).sum(),
    }[form]


def style_equation(form: str, f: np.ndarray, a: np.ndarray) -> float:
    """Gatys et al. 2016, eq. 3 and 4, over the positions of each; C is the published layer's."""
    g, target = f @ f.T / f.shape[1], a @ a.T / a.shape[1]
    squares = ((g - target) ** 2).sum()
    return squares / ((target**2).sum() if form == "normalised" else 4 * CHANNELS**2)


def tv_equation(picture: np.ndarray, form: str) -> float:
    right = (picture[..., :, 1:] - picture[..., :, :-1]) ** 2
    down = (picture[..., 1:, :] - picture[..., :-1, :]) ** 2
    if form == "mean":
        return right.mean() + down.mean()
    return right.sum() + down.sum()


def moments_equation(picture: np.ndarray, guide: np.ndarray | None = None) -> np.ndarray:
    """(28, 28): the mean outer product of (3x3 patch, 1), weighted by the guide at its centre."""
    around = np.lib.stride_tricks.sliding_window_view(picture[0], (3, 3), (1, 2))
    u = around.transpose(1, 2, 3, 4, 0).reshape(-1, 27)
    u = np.hstack([u, np.ones((len(u), 1))])
    if guide is not None:
        u = u * guide[0, 0, 1:-1, 1:-1].reshape(-1, 1)
    return u.T @ u / (u[:, -1] ** 2).sum()


def local_equation(picture: np.ndarray, style: np.ndarray, guide=None) -> float:
    """|W (P - P*) W|^2 / 28, about black."""
    target = moments_equation(style)
    values, vectors = np.linalg.eigh(target)
    floored = np.maximum(values, 1e-4 * np.trace(target) / 28)
    root = vectors @ np.diag(floored**-0.5) @ vectors.T
    return ((root @ (moments_equation(picture, guide) - target) @ root) ** 2).sum() / 28


def style_loss(form: str, style: torch.Tensor, projection=None, scale: float = 1.0) -> StyleLoss:
    target = gram(outer_sum(style), projection)
    return StyleLoss(target, form, style.shape[1], scale, projection)


def assert_gradient(found: torch.Tensor, equation, point: torch.Tensor) -> None:
    """A gradient at a point, against central differences of its equation in float64."""
    at, found = point.double().numpy(), found.double().numpy().reshape(-1)
    chosen = np.random.default_rng(0).choice(at.size, min(24, at.size), replace=False)
    expected = []
    for index in chosen:
        moved = [at.copy(), at.copy()]
        for sign, copy in zip((1, -1), moved, strict=True):
            copy.reshape(-1)[index] += sign * 1e-5
        expected.append((equation(moved[0]) - equation(moved[1])) / 2e-5)
    size = np.abs(expected).max()
    assert size > 0
    np.testing.assert_allclose(found[chosen], expected, rtol=1e-3, atol=1e-4 * size)


@pytest.mark.parametrize("form", CONTENT_FORMS)
def test_content_loss_and_its_gradient_are_those_of_the_equation(form):
    target, found = features(0), features(1)
    for projection in (None, matrix(4, 9)):
        aim = projected(target, projection)

        def equation(values, aim=aim, projection=projection):
            return content_equation(form, projected(torch.from_numpy(values), projection), aim)

        loss = ContentLoss(target, form, CHANNELS, projection=projection, weight=3.0)
        value, gradient = loss(found)
        assert float(value) == pytest.approx(3 * equation(found.double().numpy()), rel=1e-5)
        assert_gradient(gradient / 3, equation, found)
    # Published on features of 0..255 pixels: both are `scale` times what the network gave.
    expected = content_equation(form, FACTOR * flat(found), FACTOR * flat(target))
    scaled, _ = ContentLoss(target, form, CHANNELS, FACTOR)(found)
    assert float(scaled) == pytest.approx(expected, rel=1e-5)


def test_content_loss_and_gradient_are_zero_at_the_target():
    loss, gradient = ContentLoss(features(8), "half-sum", CHANNELS)(features(8))
    assert loss == 0
    assert not gradient.any()


@pytest.mark.parametrize("form", CONTENT_FORMS)
def test_shares_of_the_content_loss_add_up_to_it(form):
    target, found = features(9), features(10)
    loss = ContentLoss(target, form, CHANNELS)
    shares = [
        loss(found[:, :, rows, columns], rows, columns)[0]
        for rows in (slice(0, 4), slice(4, HEIGHT))
        for columns in (slice(0, 2), slice(2, WIDTH))
    ]
    assert float(sum(shares)) == pytest.approx(float(loss(found)[0]), rel=1e-6)


def test_gram_is_the_mean_of_outer_products_also_of_projected_features():
    f = features(11)
    for projection in (None, matrix(13, 8)):
        up = projected(f, projection)
        expected = up @ up.T / (HEIGHT * WIDTH)
        found = gram(outer_sum(f), projection).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_guided_gram_weighs_features_by_their_guide():
    # Gatys et al. 2017, eq. 5 and 6: F_r = T_r o F, with the squares of T_r summing to one.
    f, guide = features(14), features(15, channels=1)
    t = flat(guide) / np.sqrt((flat(guide) ** 2).sum())
    expected = (flat(f) * t) @ (flat(f) * t).T
    np.testing.assert_allclose(gram(outer_sum(f, guide)).numpy(), expected, rtol=1e-5)
    assert not gram(outer_sum(f, torch.zeros_like(guide))).any()


def test_outer_sums_of_parts_add_up_to_the_whole():
    f, guide = features(17), features(18, channels=1)
    parts = (slice(0, 1), slice(1, 4), slice(4, HEIGHT))
    for whole, found in (
        (outer_sum(f), sum(outer_sum(f[:, :, part]) for part in parts)),
        (outer_sum(f, guide), sum(outer_sum(f[:, :, part], guide[:, :, part]) for part in parts)),
    ):
        torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-5)


def test_outer_sum_holds_the_sums_and_the_number_of_positions():
    f = features(19)
    outer = outer_sum(f)
    assert outer.shape == (CHANNELS + 1, CHANNELS + 1)
    np.testing.assert_allclose(outer[-1, :-1], flat(f).sum(1), rtol=1e-5)
    np.testing.assert_allclose(outer[:-1, -1], flat(f).sum(1), rtol=1e-5)
    assert outer[-1, -1] == HEIGHT * WIDTH


@pytest.mark.parametrize("form", ["normalised", "gatys"])
def test_style_loss_and_its_gradient_are_those_of_the_equation(form):
    style, found = features(20), features(21)
    for projection in (None, matrix(26, 9)):
        aim = projected(style, projection)

        def equation(values, aim=aim, projection=projection):
            return style_equation(form, projected(torch.from_numpy(values), projection), aim)

        value, slope = style_loss(form, style, projection)(outer_sum(found))
        assert float(value) == pytest.approx(equation(found.double().numpy()), rel=1e-5)
        assert_gradient(outer_gradient(found, slope), equation, found)
    expected = style_equation(form, FACTOR * flat(found), FACTOR * flat(style))
    value, _ = style_loss(form, style, scale=FACTOR)(outer_sum(found))
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_gatys_style_loss_does_not_depend_on_the_size_of_the_style():
    # Four copies of a texture have its statistics: the mean over positions makes them comparable.
    style, found = features(22), outer_sum(features(23))
    one, four = (style_loss("gatys", s)(found)[0] for s in (style, style.repeat(1, 1, 2, 2)))
    assert float(four) == pytest.approx(float(one), rel=1e-5)


def test_gatys_gradient_is_the_published_one():
    # Gatys et al. 2016, eq. 6: dE/dF = F^T (G - A) / (N^2 M^2), here with G as a sum.
    style, found = features(30), features(31)
    f, a = flat(found), flat(style)
    n, m = f.shape
    expected = (f @ f.T - a @ a.T) @ f / (n**2 * m**2)
    _, slope = style_loss("gatys", style)(outer_sum(found))
    np.testing.assert_allclose(
        flat(outer_gradient(found, slope)), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()
    )


def test_sums_and_losses_are_fp32_whatever_the_features_are_in():
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        style, found = features(32).to(dtype), features(33).to(dtype)
        assert outer_sum(found).dtype == torch.float32
        assert style_loss("gatys", style)(outer_sum(found))[0].dtype == torch.float32
        loss, gradient = ContentLoss(style, "mean", CHANNELS)(found)
        assert (loss.dtype, gradient.dtype) == (torch.float32, dtype)


def test_gram_of_bf16_features_is_summed_in_fp32():
    # Of 4096 equal positions a bf16 sum stops growing long before the end. Chunks of them may be
    # rounded to bf16 (half a unit of its 8 bits) before they are added in fp32.
    f = features(34, size=(64, 64)).bfloat16()
    expected = flat(f.float()) @ flat(f.float()).T / 4096
    np.testing.assert_allclose(gram(outer_sum(f)).numpy(), expected, rtol=2**-9)


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("size", [(13, 17), (37, 41)])  # all in fp32, and in chunks with a rest
def test_outer_sum_of_bf16_features_and_its_gradient_are_near_those_of_fp32(size, guided):
    f, slope = features(40, size=size).bfloat16(), matrix(41, CHANNELS + 1)
    guide = features(42, channels=1, size=size).bfloat16().float() if guided else None
    near, exact = (
        (outer_sum(x, guide), outer_gradient(x, slope, guide).float()) for x in (f, f.float())
    )
    assert guided or near[0][-1, -1] == size[0] * size[1]
    torch.testing.assert_close(near[0], exact[0], rtol=2**-7, atol=0)
    torch.testing.assert_close(near[1], exact[1], rtol=2**-6, atol=2**-6 * exact[1].abs().max())


@pytest.mark.parametrize("form", ["sum", "mean"])
def test_total_variation_and_its_gradient_are_those_of_the_equation(form):
    picture = features(38, channels=3)
    for scale in (1.0, 255.0):

        def equation(values, scale=scale):
            return 2 * tv_equation(scale * values, form)

        loss, gradient = total_variation(picture, form, scale, weight=2.0)
        assert float(loss) == pytest.approx(equation(picture.double().numpy()), rel=1e-5)
        assert_gradient(gradient, equation, picture)


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize(("strip", "kept"), [(11, 0), (11, 99), (2**14, 99)])
def test_local_loss_and_its_gradient_are_those_of_the_equation(guided, strip, kept, monkeypatch):
    monkeypatch.setattr("nst.engine.local.STRIP", strip)
    monkeypatch.setattr("nst.engine.local.KEPT", kept)
    picture, style = colours(46, (8, 7)), colours(47, (13, 8))
    guide = features(44, 1, (8, 7)) if guided else None
    exact, weights = style.double().numpy(), None if guide is None else guide.double().numpy()

    def equation(values: np.ndarray) -> float:
        return local_equation(values, exact, weights)

    loss, gradient = LocalLoss(moments(style))(picture, guide)
    assert float(loss) == pytest.approx(equation(picture.double().numpy()), rel=1e-3)
    assert_gradient(gradient, equation, picture)


def test_moments_are_those_of_all_patches(monkeypatch):
    picture = colours(43, (7, 9)).double()
    for strip in (1, 20, 2**14):
        monkeypatch.setattr("nst.engine.local.STRIP", strip)
        np.testing.assert_allclose(
            moments(picture), moments_equation(picture.numpy() - 0.5), atol=1e-12
        )


def test_local_loss_sees_grain_that_the_style_does_not_have():
    rows = torch.linspace(0, 1, 40)
    smooth = torch.stack([rows.outer(rows), rows.outer(1 - rows), rows[:, None].expand(40, 40)])
    smooth = smooth[None]
    grain = (smooth + 0.01 * (2 * colours(48, (40, 40)) - 1)).clamp(0, 1)
    loss = LocalLoss(moments(smooth))
    style, _ = style_loss("normalised", smooth)(outer_sum(grain))
    assert loss(smooth)[0] < 1e-4
    assert loss(grain)[0] > 1e3 * style
    assert loss(grain)[0] > 0.01


def test_flat_style_has_no_direction_without_bound():
    loss = LocalLoss(moments(torch.full((1, 3, 9, 9), 0.5)))
    assert torch.isfinite(loss(colours(49))[0])


def test_octaves_are_halvings_by_averaging_as_far_as_a_patch_fits():
    picture = colours(50, (13, 26))
    found = octaves(picture, 6)
    assert [tuple(octave.shape[2:]) for octave in found] == [(13, 26), (6, 13), (3, 6)]
    assert len(octaves(picture, 2)) == 2
    assert octaves(colours(51, (2, 40)), 3) == []
    torch.testing.assert_close(found[1][..., 0, 0], picture[..., :2, :2].mean((2, 3)))

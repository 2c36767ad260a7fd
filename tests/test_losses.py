"""Each term of the objective against its published equation, in float64 and from the sums up."""

import numpy as np
import pytest
import torch
from nst.engine.kernels import moments, outer_sum, patch_sum

from nst.engine import kernels
from nst.engine.losses import (
    ContentLoss,
    LocalLoss,
    StyleLoss,
    gram,
    octaves,
    total_variation,
)

CHANNELS, HEIGHT, WIDTH = 5, 6, 7
CONTENT_FORMS = ("normalised", "half-sum", "quarter-mean", "mean")
STYLE_FORMS = ("normalised", "gatys")
TV_FORMS = ("sum", "mean")
FACTOR = 255 * (0.229 + 0.224 + 0.225) / 3


def features(seed: int, channels: int = CHANNELS, size=(HEIGHT, WIDTH)) -> torch.Tensor:
    """Features as a ReLU leaves them: none below zero, means well above it."""
    values = np.random.default_rng(seed).gamma(2.0, 0.5, (1, channels, *size))
    return torch.from_numpy(values.astype(np.float32))


def matrix(seed: int, rows: int, columns: int = CHANNELS + 1) -> torch.Tensor:
    values = np.random.default_rng(seed).normal(size=(rows, columns))
    return torch.from_numpy(values.astype(np.float32))


def flat(tensor: torch.Tensor) -> np.ndarray:
    """Gatys' F: (C, positions), float64."""
    return tensor[0].double().numpy().reshape(tensor.shape[1], -1)


def lifted(tensor: torch.Tensor, lift: torch.Tensor | None) -> np.ndarray:
    f = flat(tensor)
    if lift is None:
        return f
    return lift.double().numpy() @ np.vstack([f, np.ones((1, f.shape[1]))])


def content_equation(form: str, f: np.ndarray, p: np.ndarray) -> float:
    """C is the published layer's, whatever its features are lifted to."""
    squares, entries = ((f - p) ** 2).sum(), CHANNELS * f.shape[1]
    return {
        "half-sum": squares / 2,  # Gatys et al. 2016, eq. 1
        "quarter-mean": squares / (4 * entries),  # over 4 C H W
        "mean": squares / entries,
        "normalised": squares / (p**2).sum(),
    }[form]


def gatys_equation(f: np.ndarray, a: np.ndarray) -> float:
    """Gatys et al. 2016, eq. 3 and 4, for a picture and a style of one size."""
    n, m = f.shape
    g, target = f @ f.T, a @ a.T
    return ((g - target) ** 2).sum() / (4 * n**2 * m**2)


def normalised_style_equation(f: np.ndarray, a: np.ndarray) -> float:
    g, target = f @ f.T / f.shape[1], a @ a.T / a.shape[1]
    return ((g - target) ** 2).sum() / (target**2).sum()


def tv_equation(picture: np.ndarray, form: str) -> float:
    right = (picture[..., :, 1:] - picture[..., :, :-1]) ** 2
    down = (picture[..., 1:, :] - picture[..., :-1, :]) ** 2
    if form == "mean":
        return right.mean() + down.mean()
    return right.sum() + down.sum()


def style_loss(form: str, style: torch.Tensor, lift=None, scale: float = 1.0) -> StyleLoss:
    return StyleLoss(gram(outer_sum(style), lift), form, style.shape[1], scale, lift)


def slopes(function, point: torch.Tensor, places: int = 24, step: float = 1e-5) -> list[tuple]:
    """(index, central difference of a float64 function) at some places of a point."""
    at = point.double().numpy()
    chosen = np.random.default_rng(0).choice(at.size, min(places, at.size), replace=False)
    found = []
    for index in chosen:
        moved = [at.copy(), at.copy()]
        for sign, copy in zip((1, -1), moved, strict=True):
            copy.reshape(-1)[index] += sign * step
        found.append((index, (function(moved[0]) - function(moved[1])) / (2 * step)))
    return found


def assert_gradient(loss, equation, point: torch.Tensor) -> None:
    """The loss's gradient against finite differences of its equation in float64."""
    leaf = point.clone().requires_grad_()
    loss(leaf).backward()
    found = leaf.grad.double().numpy().reshape(-1)
    expected = slopes(equation, point)
    size = max(abs(slope) for _, slope in expected)
    assert size > 0
    for index, slope in expected:
        assert found[index] == pytest.approx(slope, rel=1e-4, abs=1e-5 * size)


@pytest.mark.parametrize("scale", [1.0, FACTOR])
@pytest.mark.parametrize("form", CONTENT_FORMS)
def test_content_loss_is_its_published_equation(form, scale):
    target, found = features(0), features(1)
    # Published on features of 0..255 pixels: both are `scale` times what the network gave.
    expected = content_equation(form, scale * flat(found), scale * flat(target))
    assert float(ContentLoss(target, form, CHANNELS, scale)(found)) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("form", CONTENT_FORMS)
def test_content_loss_with_a_lift_is_its_equation_on_the_lifted_features(form):
    target, found, lift = features(2), features(3), matrix(4, 9)
    expected = content_equation(form, lifted(found, lift), lifted(target, lift))
    loss = ContentLoss(target, form, CHANNELS, projection=lift)(found)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("with_lift", [False, True])
@pytest.mark.parametrize("form", CONTENT_FORMS)
def test_content_gradient_is_that_of_the_equation(form, with_lift):
    target, found = features(5), features(6)
    lift = matrix(7, 9) if with_lift else None

    def equation(values: np.ndarray) -> float:
        return content_equation(form, lifted(torch.from_numpy(values), lift), lifted(target, lift))

    assert_gradient(ContentLoss(target, form, CHANNELS, projection=lift), equation, found)


def test_content_gradient_is_zero_at_the_target():
    target = features(8)
    leaf = target.clone().requires_grad_()
    loss = ContentLoss(target, "half-sum", CHANNELS)(leaf)
    loss.backward()
    assert loss.item() == 0
    assert not leaf.grad.any()


@pytest.mark.parametrize("form", CONTENT_FORMS)
def test_shares_of_the_content_loss_add_up_to_it(form):
    target, found = features(9), features(10)
    loss = ContentLoss(target, form, CHANNELS)
    shares = [
        loss(found[:, :, rows, columns], rows, columns)
        for rows in (slice(0, 4), slice(4, HEIGHT))
        for columns in (slice(0, 2), slice(2, WIDTH))
    ]
    assert float(sum(shares)) == pytest.approx(float(loss(found)), rel=1e-6)


def test_gram_is_the_mean_of_outer_products():
    f = features(11)
    expected = flat(f) @ flat(f).T / (HEIGHT * WIDTH)
    np.testing.assert_allclose(gram(outer_sum(f)).numpy(), expected, rtol=1e-5)


def test_gram_with_a_lift_is_that_of_the_lifted_features():
    f, lift = features(12), matrix(13, 8)
    up = lifted(f, lift)
    expected = up @ up.T / (HEIGHT * WIDTH)
    np.testing.assert_allclose(
        gram(outer_sum(f), lift).numpy(), expected, atol=1e-5 * np.abs(expected).max()
    )


def test_guided_gram_weighs_features_by_their_guide():
    # Gatys et al. 2017, eq. 5 and 6: F_r = T_r o F, with the squares of T_r summing to one.
    f, guide = features(14), features(15, channels=1)
    t = flat(guide) / np.sqrt((flat(guide) ** 2).sum())
    expected = (flat(f) * t) @ (flat(f) * t).T
    np.testing.assert_allclose(gram(outer_sum(f, guide)).numpy(), expected, rtol=1e-5)


def test_gram_of_a_guide_of_zeros_is_zero():
    assert not gram(outer_sum(features(16), torch.zeros(1, 1, HEIGHT, WIDTH))).any()


@pytest.mark.parametrize("guided", [False, True])
def test_outer_sums_of_parts_add_up_to_the_whole(guided):
    f = features(17)
    guide = features(18, channels=1) if guided else None
    whole = outer_sum(f, guide)
    parts = sum(
        outer_sum(f[:, :, part], None if guide is None else guide[:, :, part])
        for part in (slice(0, 1), slice(1, 4), slice(4, HEIGHT))
    )
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-5)


def test_outer_sum_holds_the_sums_and_the_number_of_positions():
    f = features(19)
    outer = outer_sum(f)
    assert outer.shape == (CHANNELS + 1, CHANNELS + 1)
    np.testing.assert_allclose(outer[-1, :-1], flat(f).sum(1), rtol=1e-5)
    np.testing.assert_allclose(outer[:-1, -1], flat(f).sum(1), rtol=1e-5)
    assert outer[-1, -1] == HEIGHT * WIDTH


@pytest.mark.parametrize("scale", [1.0, FACTOR])
@pytest.mark.parametrize("form", STYLE_FORMS)
def test_style_loss_is_its_published_equation(form, scale):
    style, found = features(20), features(21)
    equation = gatys_equation if form == "gatys" else normalised_style_equation
    expected = equation(scale * flat(found), scale * flat(style))
    loss = style_loss(form, style, scale=scale)(outer_sum(found))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_gatys_style_loss_does_not_depend_on_the_size_of_the_style():
    # Four copies of a texture have its statistics: the mean over positions makes them comparable.
    style, found = features(22), features(23)
    repeated = style.repeat(1, 1, 2, 2)
    assert float(style_loss("gatys", repeated)(outer_sum(found))) == pytest.approx(
        gatys_equation(flat(found), flat(style)), rel=1e-5
    )


def test_style_distance_under_a_lift_is_the_metric_of_the_design():
    # || A (G - G*) A^T ||_F^2 = tr(M D M D) with D = G - G* and M = A^T A, over (features, 1).
    style, found, lift = features(24), features(25), matrix(26, 9)

    def second_moment(tensor: torch.Tensor) -> np.ndarray:
        f = np.vstack([flat(tensor), np.ones((1, HEIGHT * WIDTH))])
        return f @ f.T / (HEIGHT * WIDTH)

    a = lift.double().numpy()
    metric, difference = a.T @ a, second_moment(found) - second_moment(style)
    distance = np.trace(metric @ difference @ metric @ difference)
    published = distance / (4 * CHANNELS**2)
    assert float(style_loss("gatys", style, lift)(outer_sum(found))) == pytest.approx(
        published, rel=1e-5
    )
    target = lifted(style, lift) @ lifted(style, lift).T / (HEIGHT * WIDTH)
    assert float(style_loss("normalised", style, lift)(outer_sum(found))) == pytest.approx(
        distance / (target**2).sum(), rel=1e-5
    )


@pytest.mark.parametrize("with_lift", [False, True])
@pytest.mark.parametrize("form", STYLE_FORMS)
def test_style_gradient_is_that_of_the_equation(form, with_lift):
    style, found = features(27), features(28)
    lift = matrix(29, 9) if with_lift else None
    loss = style_loss(form, style, lift)
    a = lifted(style, lift)

    def equation(values: np.ndarray) -> float:
        f = lifted(torch.from_numpy(values), lift)
        if form == "normalised":
            return normalised_style_equation(f, a)
        # The published N is the width of the layer, whatever it is lifted to.
        return gatys_equation(f, a) * f.shape[0] ** 2 / CHANNELS**2

    assert_gradient(lambda f: loss(outer_sum(f)), equation, found)


def test_gatys_gradient_is_the_published_one():
    # Gatys et al. 2016, eq. 6: dE/dF = F^T (G - A) / (N^2 M^2), here with G as a sum.
    style, found = features(30), features(31)
    f, a = flat(found), flat(style)
    n, m = f.shape
    expected = (f @ f.T - a @ a.T) @ f / (n**2 * m**2)
    leaf = found.clone().requires_grad_()
    style_loss("gatys", style)(outer_sum(leaf)).backward()
    np.testing.assert_allclose(
        flat(leaf.grad), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_statistics_and_losses_are_fp32_whatever_the_features_are_in(dtype):
    style, found = features(32).to(dtype), features(33).to(dtype)
    assert outer_sum(found).dtype == torch.float32
    assert gram(outer_sum(found)).dtype == torch.float32
    assert style_loss("gatys", style)(outer_sum(found)).dtype == torch.float32
    assert ContentLoss(style, "mean", CHANNELS)(found).dtype == torch.float32


def test_gram_of_bf16_features_is_summed_in_fp32():
    # Of 4096 equal positions a bf16 sum stops growing long before the end. Chunks of them may be
    # rounded to bf16 (half a unit of its 8 bits) before they are added in fp32.
    f = features(34, size=(64, 64)).bfloat16()
    expected = flat(f.float()) @ flat(f.float()).T / 4096
    np.testing.assert_allclose(gram(outer_sum(f)).numpy(), expected, rtol=2**-9)


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("size", [(13, 17), (37, 41)])  # all in fp32, and in chunks with a rest
def test_outer_sum_of_bf16_features_and_its_gradient_are_near_those_of_fp32(size, guided):
    f, pull = features(40, size=size).bfloat16(), matrix(41, CHANNELS + 1)
    guide = features(42, channels=1, size=size).bfloat16().float() if guided else None

    def sums_and_gradient(found: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = found.clone().requires_grad_()
        outer = outer_sum(leaf, guide)
        (outer * pull).sum().backward()
        return outer.detach(), leaf.grad.float()

    near, exact = sums_and_gradient(f), sums_and_gradient(f.float())
    assert guided or near[0][-1, -1] == size[0] * size[1]
    torch.testing.assert_close(near[0], exact[0], rtol=2**-7, atol=0)
    torch.testing.assert_close(near[1], exact[1], rtol=2**-6, atol=2**-6 * exact[1].abs().max())


def test_losses_are_scalars():
    assert ContentLoss(features(35), "mean", CHANNELS)(features(36)).shape == ()
    assert style_loss("normalised", features(35))(outer_sum(features(36))).shape == ()
    assert total_variation(features(37, channels=3)).shape == ()


@pytest.mark.parametrize("scale", [1.0, 255.0])
@pytest.mark.parametrize("form", TV_FORMS)
def test_total_variation_is_its_equation(form, scale):
    picture = features(38, channels=3)
    expected = tv_equation(scale * picture.double().numpy(), form)
    assert float(total_variation(picture, form, scale)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", TV_FORMS)
def test_total_variation_gradient_is_that_of_the_equation(form):
    picture = features(39, channels=3)
    assert_gradient(
        lambda p: total_variation(p, form), lambda values: tv_equation(values, form), picture
    )


@pytest.mark.parametrize("form", TV_FORMS)
def test_constant_picture_has_no_total_variation(form):
    assert total_variation(torch.full((1, 3, 9, 4), 0.3), form, 255.0) == 0


@pytest.mark.parametrize("form", TV_FORMS)
def test_total_variation_counts_both_directions(form):
    stripes = torch.tensor([0.0, 1.0]).repeat(4).expand(1, 3, 8, 8)
    across = total_variation(stripes, form)
    assert across > 0
    assert total_variation(stripes.mT, form) == across


def patches(picture: np.ndarray, guide: np.ndarray | None = None) -> np.ndarray:
    """Every 3x3 patch of (1, 3, H, W) as 27 numbers and a 1, times the guide at its centre."""
    _, _, height, width = picture.shape
    found = []
    for top in range(height - 2):
        for left in range(width - 2):
            patch = picture[0, :, top : top + 3, left : left + 3]
            one = np.append(patch.transpose(1, 2, 0).reshape(-1), 1.0)
            found.append(one if guide is None else one * guide[0, 0, top + 1, left + 1])
    return np.array(found)


def local_equation(picture: np.ndarray, style: np.ndarray) -> float:
    """(1/28) |W (P - P*) W|_F^2 of one octave."""
    u, v = patches(picture), patches(style)
    p, target = u.T @ u / len(u), v.T @ v / len(v)
    values, vectors = np.linalg.eigh(target)
    root = vectors / np.sqrt(np.maximum(values, 1e-4 * np.trace(target) / 28)) @ vectors.T
    return ((root @ (p - target) @ root) ** 2).sum() / 28


def colours(seed: int, size=(11, 9)) -> torch.Tensor:
    values = np.random.default_rng(seed).uniform(size=(1, 3, *size))
    return torch.from_numpy(values.astype(np.float32))


@pytest.mark.parametrize("strip", [1, 20, 2**15])
@pytest.mark.parametrize("guided", [False, True])
def test_patch_sum_is_of_every_patch_and_its_gradient_that_of_the_sum(guided, strip, monkeypatch):
    monkeypatch.setattr(kernels, "STRIP", strip)
    picture, guide, pull = colours(43), colours(44)[:, :1] if guided else None, matrix(45, 28, 28)
    weights = None if guide is None else guide.double().numpy()

    def equation(values: np.ndarray) -> float:
        u = patches(values - 0.5, weights)
        return float((u.T @ u * pull.double().numpy()).sum())

    u = patches(picture.double().numpy() - 0.5, weights)
    np.testing.assert_allclose(patch_sum(picture, guide), u.T @ u, rtol=1e-4, atol=1e-5)
    assert_gradient(lambda p: (patch_sum(p, guide) * pull).sum(), equation, picture)


def test_local_loss_and_its_gradient_are_those_of_the_equation():
    picture, style = colours(46), colours(47, (13, 8))
    loss = LocalLoss(moments(patch_sum(style)))
    exact = style.double().numpy()
    expected = local_equation(picture.double().numpy(), exact)
    assert float(loss(patch_sum(picture))) == pytest.approx(expected, rel=1e-3)
    assert_gradient(
        lambda p: loss(patch_sum(p)), lambda values: local_equation(values, exact), picture
    )


def test_local_loss_sees_grain_that_the_style_does_not_have():
    rows = torch.linspace(0, 1, 40)
    smooth = torch.stack([rows.outer(rows), rows.outer(1 - rows), rows[:, None].expand(40, 40)])[
        None
    ]
    grain = (smooth + 0.01 * (2 * colours(48, (40, 40)) - 1)).clamp(0, 1)
    loss = LocalLoss(moments(patch_sum(smooth)))
    style = style_loss("normalised", smooth)
    assert loss(patch_sum(smooth)) < 1e-4
    assert loss(patch_sum(grain)) > 1e3 * style(outer_sum(grain))
    assert loss(patch_sum(grain)) > 0.01


def test_flat_style_has_no_direction_without_bound():
    loss = LocalLoss(moments(patch_sum(torch.full((1, 3, 9, 9), 0.5))))
    assert torch.isfinite(loss(patch_sum(colours(49))))


def test_octaves_are_halvings_by_averaging_as_far_as_a_patch_fits():
    picture = colours(50, (13, 26))
    found = octaves(picture, 6)
    assert [tuple(octave.shape[2:]) for octave in found] == [(13, 26), (6, 13), (3, 6)]
    assert len(octaves(picture, 2)) == 2
    assert octaves(colours(51, (2, 40)), 3) == []
    torch.testing.assert_close(found[1][..., 0, 0], picture[..., :2, :2].mean((2, 3)))

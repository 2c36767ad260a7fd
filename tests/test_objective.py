"""The objective of a scale against float64, in tiles and whole, with mixtures and guides."""

from functools import partial

import equations
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from equations import FACTOR, flat, gram, patch_moments
from small import Watched, blots, initialised
from torch import Tensor

from nst.engine.encoders import Encoder
from nst.engine.local import LocalLoss, moments
from nst.engine.losses import Losses, outer_gradient, outer_sum, saliency
from nst.engine.objective import Objective
from nst.recipe import Recipe

BLOCKS = ((4,), (6, 6), (8, 8, 8), (8, 8, 8), (8,))
DEFAULT = Recipe(content_weight=3.0, style_weight=2.0, strength=60, local_weight=0.7, tv_weight=0.5)
PUBLISHED = Recipe(
    input_range=255,
    content_layer="conv4_2",
    content_form="half-sum",
    content_weight=1e-3,
    style_form="gatys",
    style_layers=("relu1_1", "conv2_2", "relu4_3"),
    style_layer_weights=(0.5, 1.0, 2.0),
    style_weight=0.1,
    strength=70,
    local_weight=0,
    tv_weight=1e-6,
    tv_form="sum",
)


def encoder(pooling: str = "max", padding: str = "zeros", lifted: bool = False) -> Encoder:
    widths = {"relu1_1": 4, "relu3_1": 8, "relu4_2": 8} if lifted else {}
    torch.manual_seed(3)
    lifts = {name: torch.randn(5, width + 1) for name, width in widths.items()}
    return initialised(Encoder("tiny", BLOCKS, pooling, lifts, padding=padding), seed=3)


PICTURE, PHOTO, STYLE, OTHER = (
    blots(64, 80, 1),
    blots(64, 80, 2),
    blots(48, 70, 3),
    blots(64, 64, 4),
)


def halves(height: int, width: int) -> Tensor:
    """Guides of two regions with a soft edge between them."""
    left = torch.linspace(3, -2, width).clamp(0, 1).expand(1, 1, height, width)
    return torch.cat([left, 1 - left])


def laid(image: Tensor, recipe: Recipe, turn: int) -> Tensor:
    """In multiples of 16: reflected up to them at first, then moved by an offset and cut."""
    if recipe.pooling_offsets == 0:
        return image
    offset = turn % recipe.pooling_offsets
    for axis, odd in ((2, 5), (3, 11)):
        side = image.shape[axis]
        longer = 16 * -(-side // 16)
        places = [*range(side), *range(side - 2, side - 2 + side - longer, -1)]
        if offset:
            shift = (side // 16) * offset // recipe.pooling_offsets * 16
            first = shift + odd * offset % 16
            places = [(first + place) % side for place in range(side // 16 * 16)]
        image = image.index_select(axis, torch.tensor(places))
    return image


def against(found, targets, mix, distance) -> Tensor:
    """The distance to the mixed targets or, of guided statistics, of each to its own."""
    if len(found) > 1:
        return sum(map(distance, found, targets))
    mix = torch.tensor(mix or (1.0,) * len(targets), dtype=torch.float64)
    return distance(found[0], sum(m * t for m, t in zip(mix / mix.sum(), targets, strict=True)))


def total_64(encoder, recipe, picture, content, styles, guides, turn) -> tuple[Tensor, ...]:
    """(content, style, local, tv, total) of a picture from the equations, with its graph."""
    factor, mix = FACTOR if recipe.input_range == 255 else 1.0, recipe.mix

    def seen(image: Tensor) -> dict[str, Tensor]:
        found = equations.features(encoder, image)
        return {la: factor * flat(f, encoder.projections.get(la)) for la, f in found}

    found, painted = seen(laid(picture, recipe, turn)), [seen(style) for style in styles]
    layer, width = recipe.content_layer, encoder.channels
    photo = seen(laid(content, recipe, turn))[layer]
    across = laid(content, recipe, turn).shape[3] // encoder.stride(layer)
    first = equations.content_loss(recipe.content_form, found[layer], photo, width(layer), across)
    regions = [None] if guides is None else list(laid(guides, recipe, turn))
    second = torch.zeros((), dtype=torch.float64)
    for layer, weight in zip(recipe.style_layers, recipe.style_layer_weights, strict=True):
        small = [g if g is None else F.avg_pool2d(g[None], encoder.stride(layer)) for g in regions]
        second = second + weight * against(
            [gram(found[layer], g) for g in small],
            [gram(p[layer]) for p in painted],
            mix,
            partial(equations.style_loss, recipe.style_form, channels=width(layer)),
        )
    strength = 20 ** ((recipe.strength - 50) / 50)
    third = torch.zeros((), dtype=torch.float64)
    if recipe.local_weight:
        octave, octaves = picture, [style.double() for style in styles]
        for _ in range(recipe.local_octaves):
            regions = [None] if guides is None else guides.split(1)
            moments = [patch_moments(octave, g) for g in regions]
            term = against(moments, list(map(patch_moments, octaves)), mix, equations.local_loss)
            third = third + term / recipe.local_octaves
            octave, *octaves = (F.avg_pool2d(p, 2) for p in (octave, *octaves))
            guides = None if guides is None else F.avg_pool2d(guides, 2)
    terms = (
        recipe.content_weight * first,
        recipe.style_weight * strength * second,
        recipe.local_weight * strength * third,
        recipe.tv_weight * equations.total_variation(picture * recipe.input_range, recipe.tv_form),
    )
    return *terms, sum(terms)


def assert_same_gradient(found: Tensor, expected: Tensor, near: float = 1e-4) -> None:
    assert (found - expected).norm() <= near * expected.norm()


THREE = [STYLE, OTHER.square(), blots(80, 50, 5).sqrt()]
MEANS = PUBLISHED.replace(content_layer="relu4_2")
# Of each: the recipe, and what the objective has besides.
CASES = {
    "ours": (DEFAULT, {}),
    "ours, lifted": (DEFAULT, {"lifted": True}),
    "ours, average": (DEFAULT, {"pooling": "average"}),
    "published": (PUBLISHED, {}),
    "published, lifted": (MEANS, {"lifted": True, "pooling": "average"}),
    # Over VGG's channels, where a lift stands for them.
    "mean": (MEANS.replace(content_form="mean"), {"lifted": True}),
    "quarter-mean": (MEANS.replace(content_form="quarter-mean"), {"lifted": True}),
    "mixture": (DEFAULT.replace(mix=(1, 5, 2)), {"styles": THREE}),
    "equal shares": (DEFAULT, {"styles": THREE[:2]}),
    "all on one": (DEFAULT.replace(mix=(0, 7)), {"styles": THREE[:2]}),
    "guided": (DEFAULT, {"styles": THREE[:2], "guides": halves(64, 80)}),
    "published, guided": (PUBLISHED, {"styles": THREE[:2], "guides": halves(64, 80)}),
    "in tiles": (DEFAULT, {"tile": 48, "pooling": "average", "size": (75, 110)}),
    "published, in tiles": (PUBLISHED, {"tile": 48, "pooling": "average", "size": (75, 110)}),
}


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradient_are_those_of_the_equations(case):
    recipe, rest = CASES[case]
    network = encoder(rest.get("pooling", "max"), lifted=rest.get("lifted", False))
    picture, content = (blots(*rest.get("size", (64, 80)), seed) for seed in (1, 2))
    styles, guides = rest.get("styles", [STYLE]), rest.get("guides")
    objective = Objective(network, recipe, content, styles, guides, rest.get("tile"))
    for turn in range(3):
        leaf = picture.double().requires_grad_()
        expected = total_64(network, recipe, leaf, content, styles, guides, turn)
        losses, gradient = objective.evaluate(picture, turn)
        for name, found, value in zip(losses._fields, losses, expected, strict=True):
            # Whitening enlarges the rounding of fp32 sums by up to a hundred times.
            near = 1e-3 if name == "local" else 1e-4
            assert float(found) == pytest.approx(value.item(), rel=near), name
        assert_same_gradient(gradient, *torch.autograd.grad(expected[-1], leaf))


@pytest.mark.parametrize("guided", [False, True], ids=["plain", "guided"])
@pytest.mark.parametrize(
    ("size", "tile"),
    [((53, 70), 1), ((53, 70), 40), ((117, 130), 50), ((96, 97), 96), ((33, 65), 32)],
)
def test_tiles_of_any_size_give_the_objective_of_the_whole(size, tile, guided):
    picture, content, styles = blots(*size, 1), blots(*size, 2), [blots(65, 83, 3), OTHER.square()]
    guides, network = halves(*size) if guided else None, encoder(padding="picture")
    whole, tiled = (
        Objective(network, DEFAULT, content, styles, guides, t).evaluate(picture)
        for t in (None, tile)
    )
    for name, found, expected in zip(whole[0]._fields, tiled[0], whole[0], strict=True):
        assert float(found) == pytest.approx(float(expected), rel=1e-4), name
    assert tiled[0].local == whole[0].local  # of which the tiles know nothing
    assert_same_gradient(tiled[1], whole[1])


def test_no_pass_sees_more_of_a_picture_or_a_style_than_a_tile_and_its_halo(watched):
    layers = (DEFAULT.content_layer, *DEFAULT.style_layers)
    limit = 64 + 2 * (max(map(watched.receptive_radius, layers)) + 16)
    for width, style_width in ((480, 64), (64, 480)):
        picture, content = blots(64, width, 1), blots(64, width, 2)
        style = blots(64, style_width, 3)
        tiled = Objective(watched, DEFAULT, content, [style], tile=64).evaluate(picture)
        assert max(size[1] for _, size, _ in Watched.seen) <= limit
        whole = Objective(watched, DEFAULT, content, [style]).evaluate(picture)
        assert float(tiled[0].style) == pytest.approx(float(whole[0].style), rel=1e-4)
        Watched.forget()


def test_evaluation_repeats_itself_leaves_the_picture_alone_and_keeps_no_graph():
    before = PICTURE.clone()
    for tile in (None, 32):
        objective = Objective(encoder(), DEFAULT, PHOTO, [STYLE], tile=tile)
        with torch.no_grad():
            losses, gradient = objective.evaluate(PICTURE)
            again = objective.evaluate(PICTURE)
        assert torch.equal(PICTURE, before)
        assert not any(tensor.requires_grad for tensor in (*losses, gradient, PICTURE))
        assert gradient.shape == PICTURE.shape
        assert torch.equal(again[1], gradient)
        assert all(float(term) > 0 for term in losses)
        assert float(losses.total) == pytest.approx(sum(map(float, losses[:-1])), rel=1e-6)


def losses(**changes) -> Losses:
    recipe = DEFAULT.replace(**changes)
    return Objective(encoder(), recipe, PHOTO, [STYLE]).evaluate(PICTURE)[0]


def test_layer_named_twice_counts_twice_and_octaves_that_are_not_there_not_at_all():
    # relu3_1 and block3_conv1 are one layer; its terms add up as the published sum does.
    twice = losses(style_layers=("relu3_1", "block3_conv1"), style_layer_weights=(0.3, 0.5))
    once = losses(style_layers=("relu3_1",), style_layer_weights=(0.8,))
    assert float(twice.style) == pytest.approx(float(once.style), rel=1e-5)
    assert losses(local_octaves=6).local == losses(local_octaves=5).local > 0


def test_bf16_objective_is_near_fp32_and_summed_in_fp32():
    exact, slope = Objective(encoder(), DEFAULT, PHOTO, [STYLE]).evaluate(PICTURE)
    rounded = Objective(encoder().bfloat16(), DEFAULT, PHOTO, [STYLE])
    found, gradient = rounded.evaluate(PICTURE)
    assert {tensor.dtype for tensor in (*found, gradient)} == {torch.float32}
    assert float(found.total) == pytest.approx(float(exact.total), rel=0.05)
    assert F.cosine_similarity(gradient.flatten(), slope.flatten(), dim=0) > 0.97


# The terms one by one


def features(seed: int, channels: int = 5, size=(6, 7)) -> Tensor:
    """Features as a ReLU leaves them: none below zero, means well above it."""
    values = np.random.default_rng(seed).gamma(2.0, 0.5, (1, channels, *size))
    return torch.from_numpy(values.astype(np.float32))


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("size", [(13, 17), (37, 41), (64, 64)])  # few, with a rest, in chunks
def test_sums_of_bf16_features_are_fp32_and_near_those_of_fp32(size, guided):
    # Of 4096 equal positions a bf16 sum stops growing long before the end.
    f, slope = features(40, size=size).bfloat16(), features(41, 1, (6, 6))[0, 0]
    guide = features(42, 1, size).bfloat16().float() if guided else None
    near, exact = (
        (outer_sum(x, guide), outer_gradient(x, slope, guide).float()) for x in (f, f.float())
    )
    assert near[0].dtype == torch.float32
    assert guided or near[0][-1, -1] == size[0] * size[1]
    torch.testing.assert_close(near[0], exact[0], rtol=2**-7, atol=0)
    torch.testing.assert_close(near[1], exact[1], rtol=2**-6, atol=2**-6 * exact[1].abs().max())


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("size", [(140, 130), (530, 520)])  # in strips, more than are kept
def test_local_loss_of_a_large_picture_is_that_of_the_equation(size, guided):
    picture, style = blots(*size, 46), blots(33, 48, 47)
    guide = features(44, 1, size) if guided else None
    leaf, target = picture.double().requires_grad_(), patch_moments(style)
    expected = equations.local_loss(patch_moments(leaf, guide), target)
    loss, gradient = LocalLoss(moments(style))(picture, guide)
    assert float(loss) == pytest.approx(expected.item(), rel=1e-3)
    assert_same_gradient(gradient, torch.autograd.grad(expected, leaf)[0], 1e-3)


def test_what_is_rare_in_a_photo_counts_more_and_a_plain_one_evenly():
    plain = torch.full((1, 8, 20, 30), 0.5)
    torch.testing.assert_close(saliency(plain), torch.ones(1, 1, 20, 30))
    plain[..., 8:12, 10:14] = 1
    found = saliency(plain)
    assert found.mean() == pytest.approx(1)
    assert found[..., 9:11, 11:13].min() > 1.5
    assert found[..., 16:, 20:].max() < 1

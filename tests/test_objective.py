"""The objective of a scale against float64, in tiles and whole, with mixtures and guides."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.engine.encoders import Encoder
from nst.engine.objective import Objective
from nst.errors import BadInput
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe

BLOCKS = ((4,), (6, 6), (8, 8, 8), (8, 8, 8), (8,))
FACTOR = 255 * (0.229 + 0.224 + 0.225) / 3
DEFAULT = Recipe(
    content_weight=3.0, style_weight=2.0, local_weight=0.7, tv_weight=0.5, pooling="max"
)
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


def random_encoder(pooling: str = "max", padding: str = "zeros", lifted: bool = False) -> Encoder:
    torch.manual_seed(3)
    lifts = {}
    if lifted:
        widths = {"relu1_1": 4, "relu3_1": 8, "relu4_2": 8}
        lifts = {name: torch.randn(5, width + 1) for name, width in widths.items()}
    encoder = Encoder("tiny", BLOCKS, pooling, lifts, padding=padding)
    for conv in encoder.convolutions.values():
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.uniform_(conv.bias, -0.2, 0.2)
    return encoder.requires_grad_(False)


def noise(height: int, width: int, seed: int) -> Tensor:
    """Smooth enough to be a picture: four sizes of noise, in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    layers = [
        F.interpolate(
            torch.rand(1, 3, height // n + 2, width // n + 2, generator=generator),
            (height, width),
            mode="bilinear",
        )
        for n in (1, 4, 16)
    ]
    return torch.stack(layers).mean(0)


def halves(height: int, width: int) -> Tensor:
    """Guides of two regions with a soft edge between them."""
    left = torch.linspace(3, -2, width).clamp(0, 1).expand(1, 1, height, width)
    return torch.cat([left, 1 - left])


def features_64(encoder: Encoder, image: Tensor) -> dict[str, Tensor]:
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(1, 3, 1, 1)
    x, found = (image - mean) / std, {}
    pool = F.avg_pool2d if encoder.pooling == "average" else F.max_pool2d
    for name, conv in encoder.convolutions.items():
        if name.endswith("_1") and name != "conv1_1":
            x = pool(x, 2)
        x = F.conv2d(x, conv.weight.double(), conv.bias.double(), padding=1)
        found[name] = x
        x = x.clamp_min(0)
        found[name.replace("conv", "relu")] = x
    return found


def laid(image: Tensor, recipe: Recipe, turn: int) -> Tensor:
    """Reflected up to multiples of 16, the first rows and columns moved to the end by an offset."""
    if recipe.pooling_offsets == 0:
        return image
    offset = turn % recipe.pooling_offsets
    for axis, odd in ((2, (0, 5, 11)), (3, (0, 11, 5))):
        side = image.shape[axis]
        longer = 16 * -(-side // 16)
        places = [*range(side), *range(side - 2, side - 2 + side - longer, -1)]
        first = offset * (longer // 48 * 16) + odd[offset]
        image = image.index_select(axis, torch.tensor(places[first:] + places[:first]))
    return image


def raised(f: Tensor, lift: Tensor | None, factor: float) -> Tensor:
    """(C, positions), carried into the lift's space and to the formulas' scale."""
    f = f[0].flatten(1)
    if lift is not None:
        f = lift.double() @ torch.cat([f, torch.ones_like(f[:1])])
    return factor * f


def content_64(recipe: Recipe, channels: int, f: Tensor, p: Tensor) -> Tensor:
    squares, entries = (f - p).square().sum(), channels * p.shape[1]
    return {
        "normalised": squares / p.square().sum(),
        "half-sum": squares / 2,
        "quarter-mean": squares / (4 * entries),
        "mean": squares / entries,
    }[recipe.content_form]


def gram_64(f: Tensor, guide: Tensor | None = None) -> Tensor:
    """Mean outer product; with a guide that of the guided features (Gatys et al. 2017, eq. 5)."""
    t = torch.ones_like(f[0]) if guide is None else guide.double().flatten()
    guided = f * (t / t.norm())
    return guided @ guided.T


def patches_64(picture: Tensor, guide: Tensor | None = None) -> Tensor:
    """Second moments of (patch, 1) over all 3x3 patches, weighted by the guide at their centres."""
    u = F.unfold(picture, 3)[0]
    u = torch.cat([u, torch.ones_like(u[:1])])
    return gram_64(u, None if guide is None else guide[..., 1:-1, 1:-1])


def local_64(recipe: Recipe, picture: Tensor, styles: list[Tensor], guides=None) -> Tensor:
    """(1/28) |W (P - P*) W|^2, averaged over the octaves, before the recipe's weight."""
    mix = torch.tensor(recipe.mix or (1.0,) * len(styles), dtype=torch.float64)
    styles, terms = [style.double() for style in styles], []
    guides = None if guides is None else guides.double()
    for _ in range(recipe.local_octaves):
        targets = [patches_64(style) for style in styles]
        if guides is None:
            mixed = sum(m * t for m, t in zip(mix / mix.sum(), targets, strict=True))
            pairs = [(patches_64(picture), mixed)]
        else:
            pairs = [(patches_64(picture, g), t) for g, t in zip(guides, targets, strict=True)]
        whitened = []
        for found, target in pairs:
            values, vectors = torch.linalg.eigh(target)
            values = values.clamp_min(1e-4 * target.trace() / 28)
            root = vectors @ torch.diag(values**-0.5) @ vectors.T
            whitened.append((root @ (found - target) @ root).square().sum() / 28)
        terms.append(torch.stack(whitened).sum())
        picture, *styles = (F.avg_pool2d(p, 2) for p in (picture, *styles))
        guides = None if guides is None else F.avg_pool2d(guides, 2)
    return torch.stack(terms).mean()


def total_64(encoder, recipe, picture, content, styles, guides=None, turn=0) -> tuple[Tensor, ...]:
    """(content, style, local, tv, total) of a picture from the equations, with its graph."""
    factor = FACTOR if recipe.input_range == 255 else 1.0

    def seen(image: Tensor) -> dict[str, Tensor]:
        found = features_64(encoder, image.double())
        return {la: raised(f, encoder.projections.get(la), factor) for la, f in found.items()}

    found, painted = seen(laid(picture, recipe, turn)), [seen(style) for style in styles]
    layer = recipe.content_layer
    photo = seen(laid(content, recipe, turn))[layer]
    content_term = content_64(recipe, encoder.channels(layer), found[layer], photo)
    where = guides
    guides = None if guides is None else laid(guides, recipe, turn)
    mix = torch.tensor(recipe.mix or (1.0,) * len(styles), dtype=torch.float64)
    style_term = torch.zeros((), dtype=torch.float64)
    for layer, weight in zip(recipe.style_layers, recipe.style_layer_weights, strict=True):
        targets = [gram_64(p[layer]) for p in painted]
        if guides is None:
            mixed = sum(m * g for m, g in zip(mix / mix.sum(), targets, strict=True))
            pairs = [(gram_64(found[layer]), mixed)]
        else:
            small = [F.avg_pool2d(g[None], encoder.stride(layer)) for g in guides]
            pairs = [(gram_64(found[layer], g), t) for g, t in zip(small, targets, strict=True)]
        for g, target in pairs:
            squares = (g - target).square().sum()
            if recipe.style_form == "normalised":
                style_term = style_term + weight * squares / target.square().sum()
            else:
                style_term = style_term + weight * squares / (4 * encoder.channels(layer) ** 2)
    content_term = recipe.content_weight * content_term
    strength = 20 ** ((recipe.strength - 50) / 50)
    style_term = recipe.style_weight * strength * style_term
    local = torch.zeros((), dtype=torch.float64)
    if recipe.local_weight:
        local = recipe.local_weight * strength * local_64(recipe, picture, styles, where)
    pixels = picture * recipe.input_range
    right = (pixels[..., 1:] - pixels[..., :-1]).square()
    down = (pixels[..., 1:, :] - pixels[..., :-1, :]).square()
    tv = right.mean() + down.mean() if recipe.tv_form == "mean" else right.sum() + down.sum()
    tv = recipe.tv_weight * tv
    return content_term, style_term, local, tv, content_term + style_term + local + tv


def assert_is_the_equation(encoder, recipe, picture, content, styles, guides=None, tile=None):
    objective = Objective(encoder, recipe, content, styles, guides, tile)
    for turn in range(3):
        leaf = picture.double().requires_grad_()
        expected = total_64(encoder, recipe, leaf, content, styles, guides, turn)
        (slope,) = torch.autograd.grad(expected[-1], leaf)
        losses, gradient = objective.evaluate(picture, turn)
        for name, found, value in zip(losses._fields, losses, expected, strict=True):
            # Whitening enlarges the rounding of fp32 sums by up to a hundred times.
            near = 1e-3 if name == "local" else 1e-4
            assert float(found) == pytest.approx(value.item(), rel=near), name
        assert_same_gradient(gradient, slope)


def assert_same_gradient(found: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    difference = (found.double() - expected.double()).norm()
    assert difference <= tolerance * expected.double().norm()


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("lifted", [False, True])
@pytest.mark.parametrize("recipe", [DEFAULT, PUBLISHED], ids=["default", "published"])
def test_losses_and_gradient_are_those_of_the_equations(recipe, lifted, pooling):
    if recipe is PUBLISHED and lifted:
        recipe = recipe.replace(content_layer="relu4_2")
    assert_is_the_equation(
        random_encoder(pooling, lifted=lifted),
        recipe,
        noise(64, 80, 1),
        noise(64, 80, 2),
        [noise(48, 70, 3)],
    )


@pytest.mark.parametrize("form", ["mean", "quarter-mean"])
def test_means_over_content_are_over_vggs_channels_where_a_lift_stands_for_them(form):
    recipe = PUBLISHED.replace(content_layer="relu4_2", content_form=form)
    encoder = random_encoder(lifted=True)
    assert encoder.channels("relu4_2") == 512
    picture, content = noise(64, 80, 1), noise(64, 80, 2)
    assert_is_the_equation(encoder, recipe, picture, content, [noise(48, 70, 3)])


@pytest.mark.parametrize("name", list(RECIPES))
def test_objective_of_a_named_recipe_is_that_of_its_equations(name):
    recipe = get_recipe(name)
    if recipe.content_layer == "relu5_2":  # which the small network does not have
        recipe = recipe.replace(content_layer="relu5_1")
    encoder = random_encoder("average" if recipe.pooling == "average" else "max")
    assert_is_the_equation(encoder, recipe, noise(64, 80, 1), noise(64, 80, 2), [noise(64, 64, 3)])


def test_mixture_of_styles_is_of_their_gram_matrices_by_weight():
    styles = [noise(48, 64, 3), noise(64, 64, 4).square(), noise(80, 50, 5).sqrt()]
    assert_is_the_equation(
        random_encoder(), DEFAULT.replace(mix=(1, 5, 2)), noise(64, 64, 1), noise(64, 64, 2), styles
    )


def test_mixture_without_weights_is_of_equal_shares():
    styles = [noise(48, 64, 3), noise(64, 64, 4).square()]
    picture, content = noise(64, 64, 1), noise(64, 64, 2)
    assert_is_the_equation(random_encoder(), DEFAULT, picture, content, styles)


def test_mixture_with_all_weight_on_one_style_is_that_style_alone():
    styles = [noise(48, 64, 3), noise(64, 64, 4).square()]
    picture, content = noise(64, 64, 1), noise(64, 64, 2)
    mixed = Objective(random_encoder(), DEFAULT.replace(mix=(0, 7)), content, styles).evaluate(
        picture
    )
    alone = Objective(random_encoder(), DEFAULT, content, styles[1:]).evaluate(picture)
    torch.testing.assert_close(mixed, alone)


@pytest.mark.parametrize("recipe", [DEFAULT, PUBLISHED], ids=["default", "published"])
def test_guided_objective_compares_each_region_with_its_style(recipe):
    styles = [noise(48, 64, 3), noise(64, 64, 4).square()]
    assert_is_the_equation(
        random_encoder(), recipe, noise(64, 80, 1), noise(64, 80, 2), styles, halves(64, 80)
    )


def test_guide_of_ones_is_no_guide():
    picture, content, style = noise(70, 52, 1), noise(70, 52, 2), noise(64, 64, 3)
    guides = torch.ones(1, 1, 70, 52)
    guided = Objective(random_encoder(), DEFAULT, content, [style], guides).evaluate(picture)
    plain = Objective(random_encoder(), DEFAULT, content, [style]).evaluate(picture)
    torch.testing.assert_close(guided, plain)


def test_guide_of_zeros_has_no_style_gradient():
    picture, content, style = noise(64, 64, 1), noise(64, 64, 2), noise(64, 64, 3)
    recipe = DEFAULT.replace(content_weight=0, tv_weight=0)
    guides = torch.zeros(1, 1, 64, 64)
    losses, gradient = Objective(random_encoder(), recipe, content, [style], guides).evaluate(
        picture
    )
    assert torch.isfinite(losses.total)
    assert not gradient.any()


@pytest.mark.parametrize("guided", [False, True], ids=["plain", "guided"])
@pytest.mark.parametrize(
    ("size", "tile"),
    [
        ((117, 203), 1),
        ((117, 203), 16),
        ((117, 203), 50),
        ((117, 203), 100),
        ((117, 203), 160),
        ((128, 96), 64),
        ((96, 97), 96),
        ((33, 65), 32),
    ],
)
def test_tiles_of_any_size_give_the_objective_of_the_whole(size, tile, guided):
    picture, content = noise(*size, 1), noise(*size, 2)
    styles = [noise(90, 133, 3)]
    guides = None
    if guided:
        styles.append(noise(64, 64, 4).square())
        guides = halves(*size)
    encoder = random_encoder(padding="picture")
    losses, gradient = Objective(encoder, DEFAULT, content, styles, guides).evaluate(picture)
    in_tiles = Objective(encoder, DEFAULT, content, styles, guides, tile)
    assert in_tiles.tile is not None
    tiled, tiled_gradient = in_tiles.evaluate(picture)
    for name, found, expected in zip(losses._fields, tiled, losses, strict=True):
        assert float(found) == pytest.approx(float(expected), rel=1e-4), name
    assert_same_gradient(tiled_gradient, gradient)


@pytest.mark.parametrize("recipe", [DEFAULT, PUBLISHED], ids=["default", "published"])
def test_tiled_objective_is_that_of_the_equations(recipe):
    assert_is_the_equation(
        random_encoder("average"),
        recipe,
        noise(75, 110, 1),
        noise(75, 110, 2),
        [noise(48, 70, 3)],
        tile=48,
    )


def test_no_pass_sees_more_than_a_tile_and_its_halo():
    encoder = random_encoder()
    seen: list[tuple[int, int]] = []
    encoder.convolutions["conv1_1"].register_forward_hook(
        lambda module, given, out: seen.append(tuple(given[0].shape[2:]))
    )
    content, style = noise(64, 640, 2), noise(64, 64, 3)
    objective = Objective(encoder, DEFAULT, content, [style], tile=128)
    objective.evaluate(noise(64, 640, 1))
    reach = max(encoder.receptive_radius(layer) for layer in objective.layers)
    assert max(width for _, width in seen) <= 128 + 2 * (reach + 16)


def test_no_pass_sees_more_of_a_large_style_than_a_tile_and_its_halo():
    encoder = random_encoder()
    seen: list[tuple[int, int]] = []
    encoder.convolutions["conv1_1"].register_forward_hook(
        lambda module, given, out: seen.append(tuple(given[0].shape[2:]))
    )
    picture, content, style = noise(64, 64, 1), noise(64, 64, 2), noise(64, 640, 3)
    objective = Objective(encoder, DEFAULT, content, [style], tile=128)
    reach = max(encoder.receptive_radius(layer) for layer in objective.layers)
    assert max(width for _, width in seen) <= 128 + 2 * (reach + 16)
    in_tiles, _ = objective.evaluate(picture)
    whole, _ = Objective(encoder, DEFAULT, content, [style]).evaluate(picture)
    assert float(in_tiles.style) == pytest.approx(float(whole.style), rel=1e-4)


@pytest.mark.parametrize("tile", [None, 32])
def test_picture_that_is_the_photo_has_no_content_loss(tile):
    content = noise(64, 64, 2)
    objective = Objective(random_encoder(), DEFAULT, content, [noise(64, 64, 3)], tile=tile)
    losses, _ = objective.evaluate(content)
    # Tiles sum in another order.
    assert float(losses.content) < 1e-9


def test_picture_that_is_the_style_has_no_style_loss():
    style = noise(64, 64, 3)
    losses, _ = Objective(random_encoder(), DEFAULT, noise(64, 64, 2), [style]).evaluate(style)
    assert float(losses.style) < 1e-9
    assert float(losses.local) < 1e-6


@pytest.mark.parametrize("tile", [None, 32])
def test_evaluation_leaves_the_picture_alone_and_keeps_no_graph(tile):
    picture = noise(64, 64, 1)
    before = picture.clone()
    objective = Objective(
        random_encoder(), DEFAULT, noise(64, 64, 2), [noise(64, 64, 3)], tile=tile
    )
    with torch.no_grad():
        losses, gradient = objective.evaluate(picture)
        again = objective.evaluate(picture)
    assert torch.equal(picture, before)
    assert not picture.requires_grad
    assert not any(tensor.requires_grad for tensor in (*losses, gradient))
    assert gradient.shape == picture.shape
    assert torch.equal(again[1], gradient)


def test_total_is_the_sum_of_its_terms():
    objective = Objective(random_encoder(), DEFAULT, noise(64, 64, 2), [noise(64, 64, 3)])
    losses, _ = objective.evaluate(noise(64, 64, 1))
    assert all(float(term) > 0 for term in losses)
    assert float(losses.total) == pytest.approx(sum(map(float, losses[:-1])), rel=1e-6)


def test_strength_scales_style_and_local_statistics_alone():
    picture, content, style = noise(64, 64, 1), noise(64, 64, 2), noise(64, 64, 3)
    even, _ = Objective(random_encoder(), DEFAULT, content, [style]).evaluate(picture)
    strong = DEFAULT.replace(strength=100)
    more, _ = Objective(random_encoder(), strong, content, [style]).evaluate(picture)
    assert float(more.style) == pytest.approx(20 * float(even.style), rel=1e-5)
    assert float(more.local) == pytest.approx(20 * float(even.local), rel=1e-5)
    assert (float(more.content), float(more.tv)) == (float(even.content), float(even.tv))


def test_layer_named_twice_counts_twice():
    # relu3_1 and block3_conv1 are one layer; its terms add up as the published sum does.
    picture, content, style = noise(64, 64, 1), noise(64, 64, 2), noise(64, 64, 3)

    def style_loss(**changes) -> float:
        objective = Objective(random_encoder(), DEFAULT.replace(**changes), content, [style])
        return float(objective.evaluate(picture)[0].style)

    twice = style_loss(style_layers=("relu3_1", "block3_conv1"), style_layer_weights=(0.3, 0.5))
    once = style_loss(style_layers=("relu3_1",), style_layer_weights=(0.8,))
    assert twice == pytest.approx(once, rel=1e-5)


def test_bf16_objective_is_near_fp32_and_summed_in_fp32():
    picture, content, style = noise(96, 96, 1), noise(96, 96, 2), noise(64, 64, 3)
    exact, slope = Objective(random_encoder(), DEFAULT, content, [style]).evaluate(picture)
    encoder = random_encoder().bfloat16()
    losses, gradient = Objective(encoder, DEFAULT, content, [style]).evaluate(picture)
    assert {tensor.dtype for tensor in (*losses, gradient)} == {torch.float32}
    assert float(losses.total) == pytest.approx(float(exact.total), rel=0.05)
    cosine = F.cosine_similarity(gradient.flatten(), slope.flatten(), dim=0)
    assert cosine > 0.97


def test_layer_that_the_network_does_not_have_is_refused():
    with pytest.raises(BadInput, match="relu5_4"):
        Objective(
            random_encoder(),
            DEFAULT.replace(content_layer="relu5_4"),
            noise(64, 64, 1),
            [noise(64, 64, 2)],
        )


@pytest.mark.parametrize("tile", [None, 64])
def test_the_deepest_layer_sees_every_row_and_column_of_odd_sides(tile):
    recipe = DEFAULT.replace(
        style_layers=("relu5_1",), style_layer_weights=(1.0,), content_weight=0, tv_weight=0
    )
    content, style = noise(64 + 14, 80 + 15, 1), noise(64, 64, 2)
    objective = Objective(random_encoder(), recipe, content, [style], tile=tile)
    _, gradient = objective.evaluate(content)
    rows, columns = gradient.abs().sum((0, 1, 3)), gradient.abs().sum((0, 1, 2))
    assert rows.min() > 0.05 * rows.mean()
    assert columns.min() > 0.05 * columns.mean()


def test_local_statistics_of_a_picture_do_not_depend_on_the_tiles():
    content, style = noise(70, 90, 2), noise(64, 64, 3)
    tiles = [None, 32, 48]
    objectives = [Objective(random_encoder(), DEFAULT, content, [style], tile=t) for t in tiles]
    found = {float(objective.evaluate(noise(70, 90, 1))[0].local) for objective in objectives}
    assert len(found) == 1


def test_octaves_that_a_narrow_style_does_not_have_are_left_out():
    picture, content, style = noise(64, 64, 1), noise(64, 64, 2), noise(64, 64, 3)
    many, all_there_are = (
        Objective(random_encoder(), DEFAULT.replace(local_octaves=n), content, [style])
        for n in (6, 5)
    )
    assert many.evaluate(picture)[0].local == all_there_are.evaluate(picture)[0].local > 0

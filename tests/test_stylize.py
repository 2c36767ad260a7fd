"""The engine: it paints, stops, goes on, repeats itself, and keeps what it has when things fail."""

import gc
import itertools
import math
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio.media
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nst.engine import recovery
from nst.engine.canvas import Canvas, resize
from nst.engine.colour import colour_axes, match_palette
from nst.engine.encoders import Encoder
from nst.engine.objective import Objective
from nst.engine.stylize import Step, stylize
from nst.errors import BadInput, NstError
from nst.pictures.images import fit, open_photo, to_tensor
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe
from nst.weights import build_encoder

STYLES = Path(__file__).parents[1] / "examples" / "styles"
PRESETS = [STYLES / "charcoal.jpg", STYLES / "woodblock-wave.jpg"]
BLOCKS = ((6,), (8, 8), (8, 8, 8), (8, 8, 8), (8,))
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
FACTOR = 255 * (0.229 + 0.224 + 0.225) / 3
QUICK = Recipe(start="content", scales=1, steps=6, size=64, seed=1, tv_weight=0, learning_rate=0.03)
STILL = QUICK.replace(steps=1, learning_rate=1e-6)  # shows its start


class Faulty(Encoder):
    """An encoder that can be made to fail; the fault outlives copies of it."""

    fault: list = []  # noqa: RUF012

    def forward(self, image, layers):
        found = super().forward(image, layers)
        return {la: self.fault[0](f) for la, f in found.items()} if self.fault else found


@pytest.fixture
def faulty():
    Faulty.fault.clear()
    yield initialised(Faulty("tiny", BLOCKS))
    Faulty.fault.clear()


def initialised(encoder: Encoder) -> Encoder:
    torch.manual_seed(5)
    for conv in encoder.convolutions.values():
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.uniform_(conv.bias, -0.2, 0.2)
    return encoder.requires_grad_(False)


@pytest.fixture(scope="module")
def tiny() -> Encoder:
    return initialised(Encoder("tiny", BLOCKS, "average"))


@pytest.fixture(scope="module")
def compact() -> Encoder:
    return build_encoder("compact")


@pytest.fixture
def rates(monkeypatch) -> list[float]:
    """The rate of every step that is taken."""
    taken: list[float] = []
    step = Canvas.step

    def watched(self, gradient, rate, *rest):
        taken.append(rate)
        step(self, gradient, rate, *rest)

    monkeypatch.setattr(Canvas, "step", watched)
    return taken


def lion(width: int = 64) -> Tensor:
    """A real photo, cropped to 4:3."""
    photo = fit(open_photo(gradio.media.get_image("lion.jpg")), width)
    return to_tensor(photo)[..., : width * 3 // 4, :]


def preset(side: int = 160) -> Tensor:
    return to_tensor(fit(open_photo(PRESETS[0]), side))


def paint(content, styles, recipe, encoder, **rest) -> list[Step]:
    styles = styles if isinstance(styles, list) else [styles]
    return list(stylize(content, styles, recipe, encoder, **rest))


def last(*args, **rest) -> Step:
    return paint(*args, **({"every": None} | rest))[-1]


def total(step: Step) -> float:
    assert step.losses is not None
    return step.losses.total


# What a painting is


def test_painting_a_photo_lowers_the_total_loss_and_stays_in_range(compact):
    steps = paint(lion(), preset(), QUICK.replace(steps=20), compact, every=0)
    assert total(steps[-1]) < 0.6 * total(steps[0])
    for step in steps:
        assert step.picture.dtype == torch.float32
        assert step.picture.min() >= 0
        assert step.picture.max() <= 1


@pytest.mark.slow
def test_default_recipe_lowers_the_loss_at_every_scale_and_paints(compact):
    content, recipe = lion(128), Recipe(size=128, scales=2, steps=90)
    steps = paint(content, preset(), recipe, compact, every=0)
    for _, group in itertools.groupby(steps, key=lambda step: step.size):
        one_scale = list(group)
        assert total(one_scale[-1]) < 0.9 * total(one_scale[0])
    plain = Objective(compact, recipe, content, [resize(preset(), (96, 128))])
    before, _ = plain.evaluate(content)
    after, _ = plain.evaluate(steps[-1].picture)
    assert after.total < 0.5 * before.total


def test_picture_stays_in_range_at_a_rate_that_throws_it_about(tiny):
    step = last(lion(), preset(), QUICK.replace(learning_rate=1, local_weight=0), tiny)
    assert step.picture.min() == 0
    assert step.picture.max() == 1


def test_every_step_is_yielded_and_the_last_has_the_result(tiny):
    steps = paint(lion(), preset(), QUICK, tiny, every=None)
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6, 6]
    assert {step.total for step in steps} == {6}
    assert [step.done for step in steps] == [False] * 6 + [True]
    assert [step.picture is not None for step in steps] == [False] * 6 + [True]
    assert torch.equal(steps[-1].picture, steps[-1].canvas.picture)
    assert math.fsum(steps[-1].losses[:-1]) == pytest.approx(total(steps[-1]), rel=1e-5)
    assert steps[-1].seconds_left == 0
    assert steps[-1].notes == ()


def test_a_picture_at_every_step_is_the_picture_at_that_step(tiny):
    steps = paint(lion(), preset(), QUICK, tiny, every=0)
    assert all(step.picture is not None and step.losses is not None for step in steps)
    changes = [(b.picture - a.picture).abs().max() for a, b in itertools.pairwise(steps[:-1])]
    assert all(change > 0 for change in changes)
    assert torch.equal(steps[-2].picture, steps[-1].picture)


def test_yielded_pictures_are_the_consumers_own(tiny):
    undisturbed = last(lion(), preset(), QUICK, tiny, every=0).picture
    for step in stylize(lion(), [preset()], QUICK, tiny, every=0):
        picture = step.picture.clone()
        step.picture.fill_(math.nan)
    assert torch.equal(picture, undisturbed)


def test_pictures_that_come_in_are_left_as_they_were(tiny):
    content, style = lion(), preset()
    before = content.clone(), style.clone()
    paint(
        content,
        style,
        QUICK.replace(colours="palette"),
        tiny,
        mask=torch.full_like(content[:, :1], 0.5),
    )
    assert torch.equal(content, before[0])
    assert torch.equal(style, before[1])


def test_coarse_to_fine_doubles_the_size_and_leaves_out_what_is_too_small(tiny):
    recipe = Recipe(size=128, scales=3, steps=12)
    steps = paint(lion(128), preset(), recipe, tiny, every=None)
    sizes = [size for size, _ in itertools.groupby(step.size for step in steps)]
    assert sizes == [(48, 64), (96, 128)]  # a quarter would have been 24 x 32
    assert steps[-1].step == steps[-1].total == 12


def test_moments_and_the_photos_detail_are_carried_up(tiny):
    recipe = QUICK.replace(steps=12, scales=2, size=128)
    assert last(lion(128), preset(), recipe, tiny).canvas.steps == 12
    # Next to nothing is painted, so what comes out has been through half the size and back.
    still = last(lion(128), preset(), recipe.replace(learning_rate=1e-6), tiny)
    torch.testing.assert_close(still.picture, lion(128), rtol=0, atol=1e-3)


def test_rate_falls_to_its_share_within_each_scale(tiny, rates):
    recipe = Recipe(size=96, scales=2, steps=20, learning_rate=0.02, final_rate=0.1)
    paint(lion(96), preset(), recipe, tiny, every=None)
    first, _ = recipe.schedule()[0]
    for scale in (rates[:first], rates[first:]):
        assert scale[0] == pytest.approx(0.02)
        assert scale[-1] == pytest.approx(0.002)
        assert scale == sorted(scale, reverse=True)


def test_rate_that_does_not_fall_stays(tiny, rates):
    paint(lion(), preset(), QUICK.replace(final_rate=1), tiny, every=None)
    assert rates == [QUICK.learning_rate] * 6


@pytest.mark.parametrize("axes", ["rgb", "one for all", "one a pixel"])
def test_canvas_moves_as_adam_does_along_its_axes(axes):
    # Kingma and Ba 2015, algorithm 1 with the last three lines as section 2 replaces them, for y
    # in the picture x = A y.
    recipe = Recipe(beta1=0.9, beta2=0.99, epsilon=1e-3)
    rng = np.random.default_rng(0)
    x = rng.uniform(0.3, 0.7, (1, 3, 4, 5))
    a = {"rgb": np.eye(3), "one for all": rng.normal(size=(3, 3))}.get(axes)
    a = (
        rng.normal(size=(3, 3, 4, 5))
        if a is None
        else np.broadcast_to(a[..., None, None], (3, 3, 4, 5))
    )
    given = {"rgb": None, "one for all": torch.from_numpy(a[..., 0, 0].copy()).float()}
    given = given.get(axes, torch.from_numpy(a.copy()).float())
    canvas = Canvas(torch.from_numpy(x).float())
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t in range(1, 8):
        g = rng.normal(size=x.shape) * 1e-2
        along = np.einsum("jihw,njhw->nihw", a, g)
        m = 0.9 * m + 0.1 * along
        v = 0.99 * v + 0.01 * along**2
        alpha = 0.01 * np.sqrt(1 - 0.99**t) / (1 - 0.9**t)
        x = (x - alpha * np.einsum("ijhw,njhw->nihw", a, m / (np.sqrt(v) + 1e-3))).clip(0, 1)
        canvas.step(torch.from_numpy(g).float(), 0.01, recipe, given)
        np.testing.assert_allclose(canvas.picture.numpy(), x, atol=1e-5)
    assert canvas.steps == 7


def test_lbfgs_along_axes_is_lbfgs_of_the_amounts():
    recipe, axes = (
        Recipe(optimiser="lbfgs"),
        torch.randn(3, 3, generator=torch.Generator().manual_seed(1)),
    )
    aim, start = torch.rand(1, 3, 4, 5), torch.rand(1, 3, 4, 5)
    canvas, amounts = Canvas(start.clone()), Canvas(torch.zeros_like(start))
    for _ in range(5):
        canvas.step(canvas.picture - aim, 0.3, recipe, axes)
        moved = start + torch.einsum("ij,njhw->nihw", axes, amounts.picture)
        amounts.step(torch.einsum("ij,nihw->njhw", axes, moved - aim), 0.3, recipe)
    expected = start + torch.einsum("ij,njhw->nihw", axes, amounts.picture)
    torch.testing.assert_close(canvas.picture, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("recipe", [Recipe(), get_recipe("gatys"), get_recipe("keras-tv")])
def test_default_steps_along_the_styles_colours_and_published_recipes_in_rgb(
    tiny, recipe, monkeypatch
):
    used, step = [], Canvas.step

    def watched(self, gradient, rate, recipe, axes):
        used.append(axes)
        step(self, gradient, rate, recipe, axes)

    monkeypatch.setattr(Canvas, "step", watched)
    layer = "relu4_2" if recipe.content_layer == "relu5_2" else recipe.content_layer
    recipe = recipe.replace(size=64, scales=1, steps=1, content_layer=layer)
    for styles, mask in (
        ([preset()], None),
        ([preset(), lion()], None),
        ([preset(), lion()], torch.ones_like(lion()[:, :1])),
    ):
        last(lion(), styles, recipe, tiny, mask=mask)
    if recipe.name != "default":
        assert used == [None] * 3
        return
    one, mixed, by_region = used
    assert torch.equal(one, colour_axes([preset()]))
    assert torch.equal(mixed, colour_axes([preset(), lion()]))
    assert torch.equal(by_region[..., 5, 7], one)


@pytest.mark.parametrize("size", [(48, 64), (37, 53), (18, 24)])
def test_canvas_of_another_size_takes_no_larger_steps(size):
    # |m| <= sqrt(v) bounds Adam's step by its rate; a filter with weights below zero breaks it.
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(1, 3, 24, 32, generator=generator) ** 3
    picture = torch.full_like(first, 0.5)
    photo = torch.full((1, 3, *size), 0.5)
    grown = Canvas(picture, first, first.square(), steps=9).resized(picture, photo)
    assert grown.size == size
    assert (grown.exp_avg.abs() <= 1.001 * grown.exp_avg_sq.sqrt()).all()
    assert grown.exp_avg.std() > 0.1


# The same again


def test_same_seed_paints_the_same_picture(tiny):
    for start in ("content", "noise", "blend", "recoloured"):
        recipe = QUICK.replace(start=start, scales=2, size=96)
        pictures = [last(lion(96), preset(), recipe, tiny).picture for _ in range(2)]
        assert torch.equal(*pictures)


@pytest.mark.parametrize("start", ["noise", "blend"])
def test_another_seed_starts_from_other_noise(tiny, start):
    one, other = (
        last(lion(), preset(), STILL.replace(start=start, seed=seed), tiny).picture
        for seed in (1, 2)
    )
    assert (one - other).abs().mean() > 0.01


def test_seed_is_of_no_account_without_noise(tiny):
    one, other = (last(lion(), preset(), QUICK.replace(seed=seed), tiny).picture for seed in (1, 2))
    assert torch.equal(one, other)


def test_asking_for_pictures_does_not_change_the_painting(tiny):
    recipe = QUICK.replace(scales=2, size=96)
    often = last(lion(96), preset(), recipe, tiny, every=0).picture
    assert torch.equal(often, last(lion(96), preset(), recipe, tiny).picture)


# The start


def test_a_plain_ground_is_painted_as_much_at_its_edges_as_inside(compact):
    generator = torch.Generator().manual_seed(3)
    blots = [
        F.interpolate(torch.rand(1, 3, n, n, generator=generator), (160, 160), mode="bilinear")
        for n in (162, 42, 12)
    ]
    recipe = Recipe(size=160, steps=30, scales=1)
    plain = torch.full((1, 3, 160, 160), 0.8)
    picture = last(plain, torch.stack(blots).mean(0), recipe, compact).picture
    smooth = F.avg_pool2d(F.pad(picture, (4, 4, 4, 4), mode="reflect"), 9, 1)
    detail = (picture - smooth).square().mean((0, 1))
    edge = torch.ones_like(detail, dtype=torch.bool)
    edge[24:-24, 24:-24] = False
    assert detail[edge].mean() > 0.8 * detail[40:-40, 40:-40].mean()


def test_start_from_content_is_the_photo(tiny):
    torch.testing.assert_close(
        last(lion(), preset(), STILL, tiny).picture, lion(), rtol=0, atol=1e-5
    )


def test_blended_start_is_the_published_one(tiny):
    # In 0..255 less the means: ratio of uniform noise in -20..20, the rest of the photo.
    # The means are torchvision's, within half a level of the originals.
    recipe = STILL.replace(start="blend", noise_ratio=0.6, noise_amplitude=20)
    found = 255 * last(lion(), preset(), recipe, tiny).picture[0].double().numpy()
    means = np.array([123.68, 116.779, 103.939]).reshape(3, 1, 1)
    photo = 255 * lion()[0].double().numpy() - means
    noise = (found - means - 0.4 * photo) / 0.6
    assert np.abs(noise).max() <= 20.6
    assert noise.std() == pytest.approx(20 / math.sqrt(3), rel=0.03)
    assert np.abs(noise.mean((1, 2))).max() < 1.5


def test_noise_ratio_0_is_the_photo_and_1_is_noise_alone(tiny):
    blend = STILL.replace(start="blend", noise_amplitude=60)
    photo = last(lion(), preset(), blend.replace(noise_ratio=0), tiny).picture
    torch.testing.assert_close(photo, lion(), rtol=0, atol=1e-5)
    pure = last(lion(), preset(), blend.replace(noise_ratio=1), tiny).picture
    noise = last(lion(), preset(), blend.replace(start="noise"), tiny).picture
    # The same noise, once around the channels' means, once in the middle of the range.
    shift = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) - 0.5
    torch.testing.assert_close(pure, noise + shift, rtol=0, atol=1e-5)
    assert np.abs(np.corrcoef(pure.flatten(), lion().flatten())[0, 1]) < 0.1


def test_white_noise_fills_the_range(tiny):
    picture = last(lion(), preset(), STILL.replace(start="noise"), tiny).picture
    assert picture.min() < 0.01
    assert picture.max() > 0.97
    assert picture.std() == pytest.approx(1 / math.sqrt(12), rel=0.05)


def test_start_from_a_picture_is_that_picture(tiny):
    start = lion(96).flip(3)
    step = last(lion(), preset(), STILL, tiny, start=start)
    expected = resize(start, tuple(lion().shape[2:])).clamp(0, 1)
    torch.testing.assert_close(step.picture, expected, rtol=0, atol=1e-5)


def test_start_from_a_canvas_goes_on(tiny):
    recipe = QUICK.replace(steps=24, scales=2, size=96)
    first = last(lion(96), preset(), recipe, tiny)
    picture, age = first.canvas.picture.clone(), first.canvas.steps
    more = paint(lion(96), preset(), recipe, tiny, start=first.canvas, every=0)
    # Only the finest scale is painted, from where the first left it, and further down.
    assert {step.size for step in more} == {first.size}
    assert total(more[0]) == pytest.approx(total(first), rel=1e-4)
    assert total(more[-1]) < total(first)
    assert more[-1].canvas.steps == age + more[-1].total
    assert more[-1].total >= 8
    assert torch.equal(first.canvas.picture, picture)
    assert first.canvas.steps == age


def test_a_smaller_canvas_is_gone_on_from_at_the_larger_scales_only(tiny):
    first = last(lion(64), preset(), QUICK.replace(size=64, steps=40), tiny)
    recipe = QUICK.replace(size=256, scales=3, steps=19, learning_rate=1e-3)
    more = paint(lion(256), preset(), recipe, tiny, start=first.canvas, every=0)
    _, (middle, _), (fine, _) = recipe.schedule()
    assert [max(step.size) for step in more] == [128] * middle + [256] * fine + [256]
    assert more[-1].step == more[-1].total == middle + fine
    assert more[-1].canvas.steps == first.canvas.steps + middle + fine
    # It is the same picture, larger.
    small = resize(more[-1].picture, first.size)
    photo = resize(lion(256), first.size)
    assert (small - first.picture).abs().mean() < 0.5 * (small - photo).abs().mean()


def test_start_from_a_smaller_canvas_keeps_the_photos_detail(tiny):
    # A canvas that is the photo grows into the photo, sharp, not into an enlargement.
    small, large = lion(64), lion(128)
    step = last(large, preset(), STILL, tiny, start=Canvas(small))
    content = resize(small, tuple(large.shape[2:])).clamp(0, 1)
    found = (step.picture - large).abs().mean()
    assert found < 0.3 * (content - large).abs().mean()


# Frames


def test_frames_are_kept_at_exactly_their_steps(tiny):
    recipe = QUICK.replace(steps=10, keep_at=(1, 3, 7, 10))
    steps = paint(lion(), preset(), recipe, tiny, every=None)
    assert [step.step for step in steps if step.picture is not None] == [1, 3, 7, 10, 10]
    assert [step.step for step in steps if step.losses is not None] == [1, 3, 7, 10, 10]


@pytest.mark.parametrize("scales", [1, 2])
def test_frames_are_kept_at_every_so_many_steps(tiny, scales):
    recipe = QUICK.replace(steps=13, keep_every=4, size=96, scales=scales)
    steps = paint(lion(96), preset(), recipe, tiny, every=None)
    assert [step.step for step in steps if step.picture is not None] == [4, 8, 12, 13]


def test_kept_frames_do_not_depend_on_how_often_pictures_are_shown(tiny):
    recipe = QUICK.replace(steps=9, keep_at=(2, 5))
    often, never = (
        [s.picture for s in paint(lion(), preset(), recipe, tiny, every=every) if s.step in (2, 5)]
        for every in (0, None)
    )
    assert all(map(torch.equal, often, never))


# Stopping


def objectives() -> int:
    gc.collect()
    return sum(type(thing) is Objective for thing in gc.get_objects())


def test_closing_early_frees_what_the_painting_held(tiny):
    before, content = objectives(), lion()
    held = weakref.ref(content)
    painting = stylize(content, [preset()], QUICK, tiny, every=0)
    first = next(painting)
    assert objectives() == before + 1
    painting.close()
    del content
    assert objectives() == before
    assert held() is None
    assert torch.isfinite(first.picture).all()
    with pytest.raises(StopIteration):
        next(painting)


def test_deadline_ends_the_painting_with_what_is_there_and_says_so(tiny):
    steps = paint(lion(), preset(), QUICK, tiny, every=None, deadline=0)
    assert [step.step for step in steps] == [1, 1]
    assert steps[-1].done
    assert steps[-1].picture is not None
    (note,) = steps[-1].notes
    assert "1 of 6 steps" in note


def test_deadline_does_not_end_with_a_broken_picture(faulty, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("nst.engine.stylize.time.perf_counter", lambda: now[0])
    painting = stylize(lion(), [preset()], QUICK, faulty, every=None, deadline=10)
    for _ in range(3):
        next(painting)
    Faulty.fault.append(broken(1, is_nan))
    now[0] = 20.0
    steps = list(painting)
    assert torch.isfinite(steps[-1].picture).all()
    assert all(math.isfinite(loss) for loss in steps[-1].losses)
    assert steps[-1].done
    assert any("of 6 steps" in note for note in steps[-1].notes)


def test_deadline_that_is_not_reached_changes_nothing(tiny):
    step = last(lion(), preset(), QUICK, tiny, deadline=3600)
    assert (step.step, step.notes) == (6, ())


# Every device


class Apple(TorchDispatchMode):
    """Refuses what Apple's GPUs lack: float64, and decompositions, of more than a small matrix.

    Small matrices are taken for the CPU's, where they belong.
    """

    SMALL = 28 * 28
    LACKS = ("eigh", "eig", "svd", "qr", "lu", "solve", "inv", "cholesky", "lstsq")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves((args, found)) if isinstance(t, Tensor)]
        large = [t for t in tensors if t.numel() > self.SMALL]
        assert all(t.dtype != torch.float64 for t in large), func
        name = func.name().partition("::")[2].removeprefix("_").removeprefix("linalg_")
        assert not (large and name.split(".")[0].startswith(self.LACKS)), func
        return found


@pytest.mark.parametrize("name", RECIPES)
def test_a_whole_painting_needs_nothing_that_apples_gpus_lack(compact, name):
    recipe = get_recipe(name).replace(size=64, steps=2, keep_at=(), keep_every=0)
    palette, photo = (recipe.replace(colours=colours) for colours in ("palette", "photo"))
    with Apple():
        mixed = last(lion(), [preset(), preset(96)], palette, compact)
        masked = last(lion(), preset(), photo, compact, mask=torch.ones_like(lion()[:, :1]))
    assert mixed.done
    assert masked.done


# Threads and modes


def test_consumers_grad_mode_is_its_own(tiny):
    painting = stylize(lion(), [preset()], QUICK.replace(scales=2, size=96), tiny, every=0)
    for i, _ in enumerate(painting):
        assert torch.is_grad_enabled() == (i % 2 == 0)
        assert not torch.is_autocast_enabled("cpu")
        torch.set_grad_enabled(i % 2 == 1)
    torch.set_grad_enabled(True)


def test_painting_works_under_no_grad(tiny):
    expected = last(lion(), preset(), QUICK, tiny).picture
    with torch.no_grad():
        found = last(lion(), preset(), QUICK, tiny).picture
        assert not torch.is_grad_enabled()
    assert torch.equal(found, expected)


def test_steps_may_be_asked_for_from_changing_threads(tiny):
    recipe = QUICK.replace(scales=2, size=96)
    painting = stylize(lion(96), [preset()], recipe, tiny, every=0)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        steps = []
        for thread in itertools.cycle((one, two)):
            step = thread.submit(next, painting, None).result()
            if step is None:
                break
            steps.append(step)
            assert thread.submit(torch.is_grad_enabled).result()
    expected = last(lion(96), preset(), recipe, tiny)
    torch.testing.assert_close(steps[-1].picture, expected.picture, rtol=0, atol=1e-4)


# Masks


def test_mask_of_zeros_returns_the_photo(tiny):
    content = lion()
    for start in ("content", "noise"):
        step = last(
            content,
            preset(),
            QUICK.replace(start=start),
            tiny,
            mask=torch.zeros_like(content[:, :1]),
        )
        assert torch.equal(step.picture, content)


def test_mask_of_ones_is_no_mask(tiny):
    content = lion()
    masked = last(content, preset(), QUICK, tiny, mask=torch.ones_like(content[:, :1]))
    plain = last(content, preset(), QUICK, tiny)
    torch.testing.assert_close(masked.picture, plain.picture, rtol=0, atol=1e-3)
    assert total(masked) == pytest.approx(total(plain), rel=1e-3)


def test_mask_keeps_the_photo_outside_and_paints_inside(tiny):
    content = lion()
    mask = torch.zeros_like(content[:, :1])
    mask[..., :30] = 1
    mask[..., 30:34] = 0.5
    step = last(content, preset(), QUICK.replace(strength=90), tiny, mask=mask)
    picture = step.picture
    assert torch.equal(picture[..., 34:], content[..., 34:])
    # Nor does anything grow there unseen, which would show once the mask is taken away.
    assert torch.equal(step.canvas.picture[..., 34:], content[..., 34:])
    inside = (picture - content)[..., :30].abs().mean()
    edge = (picture - content)[..., 30:34].abs().mean()
    assert inside > 0.01
    assert 0 < edge < inside


def statistics(encoder: Encoder, picture: Tensor) -> list[np.ndarray]:
    """Gram matrices of the shallow layers, in the space that the encoder's distances mean."""
    grams = []
    for layer, features in encoder(picture, LAYERS[:3]).items():
        f = features[0].flatten(1).double().numpy()
        if layer in encoder.projections:
            f = encoder.projections[layer].double().numpy() @ np.vstack(
                [f, np.ones((1, f.shape[1]))]
            )
        grams.append(f @ f.T / f.shape[1])
    return grams


def distance(encoder: Encoder, picture: Tensor, style: Tensor) -> float:
    pairs = zip(statistics(encoder, picture), statistics(encoder, style), strict=True)
    return float(np.mean([((g - a) ** 2).sum() / (a**2).sum() for g, a in pairs]))


@pytest.mark.slow
def test_each_region_has_its_styles_statistics_better_than_a_mixture_has(compact):
    content, recipe = lion(96), QUICK.replace(size=96, steps=40, local_weight=0)
    mask = torch.zeros_like(content[:, :1])
    mask[..., :48] = 1
    styles = [to_tensor(fit(open_photo(path), 96)) for path in (PRESETS[0], PRESETS[-1])]

    def distances(**rest) -> tuple[float, float]:
        picture = last(content, styles, recipe, compact, **rest).picture
        # Away from the border between the regions.
        left, right = picture[..., :40], picture[..., 56:]
        return distance(compact, left, styles[0]), distance(compact, right, styles[1])

    guided, mixed = distances(mask=mask), distances()
    assert guided[0] < 0.7 * mixed[0]
    assert guided[1] < 0.7 * mixed[1]


# Who finishes


@pytest.fixture
def wide() -> Encoder:
    return initialised(Encoder("wide", ((8,), (16, 16), (16,) * 3, (16,) * 3, (16,)), "max"))


@pytest.fixture
def judged(monkeypatch) -> list[Encoder]:
    """Which network has judged, step by step."""
    seen, evaluate = [], Objective.evaluate

    def watched(self, picture, turn=0):
        seen.append(self.encoder)
        return evaluate(self, picture, turn)

    monkeypatch.setattr(Objective, "evaluate", watched)
    return seen


@pytest.mark.parametrize(
    ("share", "finished"), [(0.0, (0, 0)), (0.25, (3, 2)), (0.5, (6, 4)), (1.0, (11, 9))]
)
def test_finishing_network_judges_the_last_steps_of_each_scale(tiny, wide, judged, share, finished):
    recipe = QUICK.replace(size=128, scales=2, steps=20, finish_share=share)
    counts = [count for count, _ in recipe.schedule()]
    steps = paint(lion(128), preset(), recipe, tiny, finish=wide, every=None)
    expected = []
    for count, last in zip(counts, finished, strict=True):
        expected += [tiny] * (count - last) + [wide] * last
    assert judged[:20] == expected  # and once more for the losses of the last picture
    assert [step.step for step in steps[:-1]] == list(range(1, 21))
    assert steps[-1].finished == sum(finished)


def test_until_the_finish_the_painting_is_as_it_would_be_and_after_it_is_not(tiny, wide):
    recipe = QUICK.replace(size=64, scales=1, steps=8, local_weight=0)
    both = paint(lion(64), preset(), recipe, tiny, finish=wide, every=0)
    alone = paint(lion(64), preset(), recipe, tiny, every=0)
    for a, b in zip(both[:6], alone[:6], strict=True):
        assert torch.equal(a.picture, b.picture)
    assert (both[-1].picture - alone[-1].picture).abs().max() > 0.01
    whole = paint(lion(64), preset(), recipe.replace(finish_share=1), tiny, finish=wide, every=0)
    other = paint(lion(64), preset(), recipe, wide, every=0)
    assert torch.equal(whole[-1].picture, other[-1].picture)


def test_lbfgs_takes_no_pairs_of_one_network_to_the_other(tiny, wide, monkeypatch):
    recipe = QUICK.replace(size=64, scales=1, steps=8, optimiser="lbfgs", learning_rate=0.5)
    known, step = [], Canvas.step

    def seen(self, *told):
        known.append(self.lbfgs)
        step(self, *told)

    monkeypatch.setattr(Canvas, "step", seen)
    paint(lion(64), preset(), recipe, tiny, finish=wide, every=None)
    assert [pairs is None for pairs in known] == [i in (0, 6) for i in range(8)]


def test_seconds_left_tell_the_paces_of_the_two_networks_apart(tiny, wide, monkeypatch):
    """On a clock by which a thousand pixels take the finish 8 s and the encoder 1 s."""
    now = [0.0]
    evaluate = Objective.evaluate

    def slow(self, picture, turn=0):
        now[0] += (8 if self.encoder is wide else 1) * picture[0, 0].numel() / 1000
        return evaluate(self, picture, turn)

    monkeypatch.setattr(Objective, "evaluate", slow)
    monkeypatch.setattr("nst.engine.stylize.time.perf_counter", lambda: now[0])
    recipe = QUICK.replace(size=128, scales=2, steps=20)
    steps = paint(lion(128), preset(), recipe, tiny, finish=wide, every=None)[:-1]
    # Before it has judged, the finish's pace is guessed from the work it has to do.
    small, large, guess = 48 * 64 / 1000, 96 * 128 / 1000, wide.work / tiny.work
    legs = [(8, small, 1), (3, small, 8), (7, large, 1), (2, large, 8)]
    for step in steps:
        ahead, done = 0.0, step.step
        for count, each, slower in legs:
            left, done = max(0, count - done), max(0, done - count)
            ahead += left * each * (guess if slower > 1 and step.step < 9 else slower)
        assert step.seconds_left == pytest.approx(ahead)


def test_lost_numbers_of_the_finish_are_met_by_the_same_network_in_fp32(tiny, faulty, judged):
    recipe = QUICK.replace(size=64, scales=1, steps=12)
    painting = stylize(lion(64), [preset()], recipe, tiny, finish=faulty.bfloat16(), every=0)
    while next(painting).finished < 1:
        pass
    Faulty.fault.append(broken(1, is_nan))
    judged.clear()
    steps = list(painting)
    assert [encoder.dtype for encoder in judged] == [torch.bfloat16, *[torch.float32] * 3]
    assert all(isinstance(encoder, Faulty) for encoder in judged)
    assert steps[-1].finished == 3
    assert steps[-1].step == 12
    assert all(torch.isfinite(step.picture).all() for step in steps)
    assert "fp32" in steps[-1].notes[0]


# Brush, colours, scale of the input


def seen_by(encoder: Encoder) -> tuple[list[tuple[int, int]], object]:
    seen: list[tuple[int, int]] = []
    hook = encoder.convolutions["conv1_1"].register_forward_hook(
        lambda module, given, out: seen.append(tuple(given[0].shape[2:]))
    )
    return seen, hook


@pytest.mark.parametrize(
    ("brush", "own", "wanted"), [(1, 160, 64), (0.5, 160, 32), (2, 160, 128), (4, 160, 160)]
)
def test_brush_scales_the_style_with_the_photo_up_to_its_own_pixels(tiny, brush, own, wanted):
    style = torch.rand(1, 3, own, own)
    seen, hook = seen_by(tiny)
    step = last(lion(64), style, QUICK.replace(brush=brush), tiny)
    hook.remove()
    assert (wanted, wanted) in seen
    assert max(max(size) for size in seen) == max(wanted, 64)
    if brush * 64 > own:
        (note,) = step.notes
        assert "160 px" in note
        assert "256 px" in note
    else:
        assert step.notes == ()


def test_photo_colours_have_the_photos_chrominance(tiny):
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    content = 0.4 + 0.2 * lion()  # so that no colour has to be brought back into range
    style = 0.4 + 0.2 * preset()
    picture = last(content, style, QUICK.replace(colours="photo"), tiny).picture
    chroma = [p - (p * weights).sum(1, keepdim=True) for p in (picture, content)]
    torch.testing.assert_close(*chroma, rtol=0, atol=1e-4)
    assert (picture - content).abs().max() > 0.02


def test_palette_paints_with_the_style_in_the_photos_colours(tiny):
    matched = match_palette(preset(), lion()).clamp(0, 1)
    found = last(lion(), preset(), QUICK.replace(colours="palette"), tiny).picture
    assert torch.equal(found, last(lion(), matched, QUICK, tiny).picture)


@pytest.mark.parametrize("content_form", ["half-sum", "quarter-mean", "mean"])
def test_recipe_for_0_to_255_paints_what_a_scaled_first_layer_paints(content_form):
    # A ReLU network without biases behind its first layer passes that layer's scale on.
    unit = initialised(Encoder("tiny", BLOCKS, "average"))
    for name, conv in unit.convolutions.items():
        if name != "conv1_1":
            conv.bias.zero_()
    scaled = initialised(Encoder("tiny", BLOCKS, "average"))
    scaled.load_state_dict(unit.state_dict())
    scaled.convolutions["conv1_1"].weight.mul_(FACTOR)
    scaled.convolutions["conv1_1"].bias.mul_(FACTOR)
    published = QUICK.replace(
        content_form=content_form,
        style_form="gatys",
        style_weight=10,
        content_weight=0.1,
        input_range=255,
        steps=12,
    )
    one = last(lion(), preset(), published, unit)
    other = last(lion(), preset(), published.replace(input_range=1), scaled)
    assert one.losses == pytest.approx(other.losses, rel=1e-3)
    torch.testing.assert_close(one.picture, other.picture, rtol=0, atol=1e-3)
    neither = last(lion(), preset(), published.replace(input_range=1), unit)
    assert (neither.picture - one.picture).abs().max() > 0.01


# When things go wrong


def broken(times: int, fault):
    """A fault for the next so many layers of the encoder."""
    left = iter(range(times))
    return lambda features: fault(features) if next(left, None) is not None else features


def is_nan(features: Tensor) -> Tensor:
    return features * math.nan


def nan_gradient(features: Tensor) -> Tensor:
    if features.requires_grad:
        features.register_hook(lambda gradient: gradient * math.nan)
    return features


def no_cuda_memory(features: Tensor) -> Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


def no_memory(features: Tensor) -> Tensor:
    torch.empty(10**15)
    return features


def no_apple_memory(features: Tensor) -> Tensor:
    raise RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB, max allowed: 9.07 GB).")


def no_windows_memory(features: Tensor) -> Tensor:
    raise RuntimeError(
        "[enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: not enough memory: "
        "you tried to allocate 4000000000000000 bytes."
    )


@pytest.mark.parametrize("fault", [is_nan, nan_gradient])
def test_lost_numbers_are_met_with_the_last_good_picture_and_one_more_try(faulty, fault):
    recipe = QUICK.replace(steps=12)
    painting = stylize(lion(), [preset()], recipe, faulty, every=0)
    before = [next(painting) for _ in range(5)]
    Faulty.fault.append(broken(1, fault))
    after = list(painting)
    assert all(torch.isfinite(step.picture).all() for step in after)
    assert all(math.isfinite(total(step)) for step in after)
    assert after[-1].done
    assert total(after[-1]) < total(before[-1])
    (note,) = after[-1].notes
    assert "once" in note
    assert "fp32" in note


def test_painting_goes_on_from_the_last_good_picture_at_half_the_rate(faulty, rates):
    recipe = QUICK.replace(steps=12, final_rate=1, local_weight=0)  # for steps in RGB
    painting = stylize(lion(), [preset()], recipe, faulty, every=0)
    good = [next(painting) for _ in range(5)][-1].picture
    Faulty.fault.append(broken(1, is_nan))
    again = next(painting).picture
    assert rates[:5] == [recipe.learning_rate] * 5
    assert rates[-1] == recipe.learning_rate / 2
    # Adam's first step moves no pixel by more than its rate.
    assert 0 < (again - good).abs().max() <= 1.001 * recipe.learning_rate / 2


@pytest.mark.parametrize("fault", [is_nan, nan_gradient])
def test_numbers_lost_twice_end_the_painting_in_one_sentence(faulty, fault):
    painting = stylize(lion(), [preset()], QUICK.replace(steps=12), faulty, every=0)
    steps = [next(painting) for _ in range(5)]
    Faulty.fault.append(fault)
    with pytest.raises(NstError, match="lower strength"):
        steps.extend(painting)
    assert all(torch.isfinite(step.picture).all() for step in steps)


def test_numbers_lost_where_no_picture_is_due_are_painted_again(faulty):
    recipe = QUICK.replace(steps=12)
    undisturbed = last(lion(), preset(), recipe, faulty)
    painting = stylize(lion(), [preset()], recipe, faulty, every=None)
    for _ in range(5):
        next(painting)
    Faulty.fault.append(broken(1, is_nan))
    step = list(painting)[-1]
    assert torch.isfinite(step.picture).all()
    # Not the photo with a note that says it was painted.
    painted = (undisturbed.picture - lion()).abs().mean()
    assert (step.picture - lion()).abs().mean() > 0.2 * painted


def test_lost_numbers_leave_the_shared_encoder_alone(faulty):
    encoder = faulty.bfloat16()
    painting = stylize(lion(), [preset()], QUICK, encoder, every=0)
    next(painting)
    Faulty.fault.append(broken(1, is_nan))
    list(painting)
    assert encoder.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("fault", "into"),
    [
        (no_cuda_memory, 0),
        (no_memory, 5),
        (no_apple_memory, 8),
        (no_windows_memory, 9),
        (no_memory, 14),
    ],
)
def test_lack_of_memory_is_met_with_a_smaller_picture_and_all_its_steps(faulty, fault, into):
    # 9 steps at the first of two scales; the fault comes before them, among and after them.
    recipe = QUICK.replace(steps=16, scales=2, size=128)
    assert recipe.schedule()[0] == (9, 0.5)
    content = lion(128)
    mask = torch.ones_like(content[:, :1])
    painting = stylize(content, [preset()], recipe, faulty, every=0, mask=mask)
    steps = [next(painting) for _ in range(into)]
    Faulty.fault.append(broken(1, fault))
    steps += painting
    result = steps[-1]
    assert result.done
    assert result.size == tuple(result.picture.shape[2:]) == (72, 96)
    assert [step.step for step in steps[:-1]] == list(range(1, 17))
    (note,) = result.notes
    assert "96 x 72 pixels" in note


@pytest.mark.parametrize("into", [9, 10, 11], ids=lambda n: f"after-{n}-steps")
def test_lack_of_memory_of_the_finish_alone_costs_the_finish_and_no_pixel(
    tiny, faulty, judged, into
):
    recipe = QUICK.replace(size=128, scales=1, steps=12)
    painting = stylize(lion(128), [preset()], recipe, tiny, finish=faulty, every=0)
    steps = [next(painting) for _ in range(into)]
    Faulty.fault.append(no_cuda_memory)
    judged.clear()
    steps += painting
    assert steps[-1].size == (96, 128)
    assert [step.step for step in steps[:-1]] == list(range(1, 13))
    assert steps[-1].finished == into - 9
    assert judged[-(13 - into) :] == [tiny] * (13 - into)
    (note,) = steps[-1].notes
    assert "without the finishing network" in note


def test_lack_of_memory_for_a_print_is_met_with_tiles_first(faulty):
    content, style = torch.rand(1, 3, 32, 800), torch.rand(1, 3, 32, 800)
    painting = stylize(content, [style], QUICK.replace(size=800), faulty, every=None)
    next(painting)
    Faulty.fault.append(broken(1, no_cuda_memory))
    seen, hook = seen_by(faulty)
    result = list(painting)[-1]
    hook.remove()
    assert result.size == (32, 800)
    assert result.step == result.total == 6
    assert max(width for _, width in seen[1:]) < 800
    (note,) = result.notes
    assert "tiles of 400 pixels" in note


def test_lack_of_memory_at_every_size_ends_in_one_sentence(faulty):
    Faulty.fault.append(no_cuda_memory)
    with pytest.raises(NstError, match="not enough memory"):
        paint(lion(96), preset(), QUICK, faulty)


def test_what_a_failed_step_held_is_let_go_of_before_it_is_tried_with_less(faulty, monkeypatch):
    held = []

    def fail(features):
        held.append(weakref.ref(features))
        return no_cuda_memory(features)

    def watched(*told):
        assert held[0]() is None
        recovery.save_memory(*told)

    monkeypatch.setattr("nst.engine.stylize.save_memory", watched)
    Faulty.fault.append(broken(1, fail))
    assert last(lion(96), preset(), QUICK, faulty).done
    assert len(held) == 1


def test_any_other_failure_is_not_hidden(faulty):
    def fail(features):
        raise RuntimeError("something else")

    Faulty.fault.append(fail)
    with pytest.raises(RuntimeError, match="something else"):
        paint(lion(), preset(), QUICK, faulty)


def test_tiles_do_not_change_the_painting(tiny):
    whole = last(lion(96), preset(), QUICK, tiny)
    tiled = last(lion(96), preset(), QUICK, tiny, tile=32)
    assert total(tiled) == pytest.approx(total(whole), rel=1e-3)
    assert F.mse_loss(tiled.picture, whole.picture) < 1e-6


@pytest.mark.parametrize(
    ("styles", "changes", "sentence"),
    [
        (0, {}, "no style picture"),
        (2, {"mix": (1, 2, 3)}, "2 style pictures and 3 weights"),
        (2, {"mix": (0, 0)}, "at least one must be above"),
    ],
)
def test_styles_that_do_not_fit_the_recipe_are_refused(tiny, styles, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        paint(lion(), [preset()] * styles, QUICK.replace(**changes), tiny)


def test_painting_too_narrow_for_the_deepest_layer_is_refused(tiny):
    with pytest.raises(BadInput, match="64 x 31 pixels; both sides must be at least 32"):
        paint(torch.rand(1, 3, 31, 64), preset(), QUICK, tiny)


def test_mask_divides_between_two_styles_at_most(tiny):
    with pytest.raises(BadInput, match="there are 3"):
        paint(lion(), [preset()] * 3, QUICK, tiny, mask=torch.ones_like(lion()[:, :1]))


def test_recoloured_start_has_the_styles_colours_and_the_photos_drawing(tiny):
    content, style = lion(), preset()
    recipe = QUICK.replace(start="recoloured", steps=1, scales=1, learning_rate=1e-6)
    start = last(content, style, recipe, tiny).picture
    colours = [picture.mean((0, 2, 3)) for picture in (start, style, content)]
    assert (colours[0] - colours[1]).abs().max() < 0.05 < (colours[2] - colours[1]).abs().max()
    luma = [picture.mean(1).flatten() for picture in (start, content)]
    assert torch.corrcoef(torch.stack(luma))[0, 1] > 0.8


def test_lbfgs_counts_evaluations_as_steps_and_goes_lower_than_adam(tiny):
    recipe = QUICK.replace(scales=1, steps=25, start="content")
    *_, adam = stylize(lion(), [preset()], recipe, tiny, every=None)
    recipe = recipe.replace(optimiser="lbfgs", learning_rate=1, final_rate=1)
    *steps, last_step = stylize(lion(), [preset()], recipe, tiny, every=0)
    assert [step.step for step in steps] == list(range(1, 26))
    assert last_step.losses[-1] < adam.losses[-1] < steps[0].losses[-1]
    assert all(step.picture.min() >= 0 and step.picture.max() <= 1 for step in steps)
    assert last_step.canvas.picture.min() >= 0
    assert last_step.canvas.picture.max() <= 1


@pytest.mark.parametrize(("optimiser", "several"), [("adam", True), ("lbfgs", False)])
def test_lbfgs_sees_one_objective_where_adam_sees_every_pooling_offset(
    tiny, monkeypatch, optimiser, several
):
    turns = set()

    def watched(self, canvas, turn=0):
        turns.add(turn % QUICK.pooling_offsets)
        return evaluate(self, canvas, turn)

    evaluate = Objective.evaluate
    monkeypatch.setattr(Objective, "evaluate", watched)
    last(lion(), preset(), QUICK.replace(optimiser=optimiser), tiny)
    assert (len(turns) > 1) is several


def test_lbfgs_leaves_the_photo_outside_the_mask(tiny):
    mask = torch.zeros_like(lion()[:, :1])
    mask[..., : mask.shape[3] // 2] = 1
    recipe = QUICK.replace(steps=6, start="content", optimiser="lbfgs", learning_rate=1)
    painted = last(lion(), preset(), recipe, tiny, mask=mask).picture
    outside = mask.expand_as(painted) == 0
    assert torch.equal(painted[outside], lion()[outside])
    assert not torch.allclose(painted, lion())

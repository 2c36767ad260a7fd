"""The engine: it paints, stops, goes on, and repeats itself."""

import gc
import itertools
import math
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from small import BLOCKS, Watched, blots, initialised, lion, painting
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nst.engine.canvas import resize
from nst.engine.colour import match_palette, photo_colours
from nst.engine.encoders import Encoder
from nst.engine.objective import Objective
from nst.engine.stylize import Step, stylize
from nst.errors import BadInput
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe
from nst.weights import build_encoder

QUICK = Recipe(start="content", scales=1, steps=6, size=64, seed=1, tv_weight=0, learning_rate=0.03)
STILL = QUICK.replace(steps=1, learning_rate=1e-6)  # shows its start
TWO_SCALES = QUICK.replace(scales=2, size=96)


@pytest.fixture(scope="module")
def tiny() -> Encoder:
    return initialised(Encoder("tiny", BLOCKS, "average"))


@pytest.fixture(scope="module")
def compact() -> Encoder:
    return build_encoder("compact")


def paint(recipe: Recipe, encoder: Encoder, content=None, styles=None, **rest) -> list[Step]:
    content = lion(recipe.size) if content is None else content
    return list(stylize(content, styles or [painting()], recipe, encoder, **rest))


def last(*args, **rest) -> Step:
    return paint(*args, **({"every": None} | rest))[-1]


def half(content: Tensor) -> Tensor:
    """A mask of the left half, with a soft edge of four pixels."""
    middle = content.shape[3] // 2
    mask = torch.zeros_like(content[:, :1])
    mask[..., :middle] = 1
    mask[..., middle - 2 : middle + 2] = 0.5
    return mask


# What a painting is


def test_default_recipe_lowers_the_loss_at_every_scale_and_stays_in_range(compact):
    steps = paint(Recipe(size=96, scales=2, steps=40), compact, every=0)
    for _, group in itertools.groupby(steps, key=lambda step: step.size):
        first, *_, end = group
        assert end.losses.total < 0.9 * first.losses.total
    for step in steps:
        assert step.picture.dtype == torch.float32
        assert step.picture.min() >= 0
        assert step.picture.max() <= 1
    thrown_about = last(QUICK.replace(learning_rate=1, local_weight=0), compact).picture
    assert (thrown_about.min(), thrown_about.max()) == (0, 1)


def test_every_step_is_yielded_and_the_last_has_the_result(tiny):
    steps = paint(QUICK, tiny, every=None, deadline=3600)
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
    assert {step.total for step in steps} == {6}
    assert [step.done for step in steps] == [False] * 5 + [True]
    assert [step.picture is not None for step in steps] == [False] * 5 + [True]
    end = steps[-1]
    assert torch.equal(end.picture, end.canvas.picture)
    assert math.fsum(end.losses[:-1]) == pytest.approx(end.losses.total, rel=1e-5)
    assert (end.seconds_left, end.notes) == (0, ())


def test_a_picture_at_every_step_is_that_steps_and_the_consumers_own(tiny):
    undisturbed = paint(QUICK, tiny, every=0)
    for a, b in itertools.pairwise(undisturbed):
        assert a.losses is not None
        assert not torch.equal(a.picture, b.picture)
    again = stylize(lion(), [painting()], QUICK, tiny, every=0)
    for step, expected in zip(again, undisturbed, strict=True):
        assert torch.equal(step.picture, expected.picture)
        step.picture.fill_(math.nan)


def test_pictures_that_come_in_are_left_as_they_were(tiny):
    content, style = lion(), painting()
    before = content.clone(), style.clone()
    last(QUICK.replace(colours="palette"), tiny, content, [style], mask=half(content))
    assert torch.equal(content, before[0])
    assert torch.equal(style, before[1])


def test_coarse_to_fine_doubles_the_size_and_leaves_out_what_is_too_small(tiny):
    steps = paint(Recipe(size=128, scales=3, steps=12), tiny, every=None)
    sizes = [size for size, _ in itertools.groupby(step.size for step in steps)]
    assert sizes == [(48, 64), (96, 128)]  # a quarter would have been 24 x 32
    assert steps[-1].step == steps[-1].total == 12


def test_moments_and_the_photos_detail_are_carried_up(tiny):
    # Next to nothing is painted, so what comes out has been through half the size and back.
    still = last(TWO_SCALES.replace(learning_rate=1e-6), tiny)
    assert still.canvas.steps == still.total
    torch.testing.assert_close(still.picture, lion(96), rtol=0, atol=1e-3)


def test_rate_falls_to_its_share_within_each_scale(tiny):
    # Without a memory Adam moves each pixel by its rate.
    recipe = TWO_SCALES.replace(steps=16, local_weight=0, beta1=0, beta2=0, epsilon=1e-15)
    for final in (0.1, 1):
        steps = paint(recipe.replace(final_rate=final), tiny, every=0)
        for _, group in itertools.groupby(steps, key=lambda step: step.size):
            pairs = itertools.pairwise(step.picture for step in group)
            rates = [float((b - a).abs().max()) for a, b in pairs]
            assert rates[0] == pytest.approx(0.03 * final ** (1 / len(rates)), rel=1e-3)
            assert rates[-1] == pytest.approx(0.03 * final, rel=1e-3)
            assert rates == pytest.approx(sorted(rates, reverse=True), rel=1e-4)


# The same again


def test_same_seed_paints_the_same_picture_however_often_it_is_shown(tiny):
    for start in ("content", "noise", "blend", "recoloured"):
        recipe = TWO_SCALES.replace(start=start)
        often, never = (last(recipe, tiny, every=every).picture for every in (0, None))
        assert torch.equal(often, never)


def test_another_seed_is_other_noise_and_of_no_account_without_noise(tiny):
    for start, differs in {"noise": 0.01, "blend": 0.01, "content": 0}.items():
        one, other = (last(STILL.replace(start=start, seed=seed), tiny).picture for seed in (1, 2))
        assert (one - other).abs().mean() >= differs
        assert differs or torch.equal(one, other)


# The start


def test_a_plain_ground_is_painted_as_much_at_its_edges_as_inside(compact):
    recipe = Recipe(size=160, steps=30, scales=1)
    plain = torch.full((1, 3, 160, 160), 0.8)
    picture = last(recipe, compact, plain, [blots(160, 160, 3)]).picture
    smooth = F.avg_pool2d(F.pad(picture, (4, 4, 4, 4), mode="reflect"), 9, 1)
    detail = (picture - smooth).square().mean((0, 1))
    edge = torch.ones_like(detail, dtype=torch.bool)
    edge[24:-24, 24:-24] = False
    assert detail[edge].mean() > 0.8 * detail[40:-40, 40:-40].mean()


def test_start_is_the_photo_or_a_picture(tiny):
    other = lion(96).flip(3)
    for start, expected in ((None, lion()), (other, resize(other, (48, 64)).clamp(0, 1))):
        picture = last(STILL, tiny, start=start).picture
        torch.testing.assert_close(picture, expected, rtol=0, atol=1e-5)


def test_recoloured_start_has_the_styles_colours_and_the_photos_drawing(tiny):
    content, style = lion(), painting()
    start = last(STILL.replace(start="recoloured"), tiny).picture
    ours, styles, photos = (picture.mean((0, 2, 3)) for picture in (start, style, content))
    assert (ours - styles).abs().max() < 0.05 < (photos - styles).abs().max()
    drawing = torch.stack([picture.mean(1).flatten() for picture in (start, content)])
    assert torch.corrcoef(drawing)[0, 1] > 0.8


def test_start_from_a_canvas_goes_on(tiny):
    recipe = TWO_SCALES.replace(steps=24)
    first = last(recipe, tiny)
    before, age = first.canvas.picture.clone(), first.canvas.steps
    more = paint(recipe, tiny, start=first.canvas, every=0)
    # Only the finest scale is painted, from where the first left it, and further down.
    assert {step.size for step in more} == {first.size}
    assert more[0].losses.total == pytest.approx(first.losses.total, rel=0.05)
    assert more[-1].losses.total < first.losses.total
    assert more[-1].canvas.steps == age + more[-1].total
    assert more[-1].total >= 8
    assert torch.equal(first.canvas.picture, before)
    assert first.canvas.steps == age


def test_a_smaller_canvas_is_gone_on_from_at_the_larger_scales_only(tiny):
    first = last(QUICK.replace(steps=30), tiny)
    recipe = QUICK.replace(size=256, scales=3, steps=15, learning_rate=1e-3)
    more = paint(recipe, tiny, start=first.canvas, every=None)
    _, (middle, _), (fine, _) = recipe.schedule()
    assert [max(step.size) for step in more] == [128] * middle + [256] * fine
    end = more[-1]
    assert end.step == end.total == middle + fine
    assert end.canvas.steps == first.canvas.steps + middle + fine
    # It is the same picture, larger.
    small, photo = (resize(p, first.size) for p in (end.picture, lion(256)))
    assert (small - first.picture).abs().mean() < 0.5 * (small - photo).abs().mean()


# Frames


def test_frames_are_kept_at_exactly_their_steps(tiny):
    for recipe, frames in (
        (QUICK.replace(steps=10, keep_at=(1, 3, 7, 10)), [1, 3, 7, 10]),
        (QUICK.replace(steps=13, keep_every=4), [4, 8, 12, 13]),
        (TWO_SCALES.replace(steps=13, keep_every=4), [4, 8, 12, 13]),
    ):
        never, often = (paint(recipe, tiny, every=every) for every in (None, 0))
        assert [step.step for step in never if step.picture is not None] == frames
        assert [step.step for step in never if step.losses is not None] == frames
        for a, b in zip(never, often, strict=True):
            assert a.picture is None or torch.equal(a.picture, b.picture)


# Stopping


def objectives() -> int:
    gc.collect()
    return sum(type(thing) is Objective for thing in gc.get_objects())


def test_closing_early_frees_what_the_painting_held(tiny):
    before, content = objectives(), lion()
    held = weakref.ref(content)
    painted = stylize(content, [painting()], QUICK, tiny, every=0)
    first = next(painted)
    assert objectives() == before + 1
    painted.close()
    del content
    assert objectives() == before
    assert held() is None
    assert torch.isfinite(first.picture).all()
    with pytest.raises(StopIteration):
        next(painted)


def test_deadline_ends_the_painting_with_what_is_there_and_says_so(tiny):
    steps = paint(QUICK, tiny, every=None, deadline=0)
    assert [step.step for step in steps] == [1]
    assert steps[-1].done
    (note,) = steps[-1].notes
    assert "1 of 6 steps" in note


# Every device, thread and mode


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
    palette, kept = (recipe.replace(colours=colours) for colours in ("palette", "photo"))
    with Apple():
        assert last(palette, compact, styles=[painting(), painting(side=96)]).done
        assert last(kept, compact, mask=half(lion())).done


def test_steps_may_be_asked_for_from_changing_threads(tiny):
    painted = stylize(lion(96), [painting()], TWO_SCALES, tiny, every=0)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        for thread in itertools.cycle((one, two)):
            if (step := thread.submit(next, painted, None).result()) is None:
                break
            assert thread.submit(torch.is_grad_enabled).result()
            end = step
    torch.testing.assert_close(end.picture, last(TWO_SCALES, tiny).picture, rtol=0, atol=1e-4)


# Masks


def test_mask_of_zeros_returns_the_photo_and_mask_of_ones_is_none(tiny):
    content = lion()
    for start in ("content", "noise"):
        recipe, nothing = QUICK.replace(start=start), torch.zeros_like(content[:, :1])
        assert torch.equal(last(recipe, tiny, mask=nothing).picture, content)
    masked, plain = (last(QUICK, tiny, mask=m) for m in (torch.ones_like(content[:, :1]), None))
    torch.testing.assert_close(masked.picture, plain.picture, rtol=0, atol=1e-3)
    assert masked.losses.total == pytest.approx(plain.losses.total, rel=1e-3)


@pytest.mark.parametrize("optimiser", ["adam", "lbfgs"])
def test_mask_keeps_the_photo_outside_and_paints_inside(tiny, optimiser):
    content = lion()
    step = last(QUICK.replace(strength=90, optimiser=optimiser), tiny, mask=half(content))
    assert torch.equal(step.picture[..., 34:], content[..., 34:])
    # Nor does anything grow there unseen, which would show once the mask is taken away.
    assert torch.equal(step.canvas.picture[..., 34:], content[..., 34:])
    change = (step.picture - content).abs()
    inside, edge = change[..., :30].mean(), change[..., 30:34].mean()
    assert inside > 0.01
    assert 0 < edge < inside


def test_mask_gives_its_inside_to_the_first_of_two_styles_and_the_rest_to_the_second(tiny):
    styles = [painting(), painting("woodblock-wave")]
    for inside, style in zip((1.0, 0.0), styles, strict=True):
        mask = torch.full((1, 1, 48, 64), inside)
        guided, alone = (
            last(QUICK, tiny, styles=styles, mask=mask),
            last(QUICK, tiny, styles=[style]),
        )
        torch.testing.assert_close(guided.picture, alone.picture, rtol=0, atol=1e-3)


# Brush, colours, scale of the input


@pytest.mark.parametrize(("brush", "wanted"), [(1, 64), (0.5, 32), (2, 128), (4, 160)])
def test_brush_scales_the_style_with_the_photo_up_to_its_own_pixels(watched, brush, wanted):
    step = last(QUICK.replace(brush=brush), watched, styles=[torch.rand(1, 3, 160, 160)])
    sizes = {size for _, size, judging in Watched.seen if not judging}
    assert (wanted, wanted) in sizes
    assert max(map(max, sizes)) == max(wanted, 64)
    assert len(step.notes) == (brush == 4)
    assert all("160 px" in note and "256 px" in note for note in step.notes)


def test_colours_of_the_photo_are_put_on_the_painting_or_matched_to_before(tiny):
    kept = last(QUICK.replace(colours="photo"), tiny)
    assert torch.equal(kept.picture, photo_colours(kept.canvas.picture, lion()))
    matched = match_palette(painting(), lion()).clamp(0, 1)
    found = last(QUICK.replace(colours="palette"), tiny).picture
    assert torch.equal(found, last(QUICK, tiny, styles=[matched]).picture)


def test_tiles_do_not_change_the_painting(tiny):
    recipe = QUICK.replace(size=96)
    whole, tiled = (last(recipe, tiny, tile=tile) for tile in (None, 32))
    assert tiled.losses.total == pytest.approx(whole.losses.total, rel=1e-3)
    assert F.mse_loss(tiled.picture, whole.picture) < 1e-6


def test_pictures_that_do_not_fit_the_recipe_are_refused(tiny):
    style, whole = painting(), torch.ones(1, 1, 48, 64)
    for content, count, mix, mask, sentence in (
        (lion(), 0, (), None, "no style picture"),
        (lion(), 2, (1, 2, 3), None, "2 style pictures and 3 weights"),
        (lion(), 2, (0, 0), None, "at least one must be above"),
        (lion(), 3, (), whole, "there are 3"),
        (torch.rand(1, 3, 31, 64), 1, (), None, "64 x 31 pixels; both sides must be at least 32"),
    ):
        with pytest.raises(BadInput, match=sentence):
            next(stylize(content, [style] * count, QUICK.replace(mix=mix), tiny, mask=mask))

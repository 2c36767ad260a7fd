"""Several paintings of one photo, and the comparisons that the published systems' authors made."""

import time

import pytest
from PIL import Image

from nst import compare
from nst.compare import COMPARISONS, Entry, Series, paint_series, scaled
from nst.engine.losses import Losses
from nst.engine.stylize import Step
from nst.errors import BadInput
from nst.recipe import Recipe

PHOTO = Image.effect_noise((96, 64), 60).convert("RGB")
STYLE = Image.effect_noise((64, 64), 90).convert("RGB")


def painter(photo, styles, recipe):
    """Shows a picture at every step it keeps, and the first and last; a step takes 2 s."""
    for step in range(1, recipe.steps + 1):
        due = step in (1, recipe.steps, *recipe.keep_at)
        losses = Losses(1.0, 2.0 / step, 0.0, 0.0, 1 + 2.0 / step) if due else None
        grey = Image.new("RGB", photo.size, (step % 256,) * 3) if due else None
        yield Step(step, recipe.steps, (64, 96), 2.0 * step, 0.0, losses, grey)
    yield Step(step, step, (64, 96), 2.0 * step, 0.0, losses, grey, canvas=object())


def run(name: str, steps=None, **given) -> list[Series]:
    entries = [Entry(title, (STYLE,), recipe) for title, recipe in scaled(name, steps=steps)]
    given.setdefault("frames", COMPARISONS[name].frames)
    return list(paint_series(PHOTO, entries, painter, **given))


def recipes(name: str) -> list[Recipe]:
    return [recipe for _, recipe in COMPARISONS[name].recipes]


def test_the_comparisons_are_their_authors():
    first, second = recipes("networks")
    assert first.differences(second) == {"encoder": ("vgg16", "vgg19")}
    assert first.steps == second.steps == 450
    ratios = [recipe.content_weight / recipe.style_weight for recipe in recipes("ratios")]
    assert ratios == pytest.approx([1e-3, 1e-4])
    assert [recipe.noise_ratio for recipe in recipes("noise")] == [0, 0.3, 0.6, 1.0]
    assert {recipe.start for recipe in recipes("noise")} == {"blend"}


def test_every_painting_of_a_series_is_finished_in_its_order():
    told, pairs = run("noise", steps=6), scaled("noise", steps=6)
    assert [(one.title, one.recipe) for one in told[-1].painted] == pairs
    assert [one.seconds for one in told[-1].painted] == [12.0] * 4
    assert [[step for step, _ in one.curve][:2] for one in told[-1].painted] == [[1, 6]] * 4
    assert told[-1].done == told[-1].total == 24
    assert [now.done for now in told] == sorted(now.done for now in told)
    assert (told[0].title, told[0].painted, told[0].seconds_left) == ("noise ratio 0", (), None)


def test_the_strip_has_the_frames_of_the_readme():
    painted = run("frames")[-1].painted
    steps = [3000, 9000, 17000, 23000, 30000]
    assert [one.title for one in painted] == [f"step {step:,}" for step in steps]
    assert [one.recipe.steps for one in painted] == steps
    assert [one.picture.getpixel((0, 0))[0] for one in painted] == [step % 256 for step in steps]
    assert len(run("frames", steps=30, frames=False)[-1].painted) == 1


def test_another_size_and_steps_change_nothing_else_of_the_recipes():
    for (_, small), own in zip(scaled("networks", 128, 45), recipes("networks"), strict=True):
        assert small.differences(own).keys() <= {"size", "steps", "keep_at", "keep_every"}
        assert (small.size, small.steps) == (128, 45)
    ((_, recipe),) = scaled("frames", steps=300)
    assert recipe.keep_at == (30, 90, 170, 230, 300)


def test_a_wrong_comparison_size_or_number_of_steps_is_refused():
    for given, says in (
        ({"name": "vgg"}, r"'vgg'; choose from networks, noise, frames, ratios"),
        ({"name": "frames", "steps": 0}, "steps is 0"),
        ({"name": "frames", "size": 0}, "size is 0"),
        ({"name": "noise", "size": 9999}, "4096"),
    ):
        with pytest.raises(BadInput, match=says):
            scaled(**given)


def test_networks_that_are_missing_are_named_and_only_where_networks_are_compared(monkeypatch):
    for here, words in (
        ((), "VGG-16 and VGG-19 are not on this machine"),
        (("vgg19",), "VGG-16 is not on this machine"),
        (("vgg16", "vgg19"), ""),
    ):
        monkeypatch.setattr(compare, "is_cached", lambda name, here=here: name in here)
        assert compare.needs("networks").startswith(words)
        assert bool(compare.needs("networks")) == bool(words)
        assert compare.needs("noise") == ""


def test_past_its_deadline_it_ends_with_the_picture_that_is_there():
    told = run("noise", steps=50, deadline=0.0)
    assert [one.title for one in told[-1].painted] == ["noise ratio 0"]
    assert (told[-1].done, told[-1].total) == (1, 200)


def test_time_left_counts_the_pixels_of_the_scales_to_come(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    recipe = Recipe(size=512, steps=20, scales=2)  # 13 steps at 256 px, 7 at 512
    entries = [Entry(str(i), (STYLE,), recipe) for i in range(2)]
    told = list(paint_series(PHOTO, entries, painter))
    half = next(now for now in told if now.done == 13)
    assert half.seconds_left == pytest.approx(2 * (13 + 7 * 4) - 13)
    assert told[-1].seconds_left == 0

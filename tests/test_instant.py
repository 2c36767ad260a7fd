"""The painting at once: for a preview, a recipe of no steps, a film."""

import numpy as np
import pytest
from gradio.media import get_image
from PIL import Image

from nst import Recipe, open_photo, open_pipeline
from nst.instant import instant_painter, repaint_at_once
from nst.presets import find_style

RECIPE = Recipe(size=96, encoder="compact", finish="off")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return open_photo(get_image("lion.jpg")).resize((128, 96))


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute difference of two pictures of one size, in grey levels."""
    return float(np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean())


def test_no_steps_give_the_instant_painting_alone(photo):
    recipe = RECIPE.replace(steps=0)
    style = find_style("mosaic")
    (only,) = open_pipeline(recipe).paint(photo, [style], recipe)
    assert only.done
    assert only.picture.size == (96, 72)
    assert difference(only.picture, instant_painter([style], recipe)(photo)) == 0


def test_a_painting_begins_with_the_instant_one(photo):
    recipe = RECIPE.replace(steps=2, scales=1)
    first, *rest = open_pipeline(recipe).paint(photo, [find_style("mosaic")], recipe, every=None)
    assert (first.step, first.total, first.done) == (0, 2, False)
    assert first.picture.size == (96, 72)
    assert [step.step for step in rest] == [1, 2, 2]


def test_a_published_recipe_begins_with_its_own_step(photo):
    recipe = RECIPE.replace(name="gatys", steps=1)
    first, *_ = open_pipeline(recipe).paint(photo, [find_style("mosaic")], recipe)
    assert first.step == 1


def test_strength_mixture_and_colours_are_heeded(photo):
    styles = [find_style("mosaic"), find_style("ink-wash")]
    plain = instant_painter(styles[:1], RECIPE)(photo)
    strengths = [
        instant_painter(styles[:1], RECIPE.replace(strength=s))(photo) for s in (0, 10, 30)
    ]
    small = photo.resize((96, 72), Image.Resampling.LANCZOS)
    changed = [difference(small, painted) for painted in (*strengths, plain)]
    assert changed == sorted(changed)
    assert changed[0] < 1 < changed[1]
    second = instant_painter(styles[1:], RECIPE)(photo)
    mixed = instant_painter(styles, RECIPE.replace(mix=(0.5, 0.5)))(photo)
    assert 1 < difference(mixed, plain) < difference(second, plain)
    for colours in ("photo", "palette"):
        kept = instant_painter(styles[:1], RECIPE.replace(colours=colours))(photo)
        chroma = [np.asarray(p.convert("YCbCr"), np.float32)[..., 1:] for p in (plain, kept, small)]
        assert np.abs(chroma[1] - chroma[2]).mean() < np.abs(chroma[0] - chroma[2]).mean()


def test_a_mask_and_transparency_are_kept(photo):
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, 64, 96))
    style = find_style("mosaic")
    half = repaint_at_once(photo, [style], RECIPE, mask)
    assert difference(half.crop((50, 0, 96, 72)), photo.resize((96, 72)).crop((50, 0, 96, 72))) < 3
    clear = photo.copy()
    clear.putalpha(Image.linear_gradient("L").resize(photo.size))
    low, high = instant_painter([style], RECIPE)(clear).getchannel("A").getextrema()
    assert low < 5 < 250 < high


def test_frames_of_a_scene_share_what_was_measured_in_the_first(photo):
    paint = instant_painter([find_style("swirling-night")], RECIPE)
    first, again = paint(photo), paint(photo)
    assert difference(first, again) < 1
    # A white wall that comes into view must not recolour the rest.
    other = photo.copy()
    other.paste("white", (96, 0, 128, 96))
    left = (0, 0, 40, 72)
    alone = instant_painter([find_style("swirling-night")], RECIPE)(other)
    kept = difference(first.crop(left), paint(other).crop(left))
    assert kept < difference(first.crop(left), alone.crop(left))

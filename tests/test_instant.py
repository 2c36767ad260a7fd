"""What is seen at once, and while scales are coarse: a preview, no steps, a film."""

import numpy as np
import pytest
from PIL import Image
from small import photo

from nst.instant import instant_painter, repaint_at_once
from nst.pipeline import open_pipeline
from nst.presets import find_style
from nst.recipe import Recipe
from ui.run import sharpened

RECIPE = Recipe(size=96, encoder="compact", finish="off")
PHOTO, MOSAIC = photo(128), find_style("mosaic")


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute difference of two pictures of one size, in grey levels."""
    return float(np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean())


@pytest.fixture(scope="module")
def plain() -> Image.Image:
    return instant_painter([MOSAIC], RECIPE)(PHOTO)


def test_a_painting_begins_with_the_instant_one_and_ends_with_it_without_steps(plain):
    pipeline = open_pipeline(RECIPE)
    (only,) = pipeline.paint(PHOTO, [MOSAIC], RECIPE.replace(steps=0))
    assert only.done
    assert only.picture.size == (96, 72)
    assert difference(only.picture, plain) == 0
    two = RECIPE.replace(steps=2, scales=1)
    first, *rest = pipeline.paint(PHOTO, [MOSAIC], two, every=None)
    assert (first.step, first.total, first.done) == (0, 2, False)
    assert first.picture.size == (96, 72)
    assert [step.step for step in rest] == [1, 2]
    published = pipeline.paint(PHOTO, [MOSAIC], RECIPE.replace(name="gatys", steps=1))
    assert next(published).step == 1


def test_strength_mixture_and_colours_are_heeded(plain):
    ink = find_style("ink-wash")
    small = PHOTO.resize((96, 72), Image.Resampling.LANCZOS)
    changed = [
        difference(small, instant_painter([MOSAIC], RECIPE.replace(strength=strength))(PHOTO))
        for strength in (0, 10, 30)
    ]
    assert changed[0] < 1 < changed[1] < changed[2] < difference(small, plain)
    second = instant_painter([ink], RECIPE)(PHOTO)
    mixed = instant_painter([MOSAIC, ink], RECIPE.replace(mix=(0.5, 0.5)))(PHOTO)
    assert 1 < difference(mixed, plain) < difference(second, plain)
    for colours in ("photo", "palette"):
        kept = instant_painter([MOSAIC], RECIPE.replace(colours=colours))(PHOTO)
        chroma = [np.asarray(p.convert("YCbCr"), np.float32)[..., 1:] for p in (plain, kept, small)]
        assert np.abs(chroma[1] - chroma[2]).mean() < np.abs(chroma[0] - chroma[2]).mean()


def test_a_mask_and_transparency_are_kept():
    mask = Image.new("L", PHOTO.size)
    mask.paste(255, (0, 0, 64, 96))
    half = repaint_at_once(PHOTO, [MOSAIC], RECIPE, mask)
    right = (50, 0, 96, 72)
    assert difference(half.crop(right), PHOTO.resize((96, 72)).crop(right)) < 3
    clear = PHOTO.copy()
    clear.putalpha(Image.linear_gradient("L").resize(PHOTO.size))
    low, high = instant_painter([MOSAIC], RECIPE)(clear).getchannel("A").getextrema()
    assert low < 5 < 250 < high


def test_frames_of_a_scene_share_what_was_measured_in_the_first():
    paint = instant_painter([MOSAIC], RECIPE)
    first, again = paint(PHOTO), paint(PHOTO)
    assert difference(first, again) < 1
    # A white wall that comes into view must not recolour the rest.
    other = PHOTO.copy()
    other.paste("white", (96, 0, 128, 96))
    left = (0, 0, 40, 72)
    kept, alone = paint(other), instant_painter([MOSAIC], RECIPE)(other)
    first = first.crop(left)
    assert 3 * difference(first, kept.crop(left)) < difference(first, alone.crop(left))


def test_a_coarse_picture_is_shown_with_the_photos_fine_detail_and_its_own_transparency():
    coarse = PHOTO.resize((32, 24), Image.Resampling.LANCZOS)
    shown = sharpened(coarse, PHOTO)
    assert difference(shown, PHOTO) < 2
    assert difference(coarse.resize(PHOTO.size, Image.Resampling.BICUBIC), PHOTO) > 3
    coarse.putalpha(Image.new("L", coarse.size, 99))
    assert sharpened(coarse, PHOTO).getchannel("A").getextrema() == (99, 99)
    # Where the photo is plain only the painting is seen; one of full size is shown as it is.
    plain, coarse = Image.new("RGB", (128, 128), "teal"), Image.effect_noise((32, 32), 60)
    coarse = coarse.convert("RGB")
    assert difference(sharpened(coarse, plain), coarse.resize((128, 128), 3)) < 1
    assert sharpened(PHOTO, PHOTO) is PHOTO

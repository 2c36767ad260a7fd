"""What is kept of a run, how it is looked at, and what is shared of it."""

import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nst.engine.losses import Losses
from nst.pictures.export import read_notes, read_recipe
from nst.presets import preset_of
from nst.recipe import Recipe
from ui.job import Job, open_job
from ui.links import Shared
from ui.mask import mask_from
from ui.pace import Pace
from ui.result import Result, still
from ui.result_panel import link_to
from ui.run import Progress
from ui.samples import SAMPLES
from ui.share import made

SIZE = (48, 40)
LAST = 99  # beyond the last frame: the picture itself


def picture(shade: int) -> Image.Image:
    return Image.new("RGB", SIZE, (shade, shade // 2, 255 - shade))


def told(step: int, shade: int, **more) -> Progress:
    losses = Losses(0.5, 2.0 / step, 0.0, 0.0, 0.5 + 2.0 / step)
    return Progress(step, 10, SIZE, 1.0, f"Step {step}", (), losses, picture(shade), **more)


def numbers(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


@pytest.fixture
def result() -> Result:
    shared = Shared(Recipe(strength=61), "lion", "mosaic")
    made = Result(Job(picture(10), (picture(200),), shared, "Mosaic"))
    for step in range(1, 11):
        made.take(told(step, 20 * step))
    return made


def test_the_photos_colours_are_in_the_recipe_of_what_is_saved(result):
    for chosen, colours in ((True, "photo"), (False, "style")):
        result.adjust(LAST, 1.0, chosen)
        assert read_recipe(result.png()).colours == colours
        assert ("colours=photo" in link_to(result, "http://here")) == chosen


def test_the_next_print_is_larger_and_within_what_the_operator_allows(result, monkeypatch):
    known = Pace()
    monkeypatch.setattr("ui.result.pace", known)
    assert result.next_print == ("1024 px", 1024)
    result.painted = Image.new("RGB", (2048, 1000))
    assert result.next_print is None
    monkeypatch.setattr("ui.result.RUN_LIMITS", SimpleNamespace(max_size=4096, deadline=300))
    assert result.next_print == ("3072 px", 3072)
    known.learn(Recipe(size=2048), 1000 / 2048, 0, 40.0)
    assert re.fullmatch(r"about \d+ (s|min)", result.next_print[0])
    monkeypatch.setattr("ui.result.RUN_LIMITS", SimpleNamespace(max_size=4096, deadline=1))
    assert result.next_print is None


def test_frames_stay_few_and_even_and_keep_the_first_and_the_last(monkeypatch):
    ticks = iter(range(200))
    monkeypatch.setattr("ui.result.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    monkeypatch.setattr("ui.result.RUN_LIMITS", SimpleNamespace(frames=8))
    result = Result(Job(picture(1), (picture(2),), Shared(Recipe()), ""))
    for step in range(1, 101):
        result.take(told(step, 2 * step))
        assert len(result.frames) <= 8
    shades = [numbers(still(frame))[..., 0].mean() for _, frame in result.frames]
    assert abs(shades[0] - 2) < 2 < 198 < shades[-1]
    assert 0 < min(np.diff(shades)) < max(np.diff(shades)) <= 70


def test_a_run_that_goes_on_begins_with_picture_and_frames_of_the_one_before(result):
    further = result.further(result.job, (), ("Continued.",))
    assert further.start is result.painted
    further.take(told(1, 90))
    assert further.notes == ("Continued.",)
    assert len(further.frames) == len(result.frames) + 1


def test_the_png_remembers_recipe_ids_and_what_painted_it(result):
    result.take(told(10, 200, painted_by="compact, fp32"))
    data = result.png()
    assert read_recipe(data) == Recipe(strength=61)
    assert read_notes(data) == {"photo": "lion", "style": "mosaic", "painted-by": "compact, fp32"}
    assert result.name == "lion-mosaic"
    assert Result(Job(picture(1), (picture(2),), Shared(Recipe()), "")).name == "photo-painted"


def test_fading_goes_from_the_photo_to_the_painting_and_keeps_transparency(result):
    painted, photo = numbers(result.painted), numbers(result.job.photo)
    for share, wanted in ((1.0, painted), (0.0, photo), (0.5, (painted + photo) / 2)):
        result.adjust(LAST, share, False)
        assert np.abs(numbers(result.shown) - wanted).max() <= (share == 0.5)
    assert (numbers(result.painted) == painted).all()  # the painting itself is not lost
    result.painted = picture(90).convert("RGBA")
    result.painted.putalpha(Image.new("L", SIZE, 77))
    result.adjust(LAST, 0.5, False)
    assert result.shown.getchannel("A").getextrema() == (77, 77)


def test_what_is_looked_at_is_what_is_saved(result):
    whole = numbers(Image.open(io.BytesIO(result.png())))
    result.adjust(1, 1.0, False)
    saved = numbers(Image.open(io.BytesIO(result.png())))
    assert (saved == numbers(still(result.frames[0][1]))).all()
    assert (saved != whole).any()
    result.adjust(1, 0.5, True)
    assert (numbers(Image.open(io.BytesIO(result.png()))) == numbers(result.shown)).all()


def test_what_is_shared_has_its_shape_and_shows_photo_and_painting(result):
    for kind, aspect, size in (
        ("Picture", 0.0, SIZE),
        ("Picture", 9 / 16, (48, 85)),
        ("Before and after", 0.0, (48, 80)),
        ("Before and after", 1.0, (80, 80)),
    ):
        data, ending = made(result, kind, aspect, "")
        shared = Image.open(io.BytesIO(data))
        assert (shared.size, ending) == (size, ".jpg")
    upper, lower = numbers(shared)[:40, 16:64], numbers(shared)[40:, 16:64]
    assert np.abs(upper - numbers(result.job.photo)).mean() < 4
    assert np.abs(lower - numbers(result.painted)).mean() < 4
    marked, _ = made(result, "Picture", 0.0, "example.org")
    assert np.abs(numbers(Image.open(io.BytesIO(marked))) - numbers(result.painted)).mean() > 4


def test_a_brushed_mask_is_white_inside_and_soft_at_its_edge():
    for nothing in (
        None,
        {"layers": []},
        {"layers": ["text"]},
        {"layers": [Image.new("RGBA", SIZE)]},
    ):
        assert mask_from(nothing) is None
    layer = Image.new("RGBA", (320, 320))
    layer.paste((255, 255, 255, 255), (80, 80, 240, 240))
    mask = np.asarray(mask_from({"layers": [layer]}))
    assert (mask[160, 160], mask[10, 10]) == (255, 0)
    assert 0 < mask[160, 79] < 255


def test_two_styles_share_the_picture_by_weight():
    lion, mine = (str(SAMPLES[name].path) for name in ("lion", "tower"))
    for second, shared, title in (
        (preset_of("ink-wash"), "ink-wash", "Mosaic and Ink Wash"),
        (mine, None, "Mosaic and Your painting"),
    ):
        asked = open_job(lion, preset_of("mosaic"), Recipe(), second=second, share=0.3)
        assert asked.shared == Shared(Recipe(mix=(0.7, 0.3)), "lion", "mosaic", shared)
        assert (asked.title, len(asked.styles)) == (title, 2)

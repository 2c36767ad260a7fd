"""What is kept of a run, and what becomes of it."""

import io
import re
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from nst.engine.losses import Losses
from nst.pictures.export import read_notes, read_recipe
from nst.presets import preset_of
from nst.recipe import Recipe
from ui.curves import curves
from ui.job import Job, open_job
from ui.links import Shared
from ui.mask import mask_from
from ui.pace import Pace
from ui.result import CanvasCache, Frames, Result
from ui.result_panel import link_to
from ui.run import Progress
from ui.samples import SAMPLES

SIZE = (48, 40)
LAST = 99  # beyond the last frame: the picture itself


def picture(shade: int) -> Image.Image:
    return Image.new("RGB", SIZE, (shade, shade // 2, 255 - shade))


def told(step: int, shade: int, **more) -> Progress:
    losses = Losses(0.5, 2.0 / step, 0.0, 0.0, 0.5 + 2.0 / step)
    return Progress(step, 10, SIZE, 1.0, f"Step {step}", (), losses, picture(shade), **more)


@pytest.fixture
def result() -> Result:
    shared = Shared(Recipe(strength=61), "lion", "mosaic")
    made = Result(Job(picture(10), (picture(200),), shared, "Mosaic", "Mosaic: us (CC0-1.0)"))
    for step in range(1, 11):
        made.take(told(step, 20 * step))
    return made


def test_the_photos_colours_are_in_the_recipe_of_what_is_saved(result, tmp_path):
    for chosen, colours in ((True, "photo"), (False, "style")):
        result.adjust(99, 1.0, chosen)
        (tmp_path / "saved.png").write_bytes(result.png())
        assert read_recipe(tmp_path / "saved.png").colours == colours
        assert result.shared.recipe.colours == colours
        assert ("colours=photo" in link_to(result, "http://here")) == chosen


def test_the_next_print_is_larger_and_within_what_the_operator_allows(result, monkeypatch):
    monkeypatch.setattr("ui.result.pace", Pace())
    assert result.next_print == ("1024 px", 1024)
    result.painted = Image.new("RGB", (2048, 1000))
    assert result.next_print is None
    monkeypatch.setattr("ui.result.RUN_LIMITS", SimpleNamespace(max_size=4096, deadline=300))
    assert result.next_print == ("3072 px", 3072)

    known = Pace()
    known.learn(Recipe(size=2048), 1000 / 2048, 0, 40.0)
    monkeypatch.setattr("ui.result.pace", known)
    assert re.fullmatch(r"about \d+ (s|min)", result.next_print[0])
    seconds = known.expect(Recipe(size=3072), 1000 / 2048, 2048)
    short = SimpleNamespace(max_size=4096, deadline=seconds / 2)
    monkeypatch.setattr("ui.result.RUN_LIMITS", short)
    assert result.next_print is None


def test_frames_stay_few_and_keep_the_first_and_the_last():
    frames = Frames(8)
    for step in range(1, 101):
        frames.add(picture(2 * step), last=step == 100)
        assert len(frames) <= 8
    shades = [np.asarray(frames[i])[..., 0].mean() for i in range(len(frames))]
    assert shades == sorted(shades)
    assert abs(shades[0] - 2) < 2 < 198 < shades[-1]
    assert max(np.diff(shades)) <= 70


def test_a_run_that_goes_on_begins_with_the_frames_and_the_canvas_of_the_one_before(result):
    further = result.further(result.job, (), ("Continued.",))
    assert len(further.frames) == len(result.frames)
    assert further.start is result.painted  # without a canvas one goes on from the picture
    canvas = (*(np.zeros((1, 3, 40, 48), np.float32) for _ in range(3)), 5)
    result.take(told(10, 40, canvas=canvas))
    further = result.further(result.job, (), ("Continued.",))
    assert further.start[3] == 5
    further.take(told(1, 90))
    assert further.notes == ("Continued.",)
    assert len(further.frames) == len(result.frames) + 1


def test_the_cache_forgets_the_oldest_canvas_when_it_is_full():
    canvas = tuple(np.zeros((1, 3, 100, 100), np.float32) for _ in range(3))  # 0.36 MB
    canvases = CanvasCache(1.0)
    keys = [canvases.put((*canvas, age)) for age in range(4)]
    assert [canvases.get(key) is not None for key in keys] == [False, False, True, True]
    assert canvases.get(None) is None


def test_a_canvas_larger_than_the_cache_is_still_kept_until_the_next():
    canvas = tuple(np.zeros((1, 3, 400, 400), np.float32) for _ in range(3))
    canvases = CanvasCache(1.0)
    assert canvases.get(canvases.put((*canvas, 1))) is not None


def test_the_png_remembers_recipe_ids_and_what_painted_it(result):
    result.take(told(10, 200, painted_by="compact, fp32"))
    data = result.png()
    assert read_recipe(data) == Recipe(strength=61)
    assert read_notes(data) == {"photo": "lion", "style": "mosaic", "painted-by": "compact, fp32"}


def test_a_file_is_named_after_shipped_pictures_only(result):
    assert result.name == "lion-mosaic"
    own = Result(Job(picture(1), (picture(2),), Shared(Recipe()), "", ""))
    assert own.name == "photo-painted"


def test_fading_goes_from_the_photo_to_the_painting(result):
    painted = np.asarray(result.painted).astype(int)
    photo = np.asarray(result.before).astype(int)
    assert (np.asarray(result.shown) == painted).all()
    result.adjust(LAST, 0.0, False)
    assert (np.asarray(result.shown) == photo).all()
    result.adjust(LAST, 0.5, False)
    half = np.asarray(result.shown).astype(int)
    assert np.abs(half - (painted + photo) / 2).max() <= 1
    assert (np.asarray(result.painted) == painted).all()  # the painting itself is not lost


def test_the_photos_colours_can_be_blended_in(result):
    result.adjust(LAST, 1.0, True)
    luma = np.array([0.299, 0.587, 0.114])
    painted = np.asarray(result.painted) @ luma
    assert np.abs(np.asarray(result.shown).astype(float) @ luma - painted).max() < 2


def test_transparency_survives_a_blend(result):
    result.painted = picture(90).convert("RGBA")
    result.painted.putalpha(Image.new("L", SIZE, 77))
    result.adjust(LAST, 0.5, False)
    assert result.shown.getchannel("A").getextrema() == (77, 77)


def test_what_is_looked_at_is_what_is_saved(result):
    whole = np.asarray(Image.open(io.BytesIO(result.png())))
    result.adjust(1, 1.0, False)
    saved = np.asarray(Image.open(io.BytesIO(result.png())))
    assert (saved == np.asarray(result.frames[0])).all()
    assert (saved != whole).any()
    result.adjust(1, 0.5, True)
    saved = np.asarray(Image.open(io.BytesIO(result.png())))
    assert (saved == np.asarray(result.shown)).all()


def test_what_was_made_of_a_picture_is_made_again_when_it_is_looked_at_otherwise(result, tmp_path):
    made = []

    def make() -> dict[str, dict[str, str]]:
        made.append(tmp_path / f"{len(made)}.png")
        made[-1].touch()
        return {"photo": {"path": str(made[-1])}}

    for look in ((LAST, 1.0, False), (LAST, 1.0, False), (LAST, 1.0, True)):
        result.adjust(*look)
        result.once("view", make)
    assert len(made) == 2
    made[-1].unlink()  # as files do that nobody asked for in an hour
    assert result.once("view", make) == {"photo": {"path": str(made[2])}}


def test_film_gif_and_card_can_be_opened(result):
    with av.open(io.BytesIO(result.film())) as film:
        assert film.streams.video[0].frames > 50
    gif = Image.open(io.BytesIO(result.gif()))
    assert gif.format == "GIF"
    assert gif.n_frames >= 5
    assert Image.open(io.BytesIO(result.card())).size == (1200, 630)


def test_curves_are_drawn_for_what_was_measured_and_never_break():
    points = [(step, Losses(0.0, 8.0 / step, 0.0, 0.0, 8.0 / step)) for step in range(1, 20)]
    drawn = curves(points)
    assert "style" in drawn
    assert "local" not in drawn  # which a published recipe does not have
    steep = [(step, Losses(1e9, 2e-4 / step, 1e-4, 0, 1e9)) for step in (1, 1000)]
    same = [(5, Losses(1, 1, 1, 1, 1)), (5, Losses(1, 1, 1, 1, 1))]
    assert all("nan" not in curves(each) for each in (points, steep, same))
    zero = Losses(0, 0, 0, 0, 0)
    assert curves([]) == curves(points[:1]) == curves([(1, zero), (2, zero)]) == ""


def test_nothing_brushed_is_no_mask():
    empty = Image.new("RGBA", (64, 64))
    assert mask_from(None) is None
    assert mask_from({"layers": []}) is None
    assert mask_from({"layers": ["not a picture"]}) is None
    assert mask_from({"layers": [empty]}) is None


def test_a_brushed_mask_is_white_inside_and_soft_at_its_edge():
    layer = Image.new("RGBA", (320, 320))
    layer.paste((255, 255, 255, 255), (80, 80, 240, 240))
    mask = np.asarray(mask_from({"layers": [layer]}))
    assert mask[160, 160] == 255
    assert mask[10, 10] == 0
    assert 0 < mask[160, 79] < 255


def test_two_styles_share_the_picture_by_weight():
    photo = str(SAMPLES["lion"].path)
    asked = open_job(photo, preset_of("mosaic"), Recipe(), second=preset_of("ink-wash"), share=0.3)
    assert asked.shared.recipe.mix == (0.7, 0.3)
    assert len(asked.styles) == 2
    assert asked.shared == Shared(asked.shared.recipe, "lion", "mosaic", "ink-wash")
    assert "Mosaic" in asked.credit
    assert "Ink Wash" in asked.credit


def test_a_painting_of_ones_own_can_be_the_second():
    lion, mine = (str(SAMPLES[name].path) for name in ("lion", "tower"))
    asked = open_job(lion, preset_of("mosaic"), Recipe(), second=mine, share=0.3)
    assert asked.title == "Mosaic and Your painting"
    assert asked.shared.second is None
    assert len(asked.styles) == 2

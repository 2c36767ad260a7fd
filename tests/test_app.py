"""The running app as programs see it, through `gradio_client`."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from nst.pictures.export import read_notes, read_recipe
from nst.presets import load_presets
from nst.recipe import Recipe
from ui.samples import SAMPLES

QUICK = "size=96&steps=8"
LION = SAMPLES["lion"].path


class Program:
    """A client of its own, in a folder of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        self.client = Client(url, download_files=str(folder), verbose=False)

    def paint(self, **given: Any) -> tuple[str, dict[str, Any]]:
        asked = {"photo": handle_file(str(LION)), "recipe": QUICK} | given
        return self.client.predict(**asked, api_name="/paint")

    def submit(self, recipe: str) -> Any:
        photo = handle_file(str(LION))
        return self.client.submit(photo=photo, recipe=recipe, api_name="/paint")


@pytest.fixture
def program(app, tmp_path) -> Program:
    return Program(app.url, tmp_path / "got")


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_progress_that_is_not_shown_is_not_counted_either(app):
    """Hidden, Gradio counts it at every frame of the screen, while the same cores may paint."""
    events = httpx.get(f"{app.url}/config").json()["dependencies"]
    counting = [e["show_progress_on"] for e in events if e["show_progress"] == "hidden"]
    assert len(counting) > 20
    assert all(on == [] for on in counting)


def test_paint_returns_a_png_that_remembers_its_recipe(program):
    picture, facts = program.paint(preset="mosaic", recipe=f"{QUICK}&strength=60")
    assert Image.open(picture).format == "PNG"
    assert Image.open(picture).size == (96, 96) == (facts["width"], facts["height"])
    recipe = read_recipe(picture)
    assert (recipe.size, recipe.steps, recipe.strength) == (96, 8, 60)
    assert Recipe.from_query(facts["recipe"]).strength == 60
    notes = read_notes(picture)
    assert notes.pop("painted-by").startswith("compact ")
    assert notes == {"photo": "lion", "style": "mosaic"}
    assert facts["step"] == facts["steps"] == 8
    assert facts["losses"]["total"] > 0
    assert "compact" in facts["status"]


def test_pictures_of_ones_own_are_used_and_never_named(app, program, tmp_path):
    photo, style = tmp_path / "secret-name.png", tmp_path / "holiday with Ada.png"
    Image.open(LION).resize((64, 64)).save(photo)
    Image.open(load_presets()[0][0].path).resize((200, 150)).save(style)
    picture, _ = program.paint(photo=handle_file(str(photo)), style=handle_file(str(style)))
    assert read_notes(picture).keys() == {"painted-by"}
    assert b"Ada" not in Path(picture).read_bytes()
    for name in ("Ada", "secret-name"):
        assert name not in picture
        assert name not in app.log
    assert "Traceback" not in app.log


def test_progress_comes_before_the_picture(program):
    *before, (picture, last) = list(program.submit("size=96&steps=80"))
    assert before
    assert all(got is None for got, _ in before)
    steps = [facts["step"] for _, facts in before]
    assert steps == sorted(steps)
    assert steps[-1] <= last["step"] == 80
    assert picture is not None


def test_visitors_at_once_get_what_each_would_get_alone(app, tmp_path):
    def paint(style: str) -> np.ndarray:
        return pixels(Program(app.url, tmp_path / style).paint(preset=style)[0])

    styles = ["mosaic", "ink-wash", "lily-pond"]
    alone = [paint(style) for style in styles]
    with ThreadPoolExecutor(3) as visitors:
        together = list(visitors.map(paint, styles))
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


def test_whatever_is_wrong_gets_one_clear_sentence(program, tmp_path):
    (tmp_path / "cut.jpg").write_bytes(LION.read_bytes()[:100])
    for given, says in (
        ({"photo": handle_file(str(tmp_path / "cut.jpg"))}, "damaged|cut short"),
        ({"preset": "no-such-preset"}, "no-such-preset.*mosaic"),
        ({"recipe": "strength=600"}, "600.*from 0 to 100"),
        ({"recipe": "size=4000"}, "4000.*at most"),
        ({"recipe": "style_layers=relu9_9&style_layer_weights=1"}, "relu9_9"),
    ):
        with pytest.raises(AppError, match=says) as caught:
            program.paint(**given)
        assert "Traceback" not in str(caught.value)


def test_a_wall_comes_tile_by_tile_with_its_sheet(program):
    given = handle_file(str(LION)), "mosaic, ink-wash", "steps=4&size=64"
    pictures, sheet, facts = program.client.predict(*given, api_name="/wall")
    assert [picture["caption"] for picture in pictures] == ["Mosaic", "Ink Wash"]
    assert pixels(pictures[0]["image"]).shape[:2] == (64, 64)
    assert Image.open(sheet).width > 600
    assert (facts["painted"], facts["done"]) == (["mosaic", "ink-wash"], True)
    with pytest.raises(AppError, match="There is no preset called"):
        program.client.predict(given[0], "nonsense", "", api_name="/wall")


def test_only_documented_endpoints_are_offered(program):
    offered = program.client.view_api(return_format="dict", print_info=False)
    assert set(offered["named_endpoints"]) == {"/paint", "/wall"}
    assert offered["unnamed_endpoints"] == {}
    parameters = offered["named_endpoints"]["/paint"]["parameters"]
    assert [p["parameter_name"] for p in parameters] == ["photo", "style", "preset", "recipe"]

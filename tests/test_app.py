"""The running app as programs see it, through `gradio_client`."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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

QUICK = "size=128&steps=12"
STYLES = {preset.id: preset.path for preset in load_presets()[0]}


@pytest.fixture
def client(app, tmp_path) -> Client:
    return Client(app.url, download_files=str(tmp_path / "got"), verbose=False)


def lion() -> dict:
    return handle_file(str(SAMPLES["lion"].path))


def pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_progress_that_is_not_shown_is_not_counted_either(app):
    """Hidden, Gradio counts it at every frame of the screen, while the same cores may paint."""
    events = httpx.get(f"{app.url}/config").json()["dependencies"]
    counting = [e["show_progress_on"] for e in events if e["show_progress"] == "hidden"]
    assert len(counting) > 20
    assert all(on == [] for on in counting)


def test_paint_returns_a_png_that_remembers_its_recipe(client):
    picture, facts = client.predict(
        photo=lion(), style=None, preset="mosaic", recipe=f"{QUICK}&strength=60", api_name="/paint"
    )
    assert Image.open(picture).format == "PNG"
    assert Image.open(picture).size == (128, 128) == (facts["width"], facts["height"])
    recipe = read_recipe(picture)
    assert (recipe.size, recipe.steps, recipe.strength) == (128, 12, 60)
    notes = read_notes(picture)
    assert notes.pop("painted-by").startswith("compact ")
    assert notes == {"photo": "lion", "style": "mosaic"}
    assert facts["step"] == facts["steps"] == 12
    assert facts["losses"]["total"] > 0
    assert "compact" in facts["status"]


def test_paint_needs_nothing_but_a_photo(client):
    picture, facts = client.predict(photo=lion(), recipe=QUICK, api_name="/paint")
    assert Image.open(picture).size == (128, 128)
    assert facts["steps"] == 12


def test_a_style_of_ones_own_is_used_and_never_named(client, tmp_path):
    mine = tmp_path / "holiday with Ada.png"
    Image.open(STYLES["woodblock-wave"]).resize((200, 150)).save(mine)
    picture, _ = client.predict(
        photo=lion(), style=handle_file(str(mine)), recipe=QUICK, api_name="/paint"
    )
    assert read_notes(picture).keys() == {"photo", "painted-by"}
    assert b"Ada" not in Path(picture).read_bytes()
    assert "Ada" not in picture


def test_progress_comes_before_the_picture(client):
    job = client.submit(photo=lion(), recipe="size=128&steps=120", api_name="/paint")
    *before, (picture, last) = list(job)
    assert before
    assert all(got is None for got, _ in before)
    steps = [facts["step"] for _, facts in before]
    assert steps == sorted(steps)
    assert steps[-1] <= last["step"] == 120
    assert picture is not None


def test_the_same_seed_gives_the_same_picture(client):
    recipe = f"{QUICK}&start=noise&seed=5"
    first, second, other = (
        client.predict(photo=lion(), recipe=text, api_name="/paint")[0]
        for text in (recipe, recipe, f"{QUICK}&start=noise&seed=6")
    )
    assert (pixels(first) == pixels(second)).all()
    assert (pixels(first) != pixels(other)).any()


def test_visitors_at_once_get_what_each_would_get_alone(app, client, tmp_path):
    def paint(style: str) -> np.ndarray:
        visitor = Client(app.url, download_files=str(tmp_path / style), verbose=False)
        return pixels(
            visitor.predict(photo=lion(), preset=style, recipe=QUICK, api_name="/paint")[0]
        )

    styles = ["mosaic", "ink-wash", "lily-pond"]
    alone = [paint(style) for style in styles]
    with ThreadPoolExecutor(3) as visitors:
        together = list(visitors.map(paint, styles))
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


def test_a_cancelled_run_leaves_the_machine_to_the_next(app, client, tmp_path):
    long = client.submit(photo=lion(), recipe="size=256&steps=30000", api_name="/paint")
    next(iter(long))
    long.cancel()
    other = Client(app.url, download_files=str(tmp_path / "other"), verbose=False)
    assert other.predict(photo=lion(), recipe=QUICK, api_name="/paint")[0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"preset": "no-such-preset"}, "no-such-preset.*mosaic"),
        ({"recipe": "strength=600"}, "600.*from 0 to 100"),
        ({"recipe": "steps=many"}, "whole number"),
        ({"recipe": "charm=1"}, "charm"),
        ({"recipe": "size=4000"}, "4000.*at most"),
        ({"recipe": "name=mine"}, "no recipe called"),
        ({"recipe": "style_layers=relu9_9&style_layer_weights=1"}, "relu9_9"),
    ],
)
def test_wrong_values_get_one_clear_sentence(client, given, says):
    with pytest.raises(AppError, match=says) as caught:
        client.predict(**{"photo": lion(), "recipe": QUICK} | given, api_name="/paint")
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("note.png", b"This is no picture.", "not a picture"),
        ("cut.jpg", SAMPLES["lion"].path.read_bytes()[:100], "damaged|cut short"),
        ("empty.png", b"", "empty"),
    ],
)
def test_wrong_files_get_one_clear_sentence(client, tmp_path, name, data, says):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(AppError, match=says):
        client.predict(photo=handle_file(str(path)), recipe=QUICK, api_name="/paint")


def test_only_documented_endpoints_are_offered(client):
    offered = client.view_api(return_format="dict", print_info=False)
    assert "/paint" in offered["named_endpoints"]
    assert set(offered["named_endpoints"]) <= {"/paint", "/wall"}
    assert offered["unnamed_endpoints"] == {}
    parameters = offered["named_endpoints"]["/paint"]["parameters"]
    assert [p["parameter_name"] for p in parameters] == ["photo", "style", "preset", "recipe"]


def test_the_facts_restore_the_recipe(client):
    _, facts = client.predict(photo=lion(), recipe=f"{QUICK}&brush=1.5", api_name="/paint")
    assert Recipe.from_query(facts["recipe"]).brush == 1.5


def test_the_log_holds_no_name_of_a_visitors_file(app, client, tmp_path):
    path = tmp_path / "secret-name.png"
    Image.open(SAMPLES["lion"].path).save(path)
    client.predict(photo=handle_file(str(path)), recipe=QUICK, api_name="/paint")
    log = app.log
    assert "secret-name" not in log
    assert "Traceback" not in log

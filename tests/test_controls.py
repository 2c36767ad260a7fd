"""The controls are the recipe: nothing is lost between the two. And what is said before Paint."""

from pathlib import Path

import gradio as gr
import pytest
from gradio.data_classes import ImageData
from hypothesis import given
from PIL import Image
from test_recipe import examples, recipes

from nst.errors import BadInput
from nst.presets import load_presets, preset_of
from nst.published import RECIPES
from nst.recipe import Recipe
from ui.controls import departures, follow, suggestion
from ui.inputs import InputPanel
from ui.photo_box import PhotoBox, Upload
from ui.samples import SAMPLES
from ui.server.gradio_internals import upload_folder

NIGHT, MOSAIC = preset_of("swirling-night"), preset_of("mosaic")
LODAYA = RECIPES["lodaya"].recipe


@pytest.fixture(scope="module")
def panel() -> InputPanel:
    with gr.Blocks():
        return InputPanel(gr.HTML())


def values(panel: InputPanel, recipe: Recipe) -> list:
    """What the controls hold after showing a recipe, as the browser sends it back."""
    return list(panel.controls.show(recipe).values())


def test_every_setting_has_a_control(panel):
    assert set(panel.controls.of) == set(Recipe.model_fields) - {"name", "mix"}
    opened = [component.value for component in panel.controls.inputs]
    assert panel.controls.recipe(opened) == NIGHT.recipe(Recipe())


@given(recipes)
@examples
def test_any_recipe_passes_through_the_controls_exactly(panel, recipe):
    for known in (recipe.replace(name="default"), *(entry.recipe for entry in RECIPES.values())):
        same = panel.controls.recipe(values(panel, known))
        assert same.replace(mix=known.mix) == known


def test_a_wrong_value_is_one_clear_sentence(panel):
    for setting, value, says in (
        ("strength", 101, "from 0 to 100"),
        ("size", None, "^size"),
        ("steps", float("nan"), "steps"),
        ("style_layer_weights", "0.2, x", "style_layer_weights"),
        ("content_layer", "<b>", "layer"),
        ("colours", ["style"], "^colours"),
    ):
        given = values(panel, Recipe())
        given[1 + list(panel.controls.of).index(setting)] = value
        with pytest.raises(BadInput, match=says):
            panel.controls.recipe(given)
    with pytest.raises(BadInput, match="no recipe"):
        panel.controls.recipe(["mine", *values(panel, Recipe())[1:]])


def test_what_leaves_a_recipe_is_named_unless_it_is_the_visitors_or_the_paintings():
    assert "lodaya, changed: long side, pixels." in departures(LODAYA.replace(size=300), None)
    assert "changed: strength" in departures(Recipe(strength=80), None)
    ours = [(preset.recipe(Recipe()), preset) for preset in load_presets()[0]]
    for recipe, preset in [(LODAYA, None), (Recipe(size=1024, seed=4), None), *ours]:
        assert "changed" not in departures(recipe, preset)


def test_another_painting_sets_what_the_visitor_has_not_touched():
    theirs = {"colours": "photo", "size": 1024, "seed": 7}
    mine = NIGHT.recipe(Recipe()).replace(**theirs)
    assert follow(mine, NIGHT, MOSAIC) == MOSAIC.recipe(Recipe()).replace(**theirs)
    stronger = mine.replace(strength=62)
    assert follow(stronger, NIGHT, MOSAIC).strength == 62
    assert follow(stronger, NIGHT, None).brush == Recipe().brush
    assert follow(LODAYA, None, MOSAIC) == LODAYA


def test_a_painting_suggests_in_words_what_is_not_set():
    mine = NIGHT.recipe(Recipe())
    assert suggestion(mine, NIGHT) == suggestion(LODAYA, MOSAIC) == ""
    assert suggestion(mine.replace(strength=62, colours="photo"), NIGHT) == (
        "Use this painting's usual strength (35), colours (the painting's)"
    )


def test_what_speaks_against_a_painting_is_said_when_it_is_chosen(panel, tmp_path):
    flat = tmp_path / "flat.png"
    Image.new("RGB", (64, 64), "red").save(flat)
    opened = values(panel, Recipe())
    for style, own, settings, says in (
        ("", str(flat), opened, "of one colour"),
        ("", None, opened, "no painting yet"),
        ("mosaic", None, ["mine", *opened[1:]], "no recipe called"),
        ("mosaic", None, opened, ""),
    ):
        chosen = [SAMPLES["lion"].path, style, own, "", 0.4, *settings]
        told = panel.draw(*chosen)[panel.concern]
        assert says in told["value"]
        assert told["visible"] is bool(says)


def test_what_browsers_cannot_show_is_shown_by_a_copy_and_painted_from_the_file():
    box, folder = PhotoBox(), upload_folder()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "scan.tif"
    Image.open(SAMPLES["lion"].path).save(file)
    shown = box.postprocess(str(file))
    assert Image.open(shown.path).format == "JPEG"
    assert box.preprocess(shown) == str(file)
    for elsewhere in ("/etc/passwd", f"{folder}/../../etc/passwd", __file__, "photo.jpg", None):
        assert box.preprocess(ImageData(path="sent.jpg", orig_name=elsewhere)) == "sent.jpg"
    lion = str(SAMPLES["lion"].path)
    assert Path(box.postprocess(lion).path).suffix == ".jpg"
    assert box.preprocess(ImageData(path=lion)) == lion


def test_a_path_or_an_address_given_as_text_is_told_of_handle_file():
    for text in ("photo.jpg", "https://example.com/photo.jpg"):
        with pytest.raises(gr.Error, match="handle_file"):
            PhotoBox().preprocess(Upload.model_validate(text))

"""The controls are the recipe: nothing is lost between the two."""

import random

import gradio as gr
import pytest
from test_links import any_recipe

from nst.errors import BadInput
from nst.presets import load_presets, preset_of
from nst.published import RECIPES
from nst.recipe import Recipe
from ui.controls import Controls, departures, follow, suggestion


@pytest.fixture(scope="module")
def controls() -> Controls:
    built = Controls(Recipe())
    with gr.Blocks():
        built.main()
        built.advanced()
    return built


def values(controls: Controls, recipe: Recipe) -> list:
    """What the controls hold after showing a recipe, as the browser sends it back."""
    shown = controls.show(recipe, None)
    return [shown[part] for part in controls.inputs]


def test_every_setting_has_a_control(controls):
    assert set(controls.of) == set(Recipe.model_fields) - {"name", "mix"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_named_recipe_sets_every_control(controls, name):
    recipe = RECIPES[name].recipe
    assert controls.recipe(values(controls, recipe)) == recipe


def test_any_recipe_passes_through_the_controls_exactly(controls):
    dice = random.Random(3)
    for _ in range(200):
        recipe = any_recipe(dice)
        assert controls.recipe(values(controls, recipe), recipe.mix) == recipe


def test_the_controls_show_the_default_recipe_when_the_page_opens(controls):
    opened = [component.value for component in controls.inputs]
    assert controls.recipe(opened) == Recipe()


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("strength", 101, "from 0 to 100"),
        ("size", None, "^size"),
        ("steps", float("nan"), "steps"),
        ("style_layer_weights", "0.2, x", "style_layer_weights"),
        ("style_layer_weights", "0.2", "one each"),
        ("encoder", "vgg99", "choose from"),
        ("content_layer", "<b>", "layer"),
        ("seed", "1.5", "^seed"),
        ("colours", ["style"], "^colours"),
    ],
)
def test_a_wrong_value_is_one_clear_sentence(controls, setting, value, says):
    given = values(controls, Recipe())
    given[1 + list(controls.of).index(setting)] = value
    with pytest.raises(BadInput, match=says):
        controls.recipe(given)


def test_an_unknown_recipe_is_refused(controls):
    with pytest.raises(BadInput, match="no recipe"):
        controls.recipe(["mine", *values(controls, Recipe())[1:]])


def test_what_leaves_a_recipe_is_named():
    lodaya = RECIPES["lodaya"].recipe
    assert "changed" not in departures(lodaya, None)
    assert "lodaya, changed: long side, pixels." in departures(lodaya.replace(size=300), None)
    both = departures(lodaya.replace(steps=5, brush=2), None)
    assert "steps" in both
    assert "brush size" in both


def test_what_a_visitor_sets_for_a_picture_does_not_leave_the_projects_own_recipe():
    assert "changed" not in departures(Recipe(size=1024, seed=4), None)
    assert "changed: strength" in departures(Recipe(strength=80), None)


def test_a_presets_own_settings_are_no_departure():
    for preset in load_presets()[0]:
        assert "changed" not in departures(preset.recipe(Recipe()), preset)


def test_another_painting_sets_what_the_visitor_has_not_touched():
    night, mosaic = preset_of("swirling-night"), preset_of("mosaic")
    mine = night.recipe(Recipe()).replace(colours="photo", size=1024, seed=7)
    assert follow(mine, night, mosaic) == mosaic.recipe(Recipe()).replace(
        colours="photo", size=1024, seed=7
    )
    stronger = mine.replace(strength=62)
    assert follow(stronger, night, mosaic).strength == 62
    assert follow(stronger, night, None).brush == Recipe().brush


def test_a_published_recipe_is_moved_by_no_painting():
    lodaya = RECIPES["lodaya"].recipe
    assert follow(lodaya, None, preset_of("mosaic")) == lodaya
    assert suggestion(lodaya, preset_of("mosaic")) == ""


def test_a_painting_suggests_in_words_what_is_not_set():
    night = preset_of("swirling-night")
    assert suggestion(night.recipe(Recipe()), night) == ""
    mine = night.recipe(Recipe()).replace(strength=62, colours="photo")
    assert suggestion(mine, night) == (
        "Use this painting's usual strength (35), colours (the painting's)"
    )

"""The published systems: what else than the objective they have, and what each says of itself.

What they minimise, where they start and how they step is in test_objectives_of_the_sources.py.
"""

import pytest

from nst.errors import BadInput
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe

# Of each: size, steps, and every how many of them a frame is kept.
TABLE = {
    "gatys": (512, 500, 0),
    "lodaya": (400, 200, 20),
    "ghorpade-vgg16": (512, 450, 0),
    "ghorpade-vgg19": (512, 450, 0),
    "five-minute": (640, 200, 50),
    "keras-tv": (512, 30_000, 0),
    "tf-keras": (512, 1000, 0),
}


def test_the_named_recipes_are_the_projects_own_first_and_the_published_ones():
    assert next(iter(RECIPES)) == "default"
    assert set(RECIPES) == {"default", *TABLE}
    assert get_recipe("default") == get_recipe("house") == Recipe()


def test_every_published_recipe_has_its_sources_size_steps_and_frames_and_nothing_of_ours():
    for name, (size, steps, every) in TABLE.items():
        recipe = get_recipe(name)
        assert (recipe.size, recipe.steps, recipe.keep_every) == (size, steps, every)
        assert recipe.keep_at == ((3_000, 9_000, 17_000, 23_000, 30_000) if "tv" in name else ())
        assert recipe.schedule() == [(steps, 1.0)]
        assert recipe.style_factor == recipe.style_weight
        assert (recipe.finish, recipe.colours, recipe.brush) == ("off", "style", 1)


def test_recipe_says_what_it_is_where_it_comes_from_and_what_its_source_leaves_open():
    for entry in RECIPES.values():
        for sentence in (entry.about, entry.source, entry.ours):
            assert sentence.endswith(".")
            assert "\n" not in sentence


def test_unknown_recipe_is_refused_with_the_names_there_are():
    for name in ("gatys-1", "", "x" * 5000, "__class__"):
        with pytest.raises(BadInput) as refused:
            get_recipe(name)
        assert all(known in str(refused.value) for known in RECIPES)
        assert len(str(refused.value)) < 300

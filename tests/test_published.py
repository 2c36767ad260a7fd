"""The published systems, value by value, and what each says about itself.

The table is written from the systems' own texts. Keras' layers have their ReLU inside, and the
TensorFlow 1 graphs of `lodaya` and `five-minute` compute it with each convolution, so that their
conv4_2 is `relu4_2` here.
"""

import pytest

from nst.errors import BadInput
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe

FIRST_OF_EACH_BLOCK = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

# What none of them turns, or what follows from having no such thing.
PLAIN = {
    "finish": "off",
    "finish_share": 0.2,
    "input_range": 255,
    "pooling_offsets": 0,
    "style_layers": FIRST_OF_EACH_BLOCK,
    "style_layer_weights": (0.2, 0.2, 0.2, 0.2, 0.2),
    "style_form": "gatys",
    "strength": 50.0,
    "local_weight": 0.0,
    "local_octaves": 3,
    "tv_weight": 0.0,
    "tv_form": "mean",
    "scales": 1,
    "optimiser": "adam",
    "final_rate": 1.0,
    "noise_ratio": 0.6,
    "noise_amplitude": 127.5,
    "keep_every": 0,
    "keep_at": (),
    "brush": 1.0,
    "colours": "style",
    "mix": (),
    "seed": 0,
}

LODAYA = PLAIN | {
    "name": "lodaya",
    "encoder": "vgg19",
    "pooling": "average",
    "content_layer": "relu4_2",
    "content_form": "quarter-mean",
    "content_weight": 10.0,
    "style_weight": 40.0,
    "size": 400,
    "steps": 200,
    "learning_rate": 2.0 / 255,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "start": "blend",
    "noise_ratio": 0.6,
    "noise_amplitude": 20.0,
    "keep_every": 20,
}
FIVE_MINUTE = LODAYA | {
    "name": "five-minute",
    "content_weight": 5.0,
    "style_layer_weights": (0.5, 1.0, 1.5, 3.0, 4.0),
    "style_weight": 100.0,
    "size": 640,
    "keep_every": 50,
}
GHORPADE = PLAIN | {
    "name": "ghorpade-vgg19",
    "encoder": "vgg19",
    "pooling": "max",
    "content_layer": "relu4_3",
    "content_form": "half-sum",
    "content_weight": 1.0,
    "style_weight": 1000.0,
    "input_range": 1,
    "size": 512,
    "steps": 450,
    "learning_rate": 0.01,
    "beta1": 0.99,
    "beta2": 0.999,
    "epsilon": 1e-7,
    "start": "noise",
}
TF_KERAS = PLAIN | {
    "name": "tf-keras",
    "encoder": "vgg19",
    "pooling": "max",
    "content_layer": "relu5_2",
    "content_form": "half-sum",
    # 1e4 and 1e-2 weigh means in the parent; block5_conv2 has 512 x 32 x 32 entries at 512 px, and
    # its 1/2 and the Gram formula's 1/4 belong to the sums.
    "content_weight": 2e4 / 524_288,
    "style_weight": 4e-2,
    "size": 512,
    "steps": 1000,
    "learning_rate": 0.02,
    "beta1": 0.99,
    "beta2": 0.999,
    "epsilon": 0.1,
    "start": "content",
}
KERAS_TV = TF_KERAS | {
    "name": "keras-tv",
    "content_form": "mean",
    "content_weight": 1.0,
    "style_layer_weights": (2**-10, 2**-12, 2**-14, 2**-16, 2**-16),
    "style_weight": 10_000.0,
    "input_range": 1,
    "tv_weight": 1e-3,
    "tv_form": "sum",
    "steps": 30_000,
    "keep_at": (3_000, 9_000, 17_000, 23_000, 30_000),
}
GATYS = PLAIN | {
    "name": "gatys",
    "encoder": "vgg19",
    "pooling": "average",
    "content_layer": "relu4_2",
    "content_form": "half-sum",
    "content_weight": 1.0,
    "style_weight": 1000.0,
    "size": 512,
    "steps": 500,
    "optimiser": "lbfgs",
    "learning_rate": 1.0,
    "beta1": 0.8,  # L-BFGS has none of Adam's
    "beta2": 0.7,
    "epsilon": 1e-8,
    "start": "noise",
}
TABLE = {
    "gatys": GATYS,
    "lodaya": LODAYA,
    "ghorpade-vgg16": GHORPADE | {"name": "ghorpade-vgg16", "encoder": "vgg16"},
    "ghorpade-vgg19": GHORPADE,
    "five-minute": FIVE_MINUTE,
    "keras-tv": KERAS_TV,
    "tf-keras": TF_KERAS,
}


def test_the_named_recipes_are_the_projects_own_first_and_the_published_ones():
    assert next(iter(RECIPES)) == "default"
    assert set(RECIPES) == {"default", *TABLE}
    assert all(get_recipe(name).name == name for name in RECIPES)
    assert get_recipe("default") == Recipe()


@pytest.mark.parametrize("name", TABLE)
def test_published_recipe_has_its_sources_values(name):
    recipe = get_recipe(name)
    assert recipe.model_dump() == TABLE[name]
    assert recipe.schedule() == [(recipe.steps, 1.0)]
    assert recipe.style_factor == recipe.style_weight


def test_recipe_says_what_it_is_where_it_comes_from_and_what_its_source_leaves_open():
    for entry in RECIPES.values():
        for sentence in (entry.about, entry.source, entry.ours):
            assert sentence.endswith(".")
            assert "\n" not in sentence


def test_default_recipe_is_found_by_the_name_it_had_before():
    assert get_recipe("house") == get_recipe("default")
    assert Recipe.from_query("name=house&seed=7") == Recipe(seed=7)
    assert Recipe.from_json('{"name": "house", "seed": 7}') == Recipe(seed=7)


def test_unknown_recipe_is_refused_with_the_names_there_are():
    for name in ("gatys-1", "", "x" * 5000, "__class__"):
        with pytest.raises(BadInput) as refused:
            get_recipe(name)
        assert all(known in str(refused.value) for known in RECIPES)
        assert len(str(refused.value)) < 300

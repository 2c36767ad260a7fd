"""The published systems, value by value, and what each says about itself.

The tables are written from the systems' own texts. Keras' layers have their ReLU inside, and the
TensorFlow 1 graphs of `lodaya` and `five-minute` compute it with each convolution, so that their
conv4_2 is `relu4_2` here.
"""

import pytest

from nst.errors import BadInput
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe

# What none of them turns, or what follows from having no such thing.
PLAIN = Recipe(
    finish="off",
    input_range=255,
    pooling_offsets=0,
    style_form="gatys",
    local_weight=0,
    tv_weight=0,
    scales=1,
    final_rate=1,
    encoder="vgg19",
    content_layer="relu4_2",
    content_weight=1,
    style_layers=("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
    style_layer_weights=(0.2,) * 5,
    size=512,
    keep_every=0,
)
GATYS = {"pooling": "average", "content_form": "half-sum", "style_weight": 1000, "steps": 500}
GATYS |= {"optimiser": "lbfgs", "learning_rate": 1, "start": "noise"}
LODAYA = {"pooling": "average", "content_form": "quarter-mean", "content_weight": 10}
LODAYA |= {"style_weight": 40, "size": 400, "steps": 200, "keep_every": 20, "start": "blend"}
LODAYA |= {"noise_ratio": 0.6, "noise_amplitude": 20}
LODAYA |= {"learning_rate": 2 / 255, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
FIVE_MINUTE = {"content_weight": 5, "style_weight": 100, "size": 640, "keep_every": 50}
FIVE_MINUTE |= {"style_layer_weights": (0.5, 1, 1.5, 3, 4)}
GHORPADE = {"pooling": "max", "content_layer": "relu4_3", "content_form": "half-sum"}
GHORPADE |= {"style_weight": 1000, "steps": 450, "start": "noise", "noise_amplitude": 20}
GHORPADE |= {"style_layer_weights": (84, 0.065, 0.07, 0.00026, 3.3)}
GHORPADE |= {"learning_rate": 0.01, "beta1": 0.99, "beta2": 0.999, "epsilon": 1e-7}
TF_KERAS = {"pooling": "max", "content_layer": "relu5_2", "content_form": "half-sum"}
TF_KERAS |= {"steps": 1000, "start": "content"}
TF_KERAS |= {"learning_rate": 0.02, "beta1": 0.99, "beta2": 0.999, "epsilon": 0.1}
# 1e4 and 1e-2 weigh means in the parent; block5_conv2 has 512 x 32 x 32 entries at 512 px, and
# its 1/2 and the Gram formula's 1/4 belong to the sums.
TF_KERAS |= {"content_weight": 2e4 / 524_288, "style_weight": 4e-2}
KERAS_TV = {"content_form": "mean", "content_weight": 1, "style_weight": 10_000, "input_range": 1}
KERAS_TV |= {"style_layer_weights": (2**-10, 2**-12, 2**-14, 2**-16, 2**-16)}
KERAS_TV |= {"tv_weight": 1e-3, "tv_form": "sum", "steps": 30_000}
KERAS_TV |= {"keep_at": (3_000, 9_000, 17_000, 23_000, 30_000)}
TABLE = {
    "gatys": GATYS,
    "lodaya": LODAYA,
    "ghorpade-vgg16": GHORPADE | {"encoder": "vgg16"},
    "ghorpade-vgg19": GHORPADE,
    "five-minute": LODAYA | FIVE_MINUTE,
    "keras-tv": TF_KERAS | KERAS_TV,
    "tf-keras": TF_KERAS,
}


def test_the_named_recipes_are_the_projects_own_first_and_the_published_ones():
    assert next(iter(RECIPES)) == "default"
    assert set(RECIPES) == {"default", *TABLE}
    assert get_recipe("default") == get_recipe("house") == Recipe()


def test_every_published_recipe_has_its_sources_values():
    for name, values in TABLE.items():
        recipe = get_recipe(name)
        assert recipe == PLAIN.replace(name=name, **values)
        assert recipe.schedule() == [(recipe.steps, 1.0)]
        assert recipe.style_factor == recipe.style_weight


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

"""Recipes hold their bounds, and come back from links and pictures as they went."""

import json
import math
import re
from itertools import pairwise
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nst.errors import BadInput
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe, bounds, choices, parse_value

# Every setting with the values it allows, written down again: one missing here fails below.
NUMBERS = {"content_weight": (0, 1e9), "style_weight": (0, 1e12), "strength": (0, 100)}
NUMBERS |= {"local_weight": (0, 1e6), "tv_weight": (0, 1e6), "learning_rate": (1e-6, 1)}
NUMBERS |= {"final_rate": (1e-3, 1), "beta1": (0, 0.9999), "beta2": (0, 0.99999)}
NUMBERS |= {"epsilon": (0, 1), "noise_ratio": (0, 1), "noise_amplitude": (0, 127.5)}
NUMBERS |= {"finish_share": (0, 1), "brush": (0.25, 4)}
WHOLE = {"pooling_offsets": (0, 6), "size": (32, 4096), "local_octaves": (1, 6), "scales": (0, 6)}
WHOLE |= {"steps": (0, 30000), "keep_every": (0, 30000), "seed": (0, 2**31 - 1)}
WORDS = {
    "encoder": ("auto", "compact", "vgg16", "vgg19"),
    "pooling": ("own", "max", "average"),
    "finish": ("auto", "off", "vgg19", "compact"),
    "content_form": ("normalised", "half-sum", "quarter-mean", "mean"),
    "style_form": ("normalised", "gatys"),
    "tv_form": ("mean", "sum"),
    "optimiser": ("adam", "lbfgs"),
    "start": ("recoloured", "content", "noise", "blend"),
    "colours": ("style", "photo", "palette"),
}
LISTS = {"style_layer_weights": (0, 1e6), "mix": (0, 1000), "keep_at": (1, 30000)}
NAMES = ("name", "content_layer", "style_layers", "input_range")

NUMERIC = NUMBERS | WHOLE
VGG_LAYERS = [f"{kind}{b}_{i}" for kind in ("conv", "relu") for b in range(1, 6) for i in (1, 2)]
HUGE = 10**400
OTHER_KINDS = [
    *(None, True, math.nan, math.inf, -math.inf, HUGE, -HUGE, "", "a b", "<script>", "x" * 10_000),
    *(b"1", object(), 1 + 2j, {"a": 1}, [[]], (math.nan,), (math.inf,), (HUGE,), (True,), (None,)),
    *((1.5, "a b"), (0.5,) * 17),
]

# As version 1.0.0 wrote them.
LINK = (
    "v=1&name=default&style_layers=relu1_1%2Cconv4_2&style_layer_weights=1.0%2C2.5&strength=61.5"
    "&learning_rate=0.3333333333333333&keep_at=1%2C20&brush=2.0&mix=0.25%2C0.75&seed=2147483647"
)
NOTE = (
    '{"name":"default","encoder":"auto","pooling":"own","finish":"auto","finish_share":0.25,'
    '"input_range":1,"pooling_offsets":3,"content_layer":"relu4_2","content_form":"normalised",'
    '"content_weight":1.0,"style_layers":["relu1_1","conv4_2"],"style_layer_weights":[1.0,2.5],'
    '"style_form":"normalised","style_weight":8.0,"local_weight":1.0,"local_octaves":3,'
    '"strength":61.5,"tv_weight":4.0,"tv_form":"mean","size":512,"scales":0,"steps":200,'
    '"optimiser":"adam","learning_rate":0.3333333333333333,"final_rate":0.1,"beta1":0.8,'
    '"beta2":0.7,"epsilon":1e-08,"start":"recoloured","noise_ratio":0.6,"noise_amplitude":127.5,'
    '"keep_every":0,"keep_at":[1,20],"brush":2.0,"colours":"style","mix":[0.25,0.75],'
    '"seed":2147483647}'
)

examples = settings(max_examples=80, deadline=None, derandomize=True, database=None)

layers = st.sampled_from(VGG_LAYERS)
style = st.lists(st.tuples(layers, st.floats(0, 1e6)), min_size=1, max_size=16)
recipes = st.builds(
    lambda style, **rest: Recipe(
        style_layers=[layer for layer, _ in style],
        style_layer_weights=[weight for _, weight in style],
        **rest,
    ),
    style=style,
    name=st.sampled_from([*RECIPES, "mine"]),
    content_layer=layers,
    input_range=st.sampled_from([1, 255]),
    mix=st.lists(st.floats(0, 1000), max_size=16),
    keep_at=st.lists(st.integers(1, 30000), max_size=16),
    **{name: st.floats(*span) for name, span in NUMBERS.items()},
    **{name: st.integers(*span) for name, span in WHOLE.items()},
    **{name: st.sampled_from(options) for name, options in WORDS.items()},
)
plain = st.none() | st.booleans() | st.integers() | st.just(HUGE) | st.floats() | st.text()
values = plain | st.lists(plain, max_size=20) | st.dictionaries(st.text(max_size=3), plain)
setting = st.sampled_from(list(Recipe.model_fields))
# Pairs that nearly mean something: the settings' names with values from anywhere.
odd = st.sampled_from(["1" * 400, "-" + "9" * 400, "1" * 5000, "1e999", "nan", "", ",", "1,nan"])
texts = st.text() | st.integers().map(str) | st.floats().map(str) | odd
texts |= st.lists(layers | st.floats().map(str), max_size=20).map(",".join)
pairs = st.lists(st.tuples(setting, texts), max_size=8)
hostile = st.text(max_size=300) | pairs.map(urlencode)
hostile |= pairs.map(lambda found: "&".join(map("=".join, found)))


def assert_within_bounds(recipe: Recipe) -> None:
    for name, (low, high) in NUMERIC.items():
        value = getattr(recipe, name)
        assert type(value) is (int if name in WHOLE else float)
        assert low <= value <= high, name
    for name, options in WORDS.items():
        assert getattr(recipe, name) in options
    for name, (low, high) in LISTS.items():
        found = getattr(recipe, name)
        assert type(found) is tuple
        assert len(found) <= 16
        assert all(low <= value <= high for value in found)
    assert recipe.input_range in (1, 255)
    assert 1 <= len(recipe.style_layers) == len(recipe.style_layer_weights)
    for text in (recipe.name, recipe.content_layer, *recipe.style_layers):
        assert 0 < len(text) <= 32


def test_every_setting_is_held_by_these_tests_and_told_to_the_controls():
    assert set(Recipe.model_fields) == {*NUMERIC, *WORDS, *LISTS, *NAMES}
    assert {name: bounds(name) for name in NUMERIC} == NUMERIC
    assert {name: choices(name) for name in WORDS} == WORDS


@given(recipes, recipes)
@example(get_recipe("keras-tv").replace(keep_at=()), get_recipe("keras-tv"))
@examples
def test_recipe_survives_a_picture_and_a_link_from_any_recipe(recipe, base):
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_query(recipe.to_query()) == recipe
    assert Recipe.from_query(recipe.to_query(base), base) == recipe


def test_links_and_notes_of_earlier_versions_are_read_and_written_to_the_letter():
    recipe = Recipe(
        strength=61.5,
        style_layers=("relu1_1", "conv4_2"),
        style_layer_weights=(1, 2.5),
        learning_rate=1 / 3,
        keep_at=(1, 20),
        brush=2,
        mix=(0.25, 0.75),
        seed=2**31 - 1,
    )
    assert recipe.to_query() == LINK
    assert Recipe.from_query(LINK) == recipe
    # As they were then:
    recipe = recipe.replace(steps=200, style_weight=8, finish_share=0.25, pooling_offsets=3)
    assert recipe.to_json() == NOTE
    assert Recipe.from_json(NOTE) == recipe
    for former, now in (
        ({"grids": 2, "seed": 3}, Recipe(pooling_offsets=2, seed=3)),
        ({"sketch": "off", "sketch_size": 64}, Recipe(finish="off")),
        ({"name": "house", "seed": 7}, Recipe(seed=7)),
        ({"size": 256, "sparkle": 3}, Recipe(size=256)),  # of a later version
    ):
        assert Recipe.from_json(json.dumps(former)) == Recipe.from_query(urlencode(former)) == now


@given(hostile)
@example("steps=" + "1" * 400)
@example("strength=-" + "9" * 400)
@example("seed=" + "1" * 5000)
@example("size=nan&brush=inf&mix=nan,inf,-1&keep_at=0,1e9")
@example("style_layers=relu1_1,relu2_1&style_layer_weights=1")
@example("style_layers=&style_layer_weights=")
@example("%FF%FE=%00&size=%F0%9F%92%A5&\ud800=\udfff")
@example(";&&==&size&=size&size==&" + "&" * 5000)
@settings(examples, max_examples=150)
def test_no_link_raises_or_leaves_a_bound(query):
    assert_within_bounds(Recipe.from_query(query))


@given(st.dictionaries(setting, values, max_size=6))
@examples
def test_no_mapping_and_no_text_in_a_picture_leaves_a_bound(found):
    assert_within_bounds(Recipe.from_query(found))
    try:
        recipe = Recipe.from_json(json.dumps(found))
    except BadInput:
        return
    assert_within_bounds(recipe)


def test_a_bad_value_in_a_link_costs_itself_and_of_layers_and_their_weights_both():
    query = {"strength": "much", "size": "640", "encoder": "resnet", "seed": "7"}
    assert Recipe.from_query(query) == Recipe(size=640, seed=7)
    both = {"style_layers": "relu1_1,relu3_1", "style_layer_weights": "1,2"}
    found = Recipe.from_query(both)
    assert (found.style_layers, found.style_layer_weights) == (("relu1_1", "relu3_1"), (1.0, 2.0))
    five = {"style_layers": "relu1_1,relu1_2,relu2_1,relu2_2,relu3_1"}
    for wrong in (both, five):
        query = {**wrong, "style_layer_weights": "1,2,3", "seed": "3"}
        assert Recipe.from_query(query) == Recipe(seed=3)


def test_ends_of_a_range_are_allowed_and_beyond_them_a_link_is_brought_in_and_a_call_refused():
    for name, (low, high) in NUMERIC.items():
        assert getattr(Recipe.from_query({name: "-5" if low == 0 else "0"}), name) == low
        assert getattr(Recipe.from_query({name: str(10**20)}), name) == high
        assert getattr(Recipe(**{name: low}), name) == low
        assert getattr(Recipe(**{name: high}), name) == high
        for value in (low - 1, high + 1):
            with pytest.raises(BadInput) as refused:
                Recipe(**{name: value})
            kind = "whole number" if name in WHOLE else "number"
            assert str(refused.value) == (
                f"{name} is {value}; it must be a {kind} from {low:g} to {high:g}."
            )


def test_value_of_another_kind_is_refused_in_one_sentence():
    for name in (*NUMERIC, *WORDS, *LISTS, *NAMES):
        for value in OTHER_KINDS:
            with pytest.raises(BadInput) as refused:
                Recipe(**{name: value})
            assert len(str(refused.value)) < 400
            assert "\n" not in str(refused.value)
    for name, (low, _) in WHOLE.items():
        with pytest.raises(BadInput, match=name):
            Recipe(**{name: low + 0.5})
        assert getattr(Recipe(**{name: float(low)}), name) == low


def test_what_no_range_tells_is_refused_in_its_own_words():
    for wrong, says in (
        ({"tv_form": "mosaic-99"}, "tv_form is 'mosaic-99'; choose from mean, sum."),
        ({"input_range": 128}, "input_range is 128; choose from 1, 255."),
        ({"style_layer_weights": (1.0,)}, "There are 5 style layers and 1 weights for them;"),
        ({"style_layers": (), "style_layer_weights": ()}, "and at least one."),
        ({"sparkle": 3}, "There is no setting called 'sparkle'."),
        ({"strength": -math.inf}, "strength is -inf; it must be a number from 0 to 100."),
        ({"strength": HUGE}, "strength is 1" + "0" * 17 + "..." + "0" * 19 + "; it must be"),
    ):
        with pytest.raises(BadInput, match=re.escape(says)):
            Recipe(**wrong)
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().steps = 3


@given(st.sampled_from([96, 300, 512, 1024, 4096]), st.integers(1, 5000), st.integers(1, 300))
@examples
def test_going_on_leaves_the_scales_above_what_is_painted(size, after, steps):
    recipe = Recipe(size=size, steps=steps)
    whole, left = recipe.schedule(), recipe.schedule(after)
    if after < size:
        assert left == [part for part in whole if part[1] * size > after]
    else:  # it is painted at that size already: the finest once more
        assert left == [(max(whole[-1][0], steps // 3), 1.0)]


def test_pixels_are_what_the_scales_add_up_to():
    recipe = Recipe(size=512, steps=3, scales=2)
    assert recipe.schedule() == [(2, 0.5), (1, 1.0)]
    assert recipe.pixels(aspect=0.5) == 0.5 * (2 * 256**2 + 512**2)
    assert recipe.pixels(aspect=1, after=256) == 512**2
    fifths = Recipe(size=512, steps=20, scales=2)
    assert fifths.schedule() == [(13, 0.5), (7, 1.0)]
    assert fifths.pixels(aspect=0.5, finishing=True) == 0.5 * (3 * 256**2 + 1 * 512**2)
    none = Recipe(steps=0)
    assert none.schedule() == none.schedule(256) == []
    assert none.pixels(0.75) == 0
    assert not none.has_finish


@given(st.integers(1, 30000), st.integers(1, 6))
@examples
def test_schedule_spends_every_step_from_coarse_to_fine(steps, scales):
    schedule = Recipe(steps=steps, scales=scales).schedule()
    assert len(schedule) == min(steps, scales)
    assert sum(count for count, _ in schedule) == steps
    assert all(count >= 1 for count, _ in schedule)
    shares = [share for _, share in schedule]
    assert shares[-1] == 1
    assert all(fine == 2 * coarse for coarse, fine in pairwise(shares))


def test_text_is_read_as_its_settings_type_or_refused_with_its_setting():
    for name, text, value in (
        ("steps", "200", 200),
        ("strength", "12.5", 12.5),
        ("mix", "0.4,0.6", (0.4, 0.6)),
        ("keep_at", "10,20", (10, 20)),
        ("style_layers", "relu1_1,conv4_2", ("relu1_1", "conv4_2")),
        ("keep_at", "", ()),
        ("encoder", "vgg16", "vgg16"),
    ):
        assert parse_value(name, text) == value
    for name, text in (("steps", "1.5"), ("strength", "much"), ("mix", "a,b"), ("keep_at", "1.5")):
        with pytest.raises(BadInput, match=f"{name} is '{text}'; it must be a "):
            parse_value(name, text)


def test_numpy_numbers_are_numbers():
    recipe = Recipe(
        size=np.int64(640), strength=np.float32(25), keep_at=[np.uint8(7)], mix=(np.float64(0.5),)
    )
    assert recipe == Recipe(size=640, strength=25.0, keep_at=(7,), mix=(0.5,))
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe(input_range=np.float64(255)).input_range == 255
    with pytest.raises(BadInput, match=r"size is (np\.)?True_?; it must be"):
        Recipe(size=np.bool_(True))


def test_choosing_an_optimiser_brings_its_rate_unless_one_is_given():
    gatys, lodaya = get_recipe("gatys"), get_recipe("lodaya")
    for recipe, rate in (
        (Recipe(optimiser="lbfgs"), 1),
        (Recipe().replace(optimiser="lbfgs"), 1),
        (Recipe().replace(optimiser="lbfgs", learning_rate=0.5), 0.5),
        (lodaya.replace(optimiser="lbfgs"), 1),
        (lodaya.replace(optimiser="adam"), lodaya.learning_rate),
        (gatys.replace(optimiser="adam"), 0.04),
        (Recipe.from_query("optimiser=lbfgs"), 1),
        (Recipe.from_query("learning_rate=0.5&optimiser=lbfgs"), 0.5),
        (Recipe.from_query(Recipe(optimiser="lbfgs", learning_rate=0.04).to_query()), 0.04),
    ):
        assert recipe.learning_rate == rate

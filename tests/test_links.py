"""Links: every recipe survives them, and nothing in them can do harm."""

import random
import string
from urllib.parse import parse_qsl, quote

import pytest

from nst.errors import BadInput
from nst.presets import load_presets
from nst.published import RECIPES
from nst.recipe import Recipe, bounds
from ui.links import (
    Shared,
    address,
    from_notes,
    from_query,
    missing,
    read_settings,
    to_query,
    unread,
)
from ui.samples import SAMPLES, sample_id

PRESETS = [preset.id for preset in load_presets()[0]]


def back(query: str) -> Shared | None:
    return from_query(dict(parse_qsl(query)))


def any_recipe(dice: random.Random) -> Recipe:
    """A named recipe with some settings turned anywhere within their range."""
    base = RECIPES[dice.choice(list(RECIPES))].recipe
    turned = {
        "strength": dice.uniform(*bounds("strength")),
        "brush": dice.uniform(*bounds("brush")),
        "size": dice.randint(32, 4096),
        "steps": dice.randint(1, 30000),
        "seed": dice.randint(0, 2**31 - 1),
        "tv_weight": 10 ** dice.uniform(-12, 6),
        "learning_rate": 10 ** dice.uniform(-6, 0),
        "epsilon": 10 ** dice.uniform(-16, 0),
        "colours": dice.choice(["style", "photo", "palette"]),
        "start": dice.choice(["recoloured", "content", "noise", "blend"]),
        "mix": (dice.random(), dice.random()),
        "keep_at": tuple(sorted(dice.sample(range(1, 30000), 3))),
        "style_layers": ("relu1_1", "conv3_1"),
        "style_layer_weights": (dice.random(), dice.random()),
    }
    chosen = {key for key in turned if dice.random() < 0.5}
    if "style_layers" in chosen or "style_layer_weights" in chosen:
        chosen |= {"style_layers", "style_layer_weights"}
    return base.replace(**{key: turned[key] for key in chosen})


def test_every_recipe_survives_a_link_exactly():
    dice = random.Random(7)
    for _ in range(300):
        shared = Shared(
            any_recipe(dice),
            dice.choice([None, *SAMPLES]),
            dice.choice([None, *PRESETS]),
            dice.choice([None, *PRESETS]),
        )
        assert back(to_query(shared)) == shared


@pytest.mark.parametrize("name", RECIPES)
def test_every_named_recipe_survives_a_link_exactly(name):
    shared = Shared(RECIPES[name].recipe)
    assert back(to_query(shared)) == shared


def test_a_link_is_versioned():
    assert dict(parse_qsl(to_query(Shared(Recipe()))))["v"] == "1"


def test_no_query_string_raises_or_leaves_a_limit():
    dice = random.Random(11)
    keys = [*Recipe.model_fields, "photo", "style", "second", "v", "../..", "", "\0"]
    values = ["", "-1", "nan", "inf", "-inf", "1e999", "9" * 400, "None", "[]", "{}", "'", '"<b>',
              "../../etc/passwd", "\u202e", "\0", "relu9_9," * 40, "true", "0x10", "١٢", "1,2,3",
              "default", "lion", "http://127.0.0.1/", "data:image/png;base64,AAAA"]  # fmt: skip
    for _ in range(3000):
        query = {}
        for _ in range(dice.randint(0, 8)):
            noise = "".join(dice.choice(string.printable) for _ in range(dice.randint(0, 30)))
            query[dice.choice([*keys, noise])] = dice.choice([*values, noise])
        found = from_query(query)
        if found is None:
            continue
        # Building it again proves that every value is within its limits.
        assert found.recipe == found.recipe.replace()
        assert found.recipe.name in RECIPES
        assert found.photo is None or found.photo in SAMPLES
        assert {found.style, found.second} <= {None, *PRESETS}


def test_numbers_out_of_range_come_to_the_nearest_end():
    found = back("v=1&strength=900&size=5&brush=-3")
    assert (found.recipe.strength, found.recipe.size, found.recipe.brush) == (100, 32, 0.25)


def test_a_page_without_a_link_of_ours_is_left_as_it_is():
    assert back("") is None
    assert back("utm_source=x&__theme=dark") is None


def test_only_ids_of_shipped_pictures_are_read():
    found = back("v=1&photo=/etc/passwd&style=../../x&second=lion")
    assert (found.photo, found.style, found.second) == (None, None, None)


def test_a_sample_is_known_by_its_content_and_nothing_else_is(tmp_path):
    copied = tmp_path / "anything.bin"
    copied.write_bytes(SAMPLES["tower"].path.read_bytes())
    assert sample_id(copied) == "tower"
    data = bytearray(copied.read_bytes())
    data[-5] ^= 1
    copied.write_bytes(data)
    assert sample_id(copied) is None
    assert sample_id(tmp_path / "missing") is None
    assert sample_id(None) is None


def test_the_link_names_the_space_where_there_is_one(monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert address("v=1", "http://127.0.0.1:7860/?old=1") == "http://127.0.0.1:7860/?v=1"
    monkeypatch.setenv("SPACE_ID", "someone/nst")
    there = address("v=1", "https://someone-nst.hf.space/")
    assert there == "https://huggingface.co/spaces/someone/nst?v=1"


def test_notes_of_a_picture_are_checked_as_a_link_is():
    notes = {"photo": "lion", "style": PRESETS[0], "second": "<script>", "other": "x" * 99}
    assert from_notes(Recipe(name="mine"), notes) == Shared(Recipe(), "lion", PRESETS[0], None)


def test_a_programs_settings_are_read_strictly():
    assert read_settings("strength=60&name=lodaya", None) == RECIPES["lodaya"].recipe.replace(
        strength=60
    )
    for text, says in (
        ("strength=600", "from 0 to 100"),
        ("strength=much", "number"),
        ("charm=1", "charm"),
        ("name=mine", "no recipe"),
        (f"colours={quote('<b>')}", "choose from"),
    ):
        with pytest.raises(BadInput, match=says):
            read_settings(text, None)


def test_pictures_that_a_link_was_made_with_are_named_when_they_are_not_here():
    assert missing({"photo": "lion", "style": PRESETS[0]}, mixed=False) == ()
    photo, style, second = missing({"photo": "giraffe"}, mixed=True)
    assert "'giraffe'" in photo
    assert style.startswith("The painting it was made with was not shared")
    assert second.startswith("The second painting")


def test_settings_that_a_link_holds_and_that_cannot_be_used_are_named():
    assert unread({"strength": "60", "utm_source": "x"}) == ()
    wrong = unread({"strength": "900", "size": "banana", "colours": "red"})
    assert [line.split()[0] for line in sorted(wrong)] == ["colours", "size", "strength"]

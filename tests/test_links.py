"""Links: every recipe survives them, and nothing in them can do harm."""

import random
import string
from urllib.parse import parse_qsl, quote

import pytest

from nst.errors import BadInput
from nst.presets import load_presets
from nst.published import RECIPES
from nst.recipe import Recipe
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


def test_every_recipe_and_picture_of_ours_survives_a_link_exactly():
    turned = Recipe(strength=61.5, size=640, mix=(0.3, 0.7), colours="photo", seed=9)
    for recipe in (turned, *(known.recipe for known in RECIPES.values())):
        for ids in ((), ("lion",), ("lion", PRESETS[0]), (None, PRESETS[1], PRESETS[2])):
            query = to_query(Shared(recipe, *ids))
            assert back(query) == Shared(recipe, *ids)
            assert dict(parse_qsl(query))["v"] == "1"


def test_no_query_string_raises_or_names_what_is_not_here():
    dice = random.Random(11)
    keys = ["photo", "style", "second", "strength", "mix", "name", "v", "../..", "", "\0"]
    values = ["", "nan", "None", '"<b>', "../../etc/passwd", "\u202e", "\0", "default", "lion",
              *PRESETS[:2], "http://127.0.0.1/", "data:image/png;base64,AAAA"]  # fmt: skip
    for _ in range(1000):
        noise = "".join(dice.choice(string.printable) for _ in range(dice.randint(0, 30)))
        query = {dice.choice([*keys, noise]): dice.choice([*values, noise]) for _ in range(6)}
        unread(query)
        if found := from_query(query):
            assert found.recipe.name in RECIPES
            assert found.photo is None or found.photo in SAMPLES
            assert {found.style, found.second} <= {None, *PRESETS}


def test_a_page_without_a_link_of_ours_is_left_as_it_is():
    assert back("") is None
    assert back("utm_source=x&__theme=dark") is None


def test_a_sample_is_known_by_its_content_and_nothing_else_is(tmp_path):
    copied = tmp_path / "anything.bin"
    data = bytearray(SAMPLES["tower"].path.read_bytes())
    copied.write_bytes(data)
    assert sample_id(copied) == "tower"
    data[-5] ^= 1
    copied.write_bytes(data)
    for unknown in (copied, tmp_path / "missing", None):
        assert sample_id(unknown) is None


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
    lodaya = RECIPES["lodaya"].recipe
    assert read_settings("strength=60&name=lodaya", None) == lodaya.replace(strength=60)
    for text, says in (
        ("strength=600", "from 0 to 100"),
        ("strength=much", "number"),
        ("charm=1", "charm"),
        ("name=mine", "no recipe"),
        (f"colours={quote('<b>')}", "choose from"),
    ):
        with pytest.raises(BadInput, match=says):
            read_settings(text, None)


def test_what_a_link_names_and_is_not_here_or_cannot_be_used_is_said():
    assert missing({"photo": "lion", "style": PRESETS[0]}, mixed=False) == ()
    photo, style, second = missing({"photo": "giraffe"}, mixed=True)
    assert "'giraffe'" in photo
    assert style.startswith("The painting it was made with was not shared")
    assert second.startswith("The second painting")
    assert unread({"strength": "60", "utm_source": "x"}) == ()
    wrong = unread({"strength": "900", "size": "banana", "colours": "red"})
    assert [line.split()[0] for line in wrong] == ["colours", "size", "strength"]

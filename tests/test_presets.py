"""The preset style pictures, and what happens to an entry that is wrong."""

import hashlib
import json
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from nst import command_line
from nst.errors import BadInput
from nst.presets import EXAMPLES, find_style, load_presets, preset_of, read_presets, style_path
from nst.published import RECIPES
from nst.recipe import Recipe
from ui.samples import SAMPLES

GOOD = """
[[preset]]
id = "night"
title = "Night"
manner = "Dark."
author = "This test"
licence = "CC0-1.0"
file = "night.png"
recipe = { strength = 60, brush = 1.5 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 48), "navy").save(tmp_path / "night.png")
    return tmp_path


def read(folder: Path, text: str):
    (folder / "presets.toml").write_text(text, "utf-8")
    return read_presets(folder)


def test_every_shipped_preset_is_usable():
    presets, problems = load_presets()
    assert problems == ()
    assert len(presets) >= 10
    for preset in presets:
        assert preset.licence == "CC0-1.0"
        assert 768 <= max(find_style(preset.id).size) <= 1024
        assert preset.path.stat().st_size <= 250_000


def test_every_shipped_picture_is_the_one_its_entry_means():
    entries = tomllib.loads((EXAMPLES / "presets.toml").read_text("utf-8"))["preset"]
    found = {
        e["id"]: hashlib.sha256((EXAMPLES / e["file"]).read_bytes()).hexdigest() for e in entries
    }
    assert {e["id"]: e.get("sha256") for e in entries} == found


def test_every_shipped_picture_has_an_entry():
    files = {preset.path.name for preset in load_presets()[0]}
    assert {path.name for path in (EXAMPLES / "styles").iterdir()} == files


def test_a_dropped_picture_and_entry_add_a_preset(folder):
    (preset,), problems = read(folder, GOOD)
    assert problems == ()
    assert preset.recipe(Recipe()) == Recipe(strength=60, brush=1.5)


def test_a_published_recipe_is_not_tuned_by_a_preset(folder):
    (preset,), _ = read(folder, GOOD)
    lodaya = RECIPES["lodaya"].recipe
    assert preset.recipe(lodaya) == lodaya


def test_a_wrong_entry_is_reported_by_name_and_the_rest_is_used(folder):
    for old, new, says in (
        ('"night.png"', '"missing.png"', "cannot be read"),
        ('"night.png"', '"presets.toml"', "not a picture"),
        ('"night.png"', '"night.png"\nsha256 = "00"', "sha256"),
        ("strength = 60", "strength = 600", "from 0 to 100"),
        ("strength = 60", "charm = 1", "charm"),
        ("strength = 60", "size = 64", "may not set size"),
        ('title = "Night"', "title = 3", "title"),
        ('id = "night"', 'id = "Night Sky"', "id"),
        ("recipe = {", 'recipe = "x" #{', "recipe"),
    ):
        other = GOOD.replace('"night"', '"other"')
        presets, (problem,) = read(folder, GOOD.replace(old, new) + other)
        assert [preset.id for preset in presets] == ["other"]
        assert says in problem
        assert "night" in problem.lower() or "number 1" in problem


def test_two_presets_cannot_have_one_id(folder):
    presets, (problem,) = read(folder, GOOD + GOOD)
    assert len(presets) == 1
    assert "taken" in problem


def test_a_broken_file_leaves_no_presets_and_says_so(folder):
    for text in ("[[preset", "preset = 3", "\0"):
        presets, (problem,) = read(folder, text)
        assert presets == ()
        assert "cannot be read" in problem


def test_a_missing_file_leaves_no_presets_and_says_so(tmp_path):
    presets, (problem,) = read_presets(tmp_path)
    assert presets == ()
    assert "cannot be read" in problem


def test_a_style_is_found_by_id_or_by_path(folder):
    assert find_style(folder / "night.png").size == (64, 48)
    for name in ("swirling-night", "Swirling-Night", "Swirling Night", " swirling_night"):
        assert preset_of(name).id == "swirling-night"
        assert style_path(name) == preset_of("swirling-night").path
    with pytest.raises(BadInput, match="swirling-night"):
        find_style("no-such-style")
    with pytest.raises(BadInput, match="cannot be read"):
        find_style("no/such/file.png")


def test_the_command_line_paints_a_preset_as_it_is_tuned(tmp_path, capsys):
    tuned = preset_of("mosaic").tuned
    small = ["--size", "64", "--steps", "1", "--encoder", "compact", "--json", "--overwrite"]
    paint = [str(SAMPLES["lion"].path), "Mosaic", "-o", str(tmp_path / "out.png"), *small]
    for options, brush, strength in (
        ([], tuned["brush"], tuned["strength"]),
        (["--brush", "0.5"], 0.5, tuned["strength"]),
        (["--recipe", "lodaya"], 1.0, 50.0),
    ):
        assert command_line.main([*paint, *options]) == command_line.DONE
        painted = json.loads(capsys.readouterr().out)["recipe"]
        assert (painted["brush"], painted["strength"]) == (brush, strength)

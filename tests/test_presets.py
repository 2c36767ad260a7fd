"""The preset style pictures, and what happens to an entry that is wrong."""

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst import command_line
from nst.errors import BadInput
from nst.presets import EXAMPLES, find_style, load_presets, preset_of, read_presets, style_path
from nst.published import get_recipe
from nst.recipe import Recipe

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


def test_every_shipped_preset_is_usable_and_the_picture_its_entry_means():
    presets, problems = load_presets()
    assert problems == ()
    assert len(presets) >= 10
    for preset in presets:
        assert preset.licence == "CC0-1.0"
        assert 768 <= max(find_style(preset.id).size) <= 1024
        assert preset.path.stat().st_size <= 250_000
        assert preset.sha256 == hashlib.sha256(preset.path.read_bytes()).hexdigest()
    entries = tomllib.loads((EXAMPLES / "presets.toml").read_text("utf-8"))["preset"]
    assert len(entries) == len(presets)
    assert {*(EXAMPLES / "styles").iterdir()} == {preset.path for preset in presets}


def test_a_dropped_picture_and_entry_add_a_preset_that_tunes_no_published_recipe(folder):
    (preset,), problems = read(folder, GOOD)
    assert problems == ()
    assert preset.recipe(Recipe()) == Recipe(strength=60, brush=1.5)
    assert preset.recipe(get_recipe("lodaya")) == get_recipe("lodaya")


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
        ('id = "night"', 'id = "other"', "taken"),
        ("recipe = {", 'recipe = "x" #{', "recipe"),
    ):
        other = GOOD.replace('"night"', '"other"')
        presets, (problem,) = read(folder, other + GOOD.replace(old, new))
        assert [preset.id for preset in presets] == ["other"]
        assert says in problem
        assert any(name in problem for name in ("night", "Night", "other", "number 2"))


def test_a_broken_or_missing_file_leaves_no_presets_and_says_so(folder):
    for presets, (problem,) in (
        read_presets(folder),
        *(read(folder, text) for text in ("[[preset", "preset = 3", "\0")),
    ):
        assert presets == ()
        assert "cannot be read" in problem


def test_a_style_is_found_by_id_or_by_path(folder):
    assert find_style(folder / "night.png").size == (64, 48)
    for name in ("swirling-night", "Swirling-Night", "Swirling Night", " swirling_night"):
        assert style_path(name) == preset_of(name).path == EXAMPLES / "styles/swirling-night.jpg"
    with pytest.raises(BadInput, match="swirling-night"):
        find_style("no-such-style")
    with pytest.raises(BadInput, match="cannot be read"):
        find_style("no/such/file.png")


def test_the_command_line_paints_a_preset_as_it_is_tuned(folder, capsys):
    tuned = preset_of("mosaic").tuned
    small = ["--size", "64", "--steps", "1", "--encoder", "compact", "--json", "--overwrite"]
    paint = [str(folder / "night.png"), "Mosaic", "-o", str(folder / "out.png"), *small]
    for options, brush, strength in (
        ([], tuned["brush"], tuned["strength"]),
        (["--brush", "0.5"], 0.5, tuned["strength"]),
        (["--recipe", "lodaya"], 1.0, 50.0),
    ):
        assert command_line.main([*paint, *options]) == command_line.DONE
        painted = json.loads(capsys.readouterr().out)["recipe"]
        assert (painted["brush"], painted["strength"]) == (brush, strength)


@pytest.mark.slow
def test_painting_procedure_reproduces_a_committed_preset(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES.parent / "tools"))
    from painting import cubist_facets

    committed = Image.open(EXAMPLES / "styles" / "cubist-facets.jpg")
    painted = cubist_facets.paint(max(committed.size))
    assert painted.size == committed.size
    difference = np.asarray(painted, np.float32) - np.asarray(committed, np.float32)
    # What is left is JPEG's own loss, about 2.5 levels of 255.
    assert np.abs(difference).mean() < 5

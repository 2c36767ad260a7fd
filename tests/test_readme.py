"""The README holds no sentence that the project does not keep, as far as it can be tried."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from PIL import Image
from small import photo

from nst import command_line
from nst.pictures.limits import MEGABYTE, Limits
from nst.presets import load_presets
from nst.published import RECIPES
from nst.recipe import Recipe
from nst.weights import SOURCES
from ui import zero
from ui.server.limits import RunLimits

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")
FRONT, PAGE = README.removeprefix("---\n").split("\n---\n", 1)
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
WORDS = {
    "content": "the photo",
    "recoloured": "the photo in the style's colours",
    "noise": "noise",
    "blend": "photo and noise",
    "vgg16": "VGG-16",
    "vgg19": "VGG-19",
    "auto": "auto",
}


def section(title: str) -> str:
    """The text below a heading, up to the next one of any level."""
    return re.split(r"^#+ ", PAGE.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def blocks(language: str, text: str = PAGE) -> list[str]:
    """The fenced blocks in a language ("" for none)."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [body for name, body in found if name == language]


def rows(text: str) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def commands(title: str) -> list[list[str]]:
    """The `python -m nst` commands of a section, as arguments."""
    lines = [line for block in blocks("", section(title)) for line in block.splitlines()]
    return [shlex.split(line)[3:] for line in lines if line.startswith("python -m nst ")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the README's examples name, as the working directory."""
    (tmp_path / "holiday").mkdir()
    for name in ("photo.jpg", "painting.jpg", "holiday/a.jpg", "holiday/b.jpg"):
        photo(160).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_front_matter_is_what_a_space_reads_and_preloads_the_pinned_weights():
    front = yaml.safe_load(FRONT)
    pins = (ROOT / "requirements.txt").read_text().splitlines()
    assert front["sdk"] == "gradio"
    assert f"gradio=={front['sdk_version']}" in pins
    assert front["python_version"] == "3.12.12"
    assert (ROOT / front["app_file"]).is_file()
    assert {front["colorFrom"], front["colorTo"]} <= COLOURS
    assert len(front["short_description"]) <= 60
    assert front["license"] == "mit"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert front["suggested_hardware"] == "zero-a10g"
    wanted = [f"{s.repo} {s.filename} {s.commit}" for s in SOURCES.values()]
    assert sorted(front["preload_from_hub"]) == sorted(wanted)
    assert sorted(front["models"]) == sorted(source.repo for source in SOURCES.values())


def test_the_two_commands_are_there_word_for_word_and_every_linked_file_exists():
    assert blocks("")[:2] == [
        "pip install -r requirements.txt && python app.py\n",
        "pip install -r tests/requirements.txt && python -m pytest\n",
    ]
    local = [t for t in re.findall(r"\]\(([^)#]+)\)", PAGE) if "://" not in t]
    assert {"docs/results.jpg", "docs/app.jpg", "LICENSE", "CONTRIBUTING.md"} <= set(local)
    missing = [t for t in (*local, "tests/requirements.txt") if not (ROOT / t).exists()]
    assert missing == []


def test_commands_do_what_they_say(folder, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    given = commands("On the command line")
    painting = [a for a in given if a[0] in ("photo.jpg", "holiday")]
    assert len(painting) == 5
    for arguments in painting:
        steps = "20" if "--frames" in arguments else "2"
        done = command_line.main([*arguments, "--size", "64", "--steps", steps, "--overwrite"])
        assert done == command_line.DONE, capsys.readouterr().err
        target = folder / arguments[arguments.index("-o") + 1]
        made = [target] if target.suffix else [target / "a.png", target / "b.png"]
        assert [max(Image.open(path).size) for path in made] == [64] * len(made)
    assert [path.name for path in (folder / "film").iterdir()] == ["painted-20.png"]
    others = [a for a in given if a not in painting]
    assert {a[0] for a in others} == set(command_line.COMMANDS)
    for arguments in others:
        small = ["--size", "64", "--steps", "2"] if arguments[0] == "compare" else []
        done = command_line.main([*arguments, *small])
        # No network reaches a test.
        fetching = arguments[0] == "weights" and done == command_line.BAD_INPUT
        assert fetching or done == command_line.DONE, capsys.readouterr().err
    assert (folder / "noise.png").is_file()


def test_the_python_example_runs(folder, capsys):
    (example,) = blocks("python", section("From Python"))
    exec(example.replace("size=512", "size=64, steps=2"), {})
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 2"
    assert max(Image.open("painted.png").size) == 64


@pytest.mark.slow
def test_the_client_example_runs_against_the_app(folder, app, capsys):
    (example,) = blocks("python", section("Over HTTP"))
    example = example.replace("http://127.0.0.1:7860", app.url).replace("size=256", "size=64")
    exec(example.replace("strength=60", "strength=60&steps=2"), found := {})
    assert found["facts"]["steps"] == 2
    assert Image.open(found["picture"]).format == "PNG"
    assert found["facts"]["status"] in capsys.readouterr().out


def test_presets_and_recipes_are_the_ones_there_are():
    listed = re.findall(r"`([a-z]+(?:-[a-z]+)*)`", section("On the command line"))
    assert {preset.id for preset in load_presets()[0]} <= set(listed)
    table = {row[0]: row for row in rows(section("Recipes"))}
    assert list(table) == list(RECIPES)
    for name, (_, network, start, steps, _) in table.items():
        recipe = RECIPES[name].recipe
        assert network.startswith(WORDS[recipe.encoder]), name
        assert recipe.pooling == "own" or network.endswith(recipe.pooling), name
        assert start.partition(",")[0] == WORDS[recipe.start], name
        assert int(steps) == recipe.steps, name


def test_the_formula_gives_strength_its_range():
    formula = r"(\d+)\^\(\(strength - (\d+)\) / (\d+)\) \(β"
    base, middle, span = map(int, re.search(formula, section("How it works")).groups())
    for strength in (0, 20, 50, 100):
        recipe = Recipe(strength=strength)
        factor = base ** ((strength - middle) / span)
        assert recipe.style_factor == pytest.approx(recipe.style_weight * factor)


def test_the_table_of_limits_is_theirs():
    table = {row[0]: float(row[1]) for row in rows(OPERATING)}
    wanted = {f.alias: f.default for f in RunLimits.model_fields.values() if f.alias}
    wanted |= {
        "NST_MAX_UPLOAD_MB": Limits.max_bytes / MEGABYTE,
        "NST_MAX_PIXELS": Limits.max_pixels,
    }
    assert table == wanted
    assert len(table) <= 10


def test_what_is_said_of_zero_gpu_is_computed(monkeypatch):
    monkeypatch.setattr(zero, "ACTIVE", True)
    text = " ".join(OPERATING.split())
    said = re.search(r"VGG-19 \(512 x 384 pixels, (\d+) steps\) asks for (\d+) seconds", text)
    assert said
    steps, asked = map(int, said.groups())
    recipe = Recipe(encoder="vgg19")
    assert recipe.steps == steps
    needed = zero.painting_seconds(Image.new("RGB", (512, 384)), recipe, 300)
    assert asked == -int(-(zero.START_SECONDS + needed) // 1)

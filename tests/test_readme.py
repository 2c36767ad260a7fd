"""The README holds no sentence that the project does not keep, as far as it can be tried."""

import re
import shlex
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import yaml
from gradio.media import get_image
from PIL import Image

from nst import command_line
from nst.pictures.limits import Limits
from nst.presets import EXAMPLES, load_presets
from nst.published import RECIPES
from nst.recipe import Recipe
from nst.weights import SOURCES
from ui.server.limits import RequestLimits, RunLimits

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
FRONT, PAGE = README.removeprefix("---\n").split("\n---\n", 1)
PINS = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
STARTS = {
    "content": "the photo",
    "recoloured": "the photo in the style's colours",
    "noise": "noise",
    "blend": "photo and noise",
}
ENCODERS = {"vgg16": "VGG-16", "vgg19": "VGG-19", "auto": "auto"}


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
    for path, source in {
        "photo.jpg": get_image("lion.jpg"),
        "painting.jpg": EXAMPLES / "styles" / "ink-wash.jpg",
        "holiday/a.jpg": get_image("tower.jpg"),
        "holiday/b.jpg": get_image("cheetah1.jpg"),
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        picture = Image.open(source).convert("RGB")
        picture.thumbnail((160, 160))
        picture.save(tmp_path / path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_front_matter_is_what_a_space_reads():
    front = yaml.safe_load(FRONT)
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == PINS["gradio"]
    assert front["python_version"] == "3.12.12"
    assert (ROOT / front["app_file"]).is_file()
    assert {front["colorFrom"], front["colorTo"]} <= COLOURS
    assert len(front["short_description"]) <= 60
    assert front["license"] == "mit"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert front["suggested_hardware"] == "zero-a10g"


def test_the_front_matter_preloads_the_pinned_weights():
    front = yaml.safe_load(FRONT)
    wanted = [f"{s.repo} {s.filename} {s.commit}" for s in SOURCES.values()]
    assert sorted(front["preload_from_hub"]) == sorted(wanted)
    assert sorted(front["models"]) == sorted(source.repo for source in SOURCES.values())


def test_the_two_commands_are_there_word_for_word():
    assert blocks("")[:2] == [
        "pip install -r requirements.txt && python app.py\n",
        "pip install -r tests/requirements.txt && python -m pytest\n",
    ]
    assert (ROOT / "tests" / "requirements.txt").is_file()


def test_every_file_that_is_linked_exists():
    targets = re.findall(r"\]\(([^)#]+)\)", PAGE)
    local = [target for target in targets if "://" not in target]
    assert {"docs/results.jpg", "docs/app.jpg", "LICENSE", "CONTRIBUTING.md"} <= set(local)
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_painting_commands_paint(folder, capsys):
    painting = [a for a in commands("On the command line") if a[0] in ("photo.jpg", "holiday")]
    assert len(painting) == 5
    for arguments in painting:
        done = command_line.main([*arguments, "--size", "64", "--steps", "20"])
        assert done == command_line.DONE, capsys.readouterr().err
        target = folder / arguments[arguments.index("-o") + 1]
        made = [target] if target.suffix else [target / "a.png", target / "b.png"]
        assert [max(Image.open(path).size) for path in made] == [64] * len(made)
        for path in made:
            path.unlink()
    assert [path.name for path in (folder / "film").iterdir()] == ["painted-20.png"]


def test_other_commands_do_what_they_say(folder, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    command_line.main(shlex.split("photo.jpg painting.jpg -o painted.png --size 64 --steps 1"))
    capsys.readouterr()
    others = [a for a in commands("On the command line") if a[0] not in ("photo.jpg", "holiday")]
    assert {a[0] for a in others} == set(command_line.COMMANDS)
    for arguments in others:
        small = ["--size", "64", "--steps", "2"] if arguments[0] == "compare" else []
        done = command_line.main([*arguments, *small])
        said = capsys.readouterr()
        if arguments[0] == "weights":  # no network reaches a test
            assert done in (command_line.DONE, command_line.BAD_INPUT), said.err
        else:
            assert done == command_line.DONE, said.err
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


def test_presets_are_listed():
    listed = re.findall(r"`([a-z]+(?:-[a-z]+)*)`", section("On the command line"))
    assert {preset.id for preset in load_presets()[0]} <= set(listed)


def test_the_table_of_recipes_is_theirs():
    table = {row[0]: row for row in rows(section("Recipes"))}
    assert list(table) == list(RECIPES)
    for name, (_, network, start, steps, _) in table.items():
        recipe = RECIPES[name].recipe
        assert network.startswith(ENCODERS[recipe.encoder]), name
        assert recipe.pooling == "own" or network.endswith(recipe.pooling), name
        assert start.startswith(STARTS[recipe.start]), name
        assert recipe.start == "recoloured" or "colours" not in start, name
        assert int(steps) == recipe.steps, name


def test_the_formula_gives_strength_its_range():
    base, middle, span = re.search(
        r"(\d+)\^\(\(strength - (\d+)\) / (\d+)\) \(β", section("How it works")
    ).groups()
    for strength in (0, 20, 50, 100):
        factor = int(base) ** ((strength - int(middle)) / int(span))
        recipe = Recipe(strength=strength)
        assert recipe.style_factor == pytest.approx(recipe.style_weight * factor)


def test_the_table_of_limits_is_theirs():
    table = {row[0]: float(row[1]) for row in rows(section("Limits and environment variables"))}
    wanted = {}
    for cls in (Limits, RunLimits, RequestLimits):
        for entry in fields(cls):
            assert entry.default is not MISSING
            variable = entry.metadata.get("variable", f"NST_{entry.name.upper()}")
            wanted[variable] = entry.default / entry.metadata.get("unit", 1)
    assert table == wanted


@pytest.mark.parametrize("variable", ["NST_MAX_SIZE", "NST_MAX_PIXELS", "NST_QUEUE"])
def test_a_wrong_value_stops_the_start_and_says_why(variable):
    code = "import nst.pictures.limits, ui.server.limits"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": "", variable: "many"}, cwd=ROOT,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert f"{variable} must be" in done.stderr


def test_what_is_said_of_zero_gpu_is_computed(monkeypatch):
    from ui import zero

    monkeypatch.setattr(zero, "ACTIVE", True)
    text = " ".join(section("Put it on a Space").split())
    said = re.search(
        r"VGG-19 \(512 x 384 pixels, (\d+) steps\) asks for (\d+) seconds, which ZeroGPU counts as "
        r"([\d.]+) .*? is (\d+) such .*?, (\d+) for a free account \(5\) and (\d+) with PRO "
        r"\(40\), and, if each used all the seconds it asks for, (\d+) visitors",
        text,
    )
    assert said
    steps, asked, counted, *paintings, minute = map(float, said.groups())
    recipe = Recipe(encoder="vgg19")
    assert recipe.steps == steps
    needed = zero.painting_seconds(Image.new("RGB", (512, 384)), recipe, 300)
    assert asked == -int(-(zero.START_SECONDS + needed) // 1)
    assert counted == 1.5 * asked
    assert paintings == [minutes * 60 // counted for minutes in (2, 5, 40)]
    assert minute == 60 // asked

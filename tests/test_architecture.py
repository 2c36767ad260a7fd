"""Imports go one way, nothing in `nst` knows that a browser exists, and all of it is installed."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATHS = [*ROOT.glob("nst/**/*.py"), *ROOT.glob("ui/**/*.py"), ROOT / "app.py"]

# The rooms and what stands in each. No room knows one that comes later.
ROOMS = {
    "recipe": ["nst.errors", "nst.hardware", "nst.recipe"],
    "pictures": ["nst.pictures", "nst.outputs"],
    "engine": ["nst.engine"],
    "weights": ["nst.weights"],
    "presets": ["nst.presets", "nst.published"],
    "pipeline": ["nst.instant", "nst.pipeline", "nst.provenance"],
    "compare": ["nst.compare"],
    "command line": ["nst.command_line", "nst.__main__"],
    "server": ["ui.server"],
    "page": ["ui"],
    "app": ["app"],
}
# What an upgrade of Gradio may change: modules, and attributes that its documentation lacks.
INTERNALS = "ui.server.gradio_internals"
INSIDES = re.compile(
    r"gradio\.(processing_utils|route|queueing|state_holder|blocks)|page\._queue|\.blob_storage"
    r"|state_holder|\.temp_files|keep_in_cache|GRADIO_CACHE|\.fns\b"
)
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
LONGEST = 400  # lines of a file


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


NAMES = {name_of(path) for path in PATHS}
GRAPH = {name_of(p): imported(p) & (NAMES - {name_of(p), "nst", "ui"}) for p in PATHS}
MODULES = sorted(NAMES - {"nst", "ui"})  # those two only gather


def room_of(name: str) -> str:
    """The first room that a module stands in."""
    for room, prefixes in ROOMS.items():
        if any(f"{name}.".startswith(f"{prefix}.") for prefix in prefixes):
            return room
    pytest.fail(f"{name} stands in no room: give it one in tests/test_architecture.py")


def test_no_module_knows_a_room_above_its_own():
    order = list(ROOMS)
    for name in MODULES:
        for other in GRAPH[name]:
            assert order.index(room_of(other)) <= order.index(room_of(name)), (name, other)
    assert {room_of(name) for name in MODULES} == set(ROOMS)


def test_no_module_imports_itself_by_a_detour():
    TopologicalSorter(GRAPH).prepare()  # raises CycleError


def test_the_package_knows_nothing_of_the_app():
    code = "import sys, nst, nst.__main__; print(*{'gradio', 'spaces'} & sys.modules.keys())"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
    for path in PATHS:
        if name_of(path).startswith("nst"):
            roots = {name.split(".")[0] for name in imported(path)}
            assert not roots & {"gradio", "gradio_client", "spaces", "ui", "app"}, path


def test_the_insides_of_gradio_are_used_in_one_file():
    users = {name_of(path) for path in PATHS if INSIDES.search(path.read_text("utf-8"))}
    assert users <= {INTERNALS}


def test_every_file_says_what_it_is_for_and_can_be_read_at_once():
    for path in PATHS:
        text = path.read_text("utf-8")
        assert ast.get_docstring(ast.parse(text)), path
        assert text.count("\n") <= LONGEST, path


def test_every_room_of_the_package_is_installed():
    rooms = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("nst/**/__init__.py")
    }
    assert {*rooms, "nst.examples"} == set(SETUP["packages"])


def test_everything_that_is_shipped_is_installed():
    for folder, package in ((ROOT / "nst", "nst"), (ROOT / "examples", "nst.examples")):
        taken = {p for pattern in SETUP["package-data"][package] for p in folder.glob(pattern)}
        there = {p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
        assert there <= taken

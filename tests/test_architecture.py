"""Imports go one way, and every module says what it offers."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path
    for path in [*ROOT.glob("nst/**/*.py"), *ROOT.glob("ui/**/*.py"), ROOT / "app.py"]
    if path.is_file()
)

# The rooms, each with what stands in it and what it is for. No room knows one that comes later.
ROOMS = {
    "errors": (["nst.errors", "nst.hardware"], "sentences that a visitor may see, and the machine"),
    "recipe": (["nst.settings", "nst.recipe"], "every setting, checked"),
    "pictures": (["nst.pictures"], "files in, pictures out, and what is taken home"),
    "engine": (["nst.engine"], "encoders, losses, objective, canvas, the steps"),
    "weights": (["nst.weights"], "shipped, cached, or from the Hub"),
    "pipeline": (
        ["nst.pipeline", "nst.provenance", "nst.published", "nst.presets", "nst.compare"],
        "which encoder, on which device, with which recipe",
    ),
    "command line": (["nst.__main__"], "python -m nst"),
    "server": (["ui.server"], "what a request may be and cost, and who is next"),
    "assets": (["ui.assets"], "styles, scripts, drawings, prose"),
    "parts": (["ui.parts"], "controls, links, samples"),
    "runs": (["ui.runs"], "painting as a page wants to see it"),
    "tabs": (["ui.tabs"], "Paint, Compare, How it works"),
    "page": (
        ["ui.page", "ui.api", "ui.theme"],
        "all of them together, and the way in for programs",
    ),
    "app": (["app"], "launches"),
}
# Packages that say only what is in them; `nst` gathers what a script needs.
DOORS = {"nst", "ui"}
# What an upgrade of Gradio may change: modules, and attributes that its documentation lacks.
INTERNALS = "ui.server.gradio_internals"
INSIDE = ("gradio.processing_utils", "gradio.route", "gradio.queueing", "gradio.state_holder",
          "gradio.utils", "gradio.blocks")  # fmt: skip
INSIDES = re.compile(
    r"page\._queue|\._id\b|\.blob_storage|state_holder|temp_file_sets|\.temp_files|keep_in_cache"
    r"|\.skip_api|get_blocks\(|GRADIO_CACHE|\.fns\b"
)
LARGEST = 14  # files in a folder of code
PICTURE = ROOT / "docs" / "architecture.md"


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


GRAPH = {
    name_of(path): imported(path) & ({name_of(other) for other in MODULES} - {name_of(path), "nst"})
    for path in MODULES
}


def room_of(name: str) -> str | None:
    """The room that a module stands in."""
    for room, (inside, _) in ROOMS.items():
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in inside):
            return room
    return None


def known_to(name: str) -> set[str]:
    """Every module that is loaded with this one."""
    found: set[str] = set()
    ahead = {name}
    while ahead:
        found |= ahead
        ahead = set().union(*(GRAPH[other] for other in ahead)) - found
    return found - {name}


def drawn() -> str:
    """The rooms and what each uses, as Mermaid; what follows from other arrows is left out."""
    uses: dict[str, set[str]] = {room: set() for room in ROOMS}
    for name in GRAPH.keys() - DOORS:
        uses[room_of(name)] |= {room_of(other) for other in GRAPH[name] - DOORS} - {room_of(name)}
    reached: dict[str, set[str]] = {}
    for room in ROOMS:  # those below a room come before it
        reached[room] = uses[room].union(*(reached[other] for other in uses[room]))
    lines = ["flowchart TD"]
    key = {room: room.replace(" ", "_") for room in ROOMS}
    for room, (_, purpose) in reversed(ROOMS.items()):
        lines.append(f'    {key[room]}["{room}<br/>{purpose}"]')
    for room in reversed(ROOMS):
        beyond = set().union(*(reached[other] for other in uses[room]))
        lines += [f"    {key[room]} --> {key[o]}" for o in ROOMS if o in uses[room] - beyond]
    return "\n".join(lines)


def redrawn(text: str) -> str:
    """The document with the picture as it has to be."""
    before, rest = text.split("```mermaid\n", 1)
    return f"{before}```mermaid\n{drawn()}\n```{rest.split('```', 1)[1]}"


@pytest.mark.parametrize("name", sorted(GRAPH.keys() - DOORS))
def test_every_module_stands_in_a_room_and_knows_none_above(name):
    assert room_of(name), f"{name} stands in no room: give it one in tests/test_architecture.py"
    order = list(ROOMS)
    above = {
        other
        for other in known_to(name) - DOORS
        if order.index(room_of(other)) > order.index(room_of(name))
    }
    assert not above


def test_every_room_has_something_in_it():
    assert {room_of(name) for name in GRAPH.keys() - DOORS} == set(ROOMS)


def test_the_picture_of_the_rooms_is_drawn_from_the_code():
    assert PICTURE.read_text() == redrawn(PICTURE.read_text()), "run tests/test_architecture.py"


def test_no_folder_has_more_files_than_can_be_looked_through():
    folders = {path.parent for path in MODULES} - {ROOT}
    many = {
        str(folder.relative_to(ROOT)): count
        for folder in folders
        if (count := len(list(folder.glob("*.py")))) > LARGEST
    }
    assert not many


@pytest.mark.parametrize("name", GRAPH)
def test_no_module_imports_itself_by_a_detour(name):
    assert all(name not in known_to(other) for other in GRAPH[name])


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.relative_to(ROOT).parts[0] == "nst"], ids=name_of
)
def test_no_module_of_the_package_knows_the_app(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"gradio", "gradio_client", "spaces", "ui", "app"}


@pytest.mark.parametrize("path", [p for p in MODULES if name_of(p) != INTERNALS], ids=name_of)
def test_the_insides_of_gradio_are_used_in_one_file(path):
    assert not {name for name in imported(path) if name.startswith(INSIDE)}
    assert not INSIDES.search(path.read_text())


def test_importing_the_package_loads_neither_gradio_nor_spaces():
    code = "import sys, nst, nst.__main__; print(*{'gradio', 'spaces'} & sys.modules.keys())"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []


if __name__ == "__main__":
    PICTURE.write_text(redrawn(PICTURE.read_text()))

"""Imports go one way, and nothing in `nst` knows that a browser exists."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATHS = [*ROOT.glob("nst/**/*.py"), *ROOT.glob("ui/**/*.py"), ROOT / "app.py"]

# The rooms, each with what stands in it and what it is for. No room knows one that comes later.
ROOMS = {
    "recipe": (["nst.errors", "nst.hardware", "nst.recipe"], "every setting, checked"),
    "pictures": (["nst.pictures", "nst.outputs"], "files in, pictures out, films"),
    "engine": (["nst.engine"], "encoders, losses, objective, steps; the instant painter"),
    "weights": (["nst.weights"], "shipped, cached, or from the Hub"),
    "presets": (["nst.presets", "nst.published"], "paintings and recipes by name"),
    "pipeline": (["nst.instant", "nst.pipeline", "nst.provenance"], "what paints on this machine"),
    "compare": (["nst.compare"], "several paintings, one after the other"),
    "command line": (["nst.command_line", "nst.__main__"], "python -m nst"),
    "server": (["ui.server"], "what a request may be and cost"),
    "page": (["ui"], "the tabs, and the way in for programs"),
    "app": (["app"], "launches"),
}
# What an upgrade of Gradio may change: modules, and attributes that its documentation lacks.
INTERNALS = "ui.server.gradio_internals"
INSIDES = re.compile(
    r"gradio\.(processing_utils|route|queueing|state_holder|blocks)|page\._queue|\.blob_storage"
    r"|state_holder|\.temp_files|keep_in_cache|GRADIO_CACHE|\.fns\b"
)
PICTURE = ROOT / "docs" / "architecture.md"
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
    inside = (
        room
        for room, (prefixes, _) in ROOMS.items()
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
    )
    found = next(inside, "")
    assert found, f"{name} stands in no room: give it one in tests/test_architecture.py"
    return found


def drawn() -> str:
    """The rooms and what each uses, as Mermaid; what follows from other arrows is left out."""
    uses: dict[str, set[str]] = {room: set() for room in ROOMS}
    for name in MODULES:
        uses[room_of(name)] |= {room_of(other) for other in GRAPH[name]} - {room_of(name)}
    reached: dict[str, set[str]] = {}
    for room in ROOMS:  # those below a room come before it
        reached[room] = uses[room].union(*(reached.get(other, set()) for other in uses[room]))
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


def test_no_module_knows_a_room_above_its_own():
    order = list(ROOMS)
    wrong = {
        (name, other)
        for name in MODULES
        for other in GRAPH[name]
        if order.index(room_of(other)) > order.index(room_of(name))
    }
    assert not wrong
    assert {room_of(name) for name in MODULES} == set(ROOMS)


def test_no_module_imports_itself_by_a_detour():
    left = dict(GRAPH)
    while ready := [name for name, uses in left.items() if not uses & left.keys()]:
        for name in ready:
            del left[name]
    assert not left


def test_the_picture_of_the_rooms_is_drawn_from_the_code():
    text = PICTURE.read_text("utf-8")
    assert text == redrawn(text), "run `python tests/test_architecture.py`"


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


if __name__ == "__main__":
    PICTURE.write_text(redrawn(PICTURE.read_text("utf-8")), "utf-8")

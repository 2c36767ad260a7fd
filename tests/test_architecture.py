"""Imports go one way, and every module says what it offers."""

import ast
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

# What comes later in this list is not known to what comes before it, by whatever way.
ORDER = [
    ["nst.errors"],
    ["nst.pictures.images", "nst.recipe", "nst.engine.losses"],
    ["nst.engine.encoders", "nst.weights.store"],
    ["nst.engine.stylize"],
    ["nst.pictures.export"],
    ["ui"],
    ["app"],
]


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


def place(name: str) -> int | None:
    for i, names in enumerate(ORDER):
        if name in names or name.split(".")[0] in names:
            return i
    return None


def known_to(name: str) -> set[str]:
    """Every module that is loaded with this one."""
    found: set[str] = set()
    ahead = {name}
    while ahead:
        found |= ahead
        ahead = set().union(*(GRAPH[other] for other in ahead)) - found
    return found - {name}


@pytest.mark.parametrize("name", [name for name in GRAPH if place(name) is not None])
def test_imports_go_one_way(name):
    own = place(name)
    later = {other for other in known_to(name) if (place(other) or 0) > own}
    assert not later


def test_every_place_in_the_order_is_taken():
    assert {i for name in GRAPH if (i := place(name)) is not None} == set(range(len(ORDER)))


@pytest.mark.parametrize("name", GRAPH)
def test_no_module_imports_itself_by_a_detour(name):
    assert all(name not in known_to(other) for other in GRAPH[name])


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "nst"], ids=name_of)
def test_no_module_of_the_package_knows_the_app(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"gradio", "gradio_client", "spaces", "ui", "app"}


def test_importing_the_package_loads_neither_gradio_nor_spaces():
    code = "import sys, nst, nst.__main__; print(*{'gradio', 'spaces'} & sys.modules.keys())"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_says_what_it_offers_and_has_it(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    (offered,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and ast.unparse(getattr(node, "target", None) or node.targets[0]) == "__all__"
    ]
    defined = {
        name.id if isinstance(name, ast.Name) else getattr(name, "name", "").split(".")[0]
        for node in tree.body
        for name in ast.walk(node)
        if isinstance(name, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.alias)
        or (isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store))
    }
    assert set(offered) <= defined
    assert len(offered) == len(set(offered))

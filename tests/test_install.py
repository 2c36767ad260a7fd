"""What `pip install .` takes along."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]


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

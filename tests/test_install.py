"""What `pip install .` takes along, and paths as Windows has them."""

import ntpath
import posixpath
import tomllib
from pathlib import Path

import pytest

from ui.server.bodies import is_address

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


@pytest.mark.parametrize(
    "path",
    [ntpath.join(r"C:\Users\ana\AppData\Local\Temp\nst", "f00d", "picture.png"), "d:/nst/a.png"],
)
def test_a_drive_is_no_address_on_windows(path):
    assert not is_address(path, ntpath)
    assert is_address(path, posixpath)


@pytest.mark.parametrize(
    "path",
    [
        "http://x/a.png",
        "file:///c:/a",
        r"\\host\share\a.png",
        "//host/a",
        r"\\?\C:\a",
        "C:http://x",
        r"C:\\host",
    ],
)
def test_an_address_is_one_on_every_system(path):
    assert is_address(path, ntpath)
    assert is_address(path, posixpath)

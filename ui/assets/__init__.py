"""What the page is made of besides Python: styles, scripts, drawings and prose, a file each."""

from functools import cache
from pathlib import Path

__all__ = ["asset", "asset_path"]

FOLDER = Path(__file__).parent


@cache
def asset(name: str) -> str:
    """The text of a file of this folder, such as "page.css". Read once."""
    return (FOLDER / name).read_text("utf-8")


def asset_path(name: str) -> str:
    """Where a file of this folder lies, for a component that reads it itself."""
    return str(FOLDER / name)

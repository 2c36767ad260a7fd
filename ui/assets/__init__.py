"""What the page is made of besides Python: styles, scripts, drawings and prose, a file each."""

from functools import cache
from pathlib import Path

__all__ = ["asset"]

FOLDER = Path(__file__).parent


@cache
def asset(name: str) -> str:
    """The text of a file of this folder, such as "page.css". Read once."""
    return (FOLDER / name).read_text("utf-8")

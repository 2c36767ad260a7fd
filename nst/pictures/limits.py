"""How much a picture from outside may ask of this machine: every number in one place.

An operator sets them through the environment (`NST_MAX_UPLOAD_MB=10 python app.py`); nothing a
visitor sends can change them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from nst.errors import BadInput

__all__ = ["LIMITS", "MEGABYTE", "FromEnvironment", "Limits"]

MEGABYTE = 1 << 20


class FromEnvironment:
    """A dataclass of numbers, each of which a variable can set: `NST_` and the field's name.

    A field's metadata can name another variable, and the unit its number is in.
    """

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The defaults, with whatever is set. Raises BadInput for a value that is not above 0."""
        changed: dict[str, Any] = {}
        for entry in fields(cls):  # type: ignore[arg-type]
            variable = entry.metadata.get("variable", f"NST_{entry.name.upper()}")
            if text := environment.get(variable, "").strip():
                value = _positive(variable, text, type(entry.default))
                changed[entry.name] = value * entry.metadata.get("unit", 1)
        return cls(**changed)


def _positive(variable: str, text: str, kind: type) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        wanted = "a whole number" if kind is int else "a number"
        raise BadInput(f"{variable} must be {wanted} above 0, but it is {text[:40]!r}.")
    return value


@dataclass(frozen=True)
class Limits(FromEnvironment):
    """What a picture from outside may be. Checked from its header, before it is decoded."""

    # A 50-megapixel phone JPEG is 25 MB.
    max_bytes: int = field(
        default=32 * MEGABYTE, metadata={"variable": "NST_MAX_UPLOAD_MB", "unit": MEGABYTE}
    )
    max_pixels: int = 50_000_000  # what phones take at most in their usual modes
    max_side: int = 20_000  # 50 megapixels at an aspect of 8
    min_side: int = 32  # below it VGG's fourth pooling leaves one pixel to compare
    max_aspect: float = 8.0  # a draft of 256 px still has 32 on its short side
    kept_side: int = 4096  # larger pictures are reduced to the largest print


LIMITS = Limits.from_environment()

"""How much a picture from outside may ask of this machine: every number in one place.

An operator sets them through the environment (`NST_MAX_UPLOAD_MB=10 python app.py`); nothing a
visitor sends can change them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from nst.errors import BadInput

__all__ = ["LIMITS", "MEGABYTE", "Limits"]

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What a picture from outside may be. Checked from its header, before it is decoded."""

    max_bytes: int = 32 * MEGABYTE  # NST_MAX_UPLOAD_MB, in MB: a 50-megapixel phone JPEG is 25
    max_pixels: int = 50_000_000  # NST_MAX_PIXELS: what phones take at most in their usual modes
    max_side: int = 20_000  # NST_MAX_SIDE: 50 megapixels at an aspect of 8
    min_side: int = 32  # NST_MIN_SIDE: below it VGG's fourth pooling leaves one pixel to compare
    max_aspect: float = 8.0  # NST_MAX_ASPECT: a draft of 256 px still has 32 on its short side
    kept_side: int = 4096  # NST_KEPT_SIDE: larger pictures are reduced to the largest print

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Limits:
        """The defaults, with whatever `NST_*` variables are set. BadInput for a value not > 0."""
        changed: dict[str, Any] = {}
        for field in fields(cls):
            megabytes = field.name == "max_bytes"
            variable = "NST_MAX_UPLOAD_MB" if megabytes else f"NST_{field.name.upper()}"
            text = environment.get(variable, "").strip()
            if text:
                value = _positive(variable, text, type(field.default))
                changed[field.name] = value * MEGABYTE if megabytes else value
        return cls(**changed)


def _positive(variable: str, text: str, kind: type) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        wanted = "a whole number" if kind is int else "a number"
        raise BadInput(f"{variable} must be {wanted} above 0, but it is {text!r}.")
    return value


LIMITS = Limits.from_environment()

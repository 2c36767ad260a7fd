"""How much a picture from outside may ask of this machine: every number in one place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from nst.errors import BadInput

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What a picture from outside may be. Checked from its header, before it is decoded."""

    max_bytes: int = 32 * MEGABYTE  # a 50-megapixel phone JPEG is 25 MB
    max_pixels: int = 50_000_000  # what phones take at most in their usual modes
    max_side: int = 20_000  # 50 megapixels at an aspect of 8
    min_side: int = 32  # below it VGG's fourth pooling leaves one pixel to compare
    max_aspect: float = 8.0  # a draft of 256 px still has 32 on its short side
    kept_side: int = 4096  # larger pictures are reduced to the largest print


def limits_from(environment: Mapping[str, str] = os.environ) -> Limits:
    """The defaults, or what an operator sets. Raises BadInput for what is not above 0."""
    found = []
    for variable, default in (("NST_MAX_UPLOAD_MB", 32), ("NST_MAX_PIXELS", Limits.max_pixels)):
        text = environment.get(variable, "").strip() or str(default)
        if not text.isdecimal() or not int(text):
            raise BadInput(f"{variable} must be a whole number above 0, but it is {text[:40]!r}.")
        found.append(int(text))
    return Limits(found[0] * MEGABYTE, found[1])


LIMITS = limits_from()

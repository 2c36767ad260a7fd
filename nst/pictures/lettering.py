"""Words on pictures: what Pillow's own font can write, in lines that fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from PIL import ImageFont, ImageText

LONGEST_TEXT = 400
LEADING = 0.3  # between lines, of the font's size

# Beyond ASCII the font that Pillow carries (a part of Aileron) has only these.
HELD = set("©«°±´·»‘’“”…‹›⁄™")
NEAREST = str.maketrans(
    {"×": "x", "–": "-", "—": "-", "−": "-", "→": "›", "←": "‹", "≈": "~", "ß": "ss", "ø": "o"}
    | {"Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
)


def writable(text: str) -> str:
    """The text on one line, in letters that the font has: accents go, other scripts are left out.

    A missing letter would be drawn as an empty box.
    """
    plain = unicodedata.normalize("NFKD", text[:LONGEST_TEXT].translate(NEAREST))
    letters = (c if c.isspace() or " " <= c <= "~" or c in HELD else "" for c in plain)
    return " ".join("".join(letters).split())


def written(text: str, width: int, most_lines: int, sizes: Sequence[int]) -> ImageText.Text[str]:
    """Text in lines of `width` pixels, in the first size in which all of it fits, or cut off."""
    words = writable(text)
    for size in sizes:
        if found := _broken(words, size, width, most_lines):
            return found
    while not (found := _broken(words + "…", size, width, most_lines)):
        words = words[:-1].rstrip(" ,.;:-")
    return found


def height(text: ImageText.Text[str]) -> int:
    """Of all its lines, in pixels."""
    return round(text.get_bbox()[3]) if text.text else 0


def _broken(words: str, size: int, width: int, most_lines: int) -> ImageText.Text[str] | None:
    text = ImageText.Text(words, ImageFont.load_default(size), spacing=round(LEADING * size))
    try:
        text.wrap(width)
    except ValueError:  # a word is wider than the line
        return None
    return text if text.text.count("\n") < most_lines else None

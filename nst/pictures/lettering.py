"""Words on pictures: what Pillow's own font can write, cut into lines that fit."""

from __future__ import annotations

import unicodedata

from PIL import ImageDraw, ImageFont

__all__ = ["Words", "set_words", "writable"]

LONGEST_TEXT = 400

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
    letters = (c if c.isspace() or _held(c) else "" for c in plain)
    return " ".join("".join(letters).split())


class Words:
    """Text cut into lines no wider than `width` pixels, to be drawn where there is room."""

    def __init__(self, text: str, size: float, width: int, most_lines: int) -> None:
        self.font = ImageFont.load_default(size=size)
        self.width = width
        self.leading = round(size * 1.28)
        lines = self._broken(writable(text))
        self.is_whole = len(lines) <= most_lines
        self.lines = lines[:most_lines]
        if not self.is_whole:
            self.lines[-1] = self._cut(f"{lines[most_lines - 1]} {lines[most_lines]}")

    @property
    def height(self) -> int:
        return self.leading * len(self.lines)

    def draw(self, on: ImageDraw.ImageDraw, left: float, top: float, colour: str, anchor="l"):
        """Draw with the left edge ("l") or the middle ("m") of each line at `left`."""
        for i, line in enumerate(self.lines):
            at = (left, top + i * self.leading + self.leading / 2)
            on.text(at, line, colour, self.font, anchor=f"{anchor}m")

    def _broken(self, text: str) -> list[str]:
        lines: list[str] = []
        for word in text.split():
            joined = f"{lines[-1]} {word}" if lines else word
            if lines and self._fits(joined):
                lines[-1] = joined
            else:
                lines.append(word if self._fits(word) else self._cut(word))
        return lines

    def _cut(self, text: str) -> str:
        while text and not self._fits(text + "…"):
            text = text[:-1]
        return text.rstrip(" ,.;:-") + "…"

    def _fits(self, text: str) -> bool:
        return self.font.getlength(text) <= self.width


def set_words(text: str, sizes: range, width: int, most_lines: int) -> Words:
    """The largest of some sizes in which nothing of the text is cut off, or else the last."""
    for size in sizes:
        words = Words(text, size, width, most_lines)
        if words.is_whole and not any(line.endswith("…") for line in words.lines):
            break
    return words


def _held(letter: str) -> bool:
    return letter in HELD or " " <= letter <= "~"

"""The kinds of value that a setting can have.

Each checks a value, reads one from text, and brings one into range. What cannot be taken is a
BadInput with the setting's name, what was found and what is allowed.
"""

from dataclasses import dataclass
from typing import Any

from nst.errors import BadInput

__all__ = ["Kind", "Number", "Several", "Word"]

LONGEST_WORD = 32
LONGEST_LIST = 16


@dataclass(frozen=True)
class Number:
    """A number from low to high; type: int for whole ones, or float."""

    type: type[int] | type[float]
    low: float
    high: float

    def check(self, name: str, value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadInput(f"{name} must be a number.")
        if not self.low <= value <= self.high or value != self.type(value):
            if isinstance(value, int):  # which may be too large for a float
                value = min(max(value, -(10**300)), 10**300)
            wanted = "whole number" if self.type is int else "number"
            raise BadInput(
                f"{name} is {value:g}; it must be a {wanted} from {self.low:g} to {self.high:g}."
            )
        return self.type(value)

    def parse(self, name: str, text: str) -> int | float:
        try:
            return self.type(text)
        except (ValueError, OverflowError):
            wanted = "a whole number" if self.type is int else "a number"
            raise BadInput(f"{name} is {text[:40]!r}; it must be {wanted}.") from None

    def clamp(self, value: int | float) -> int | float:
        """The nearest end of the range for a number beyond it, whatever its size."""
        return value if value != value else self.type(min(max(value, self.low), self.high))


@dataclass(frozen=True)
class Word:
    """One of the options or, without any, a short plain name."""

    options: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise BadInput(f"{name} must be a word.")
        if self.options and value not in self.options:
            raise BadInput(f"{name} is {value[:40]!r}; choose from {', '.join(self.options)}.")
        if len(value) > LONGEST_WORD or not value.replace("-", "_").isidentifier():
            raise BadInput(f"{name} is {value[:40]!r}; it must be a short plain name.")
        return value

    def parse(self, _name: str, text: str) -> str:
        return text


@dataclass(frozen=True)
class Several:
    """A list of one kind."""

    item: Number | Word

    def check(self, name: str, value: Any) -> tuple:
        if not isinstance(value, (list, tuple)) or len(value) > LONGEST_LIST:
            raise BadInput(f"{name} must be a list of at most {LONGEST_LIST} values.")
        return tuple(self.item.check(name, each) for each in value)

    def parse(self, name: str, text: str) -> tuple:
        items = [item for item in text.split(",") if item]
        try:
            return tuple(self.item.parse(name, item) for item in items[: LONGEST_LIST + 1])
        except BadInput:
            raise BadInput(f"{name} is {text[:40]!r}; it must be a list of numbers.") from None


Kind = Number | Word | Several

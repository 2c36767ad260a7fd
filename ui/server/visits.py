"""Which visits are remembered, whose they are, and which are forgotten when there is no room.

A session's name is its visitor's own word, and anybody can invent many. So whatever all visits
together have too much of is taken from the address that has most of it, from the page that was
closed or left alone longest: strangers cannot push out somebody with an open page.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from PIL import Image

from nst.pictures.limits import MEGABYTE
from ui.server.gradio_internals import busy_sessions, forget_session, kept_by_session
from ui.server.limits import RunLimits
from ui.server.visitors import Visitor

__all__ = ["Visits", "bytes_held"]

FILES = 8  # of what a visit has chosen lately are in use: a photo, paintings, a mask's parts


class Visits:
    """The visits of one app. One event loop's: not thread-safe."""

    def __init__(self, run_limits: RunLimits) -> None:
        self._run_limits = run_limits
        self._addresses: OrderedDict[str, str] = OrderedDict()  # by session, latest last
        self._files: dict[str, list[str]] = {}
        self._open: Counter[str] = Counter()

    def seen(self, visitor: Visitor, files: Collection[str] = ()) -> None:
        """A visitor has asked for something. files: what it was about, as absolute paths."""
        self._addresses.setdefault(visitor.session, visitor.address)
        self._addresses.move_to_end(visitor.session)
        before = [f for f in self._files.get(visitor.session, ()) if f not in files]
        self._files[visitor.session] = [*before, *files][-FILES:]

    def opened(self, session: str) -> None:
        """A page of the session is open from now on."""
        self._open[session] += 1

    def closed(self, session: str) -> None:
        """It was closed."""
        self._open[session] -= 1
        self._open = +self._open

    def in_use(self) -> dict[str, str]:
        """{file: address} of what open pages have chosen."""
        return {
            file: self._addresses[session]
            for session, files in self._files.items()
            if session in self._open
            for file in files
        }

    def limit_number(self, page: Any, coming: str) -> None:
        """Forget visits until there is room for the session that comes."""
        kept = dict.fromkeys([*kept_by_session(page), coming], 1)
        self._forget(page, kept, self._run_limits.visits, spared=coming)

    def limit_memory(self, page: Any) -> None:
        """Forget visits until the pictures kept of all of them take no more than they may."""
        sizes = {session: bytes_held(values) for session, values in kept_by_session(page).items()}
        self._forget(page, sizes, self._run_limits.kept_pictures * MEGABYTE)

    def tidy(self, page: Any) -> None:
        """Forget the names of visits of which nothing is left."""
        for session in self._addresses.keys() - kept_by_session(page).keys() - self._open.keys():
            del self._addresses[session]
            self._files.pop(session, None)

    def _forget(self, page: Any, weights: Mapping[str, int], most: float, spared: str = "") -> None:
        """Forget until the weights that are left are at most so much together."""
        left = {session: weight for session, weight in weights.items() if weight}
        if sum(left.values()) <= most:
            return
        busy = busy_sessions(page) | {spared}
        while sum(left.values()) > most and (session := self._least_missed(left, busy)):
            forget_session(session, page)
            del left[session]

    def _least_missed(self, weights: Mapping[str, int], busy: Collection[str]) -> str | None:
        of_address: Counter[str] = Counter()
        for session, weight in weights.items():
            of_address[self._addresses.get(session, "")] += weight
        age = {session: number for number, session in enumerate(self._addresses)}
        return min(
            (session for session in weights if session not in busy),
            key=lambda s: (
                -of_address[self._addresses.get(s, "")],
                s in self._open,
                age.get(s, -1),
            ),
            default=None,
        )


def bytes_held(root: Any) -> int:
    """Bytes of the pictures, arrays and files in memory in there, each counted once."""
    ahead, seen, total = [root], set(), 0
    while ahead:
        value = ahead.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Image.Image):
            total += value.width * value.height * len(value.getbands())
        elif isinstance(value, np.ndarray):
            total += value.nbytes
        elif isinstance(value, bytes):
            total += len(value)
        elif isinstance(value, Mapping):
            ahead.extend(value.values())
        elif isinstance(value, list | tuple | set):
            ahead.extend(value)
        elif is_dataclass(value):
            ahead.extend(getattr(value, field.name) for field in fields(value))
        elif type(value).__module__.startswith(("ui.", "nst.")):
            ahead.extend(vars(value).values())
    return total

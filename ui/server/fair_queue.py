"""Who is next: turns at something scarce, shared fairly between addresses.

Whoever has used it least of late comes first, so a second run of one address waits behind the
first of another. What was used is forgotten by and by.
"""

import heapq
import time
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError, TimeoutError
from contextlib import AbstractContextManager, suppress
from threading import Lock
from typing import Any

from ui.server.limits import RUN_LIMITS
from ui.server.visitors import Visitor

__all__ = ["PAINTING", "FairQueue", "Ticket", "painting_queue"]

PAINTING = "painting"  # what events that wait in `painting_queue` are called

HALF_LIFE = 600.0  # seconds until what was used counts half
GUESS = 30.0  # seconds that a turn is taken to last while nobody knows
FORGOTTEN = 0.1  # seconds of use that no longer matter
LOOK_SECONDS = 0.5  # between two looks at who is before: to leave is noticed as often


class Ticket(AbstractContextManager["Ticket"]):
    """A place in the queue, and later the turn itself; closing it ends either.

    granted: done when the turn has come.
    """

    def __init__(self, queue: "FairQueue", visitor: Visitor, number: int, seconds: float | None):
        self.visitor, self.number, self.seconds = visitor, number, seconds
        self.granted: Future[None] = Future()
        self.began = 0.0
        self._queue = queue

    def waiting(self) -> Iterator[tuple[int, float | None]]:
        """(how many are before, seconds until the turn or None), until the turn has come."""
        while not self.granted.done():
            yield self._queue.ahead(self)
            with suppress(TimeoutError):
                self.granted.result(LOOK_SECONDS)

    def expect(self, seconds: float) -> None:
        """Say how long the turn should go on from now."""
        self._queue.expect(self, seconds)

    def __exit__(self, *error: Any) -> None:
        self._queue.leave(self)


class FairQueue:
    """Turns for `at_once` at a time. Thread-safe."""

    def __init__(self, at_once: int) -> None:
        self._at_once, self._lock = at_once, Lock()
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        self._used: dict[tuple[str, ...], tuple[float, float]] = {}  # (seconds, when)
        self._joined = 0

    def join(self, visitor: Visitor, seconds: float | None = None) -> Ticket:
        """Take a place. seconds: how long the turn should last, where it is known."""
        with self._lock:
            self._joined += 1
            ticket = Ticket(self, visitor, self._joined, seconds)
            self._waiting.append(ticket)
            self._grant()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give up a place, or end a turn."""
        with self._lock:
            if ticket in self._running:
                self._running.remove(ticket)
                self._count(ticket)
            elif ticket in self._waiting:
                self._waiting.remove(ticket)
            self._grant()

    def expect(self, ticket: Ticket, seconds: float) -> None:
        """Say how long a turn should go on from now."""
        with self._lock:
            ticket.seconds = time.monotonic() - ticket.began + seconds

    def ahead(self, ticket: Ticket) -> tuple[int, float | None]:
        """How many come before a turn, and the seconds until it, if they can be known."""
        with self._lock:
            if ticket in self._running:
                return 0, 0.0
            now, order = time.monotonic(), self._order()
            before = order[: order.index(ticket)]
            if any(other.seconds is None for other in (*self._running, *before)):
                return len(self._running) + len(before), None
            ends = [max(1.0, other.began + (other.seconds or 0) - now) for other in self._running]
            heapq.heapify(ends)
            for other in before:
                heapq.heapreplace(ends, ends[0] + (other.seconds or 0))
            return len(self._running) + len(before), ends[0]

    def waiting(self, address: str) -> int:
        """How many from an address wait."""
        with self._lock:
            return sum(ticket.visitor.address == address for ticket in self._waiting)

    def running(self) -> list[Visitor]:
        """Whose turn it is now."""
        with self._lock:
            return [ticket.visitor for ticket in self._running]

    def _grant(self) -> None:
        while self._waiting and len(self._running) < self._at_once:
            ticket = self._order()[0]
            self._waiting.remove(ticket)
            with suppress(InvalidStateError):  # whoever waited has just gone
                ticket.granted.set_result(None)
                ticket.began = time.monotonic()
                self._running.append(ticket)

    def _order(self) -> list[Ticket]:
        """Those who wait in the order in which their turns will come."""
        now = time.monotonic()
        used = self._decayed(now)
        for ticket in self._running:
            _add(used, ticket, now - ticket.began + 1)
        waiting, order = list(self._waiting), []
        while waiting:
            first = min(
                waiting,
                key=lambda ticket: (*(used.get(key, 0.0) for key in _keys(ticket)), ticket.number),
            )
            waiting.remove(first)
            order.append(first)
            _add(used, first, first.seconds or GUESS)
        return order

    def _decayed(self, now: float) -> dict[tuple[str, ...], float]:
        return {
            key: seconds * 0.5 ** ((now - when) / HALF_LIFE)
            for key, (seconds, when) in self._used.items()
        }

    def _count(self, ticket: Ticket) -> None:
        now = time.monotonic()
        used = self._decayed(now)
        _add(used, ticket, now - ticket.began)
        self._used = {key: (spent, now) for key, spent in used.items() if spent > FORGOTTEN}


def _keys(ticket: Ticket) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """By what use is counted: first the address, for sessions can be invented."""
    return (ticket.visitor.address,), (ticket.visitor.address, ticket.visitor.session)


def _add(used: dict[tuple[str, ...], float], ticket: Ticket, seconds: float) -> None:
    for key in _keys(ticket):
        used[key] = used.get(key, 0.0) + seconds


painting_queue = FairQueue(RUN_LIMITS.concurrency)

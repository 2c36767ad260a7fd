"""Who may ask for what, and who may wait: requests that make something happen.

Gradio takes any function index, number of values and session for granted, and stumbles over
wrong ones; it bounds the queue as a whole, but not what one visitor has waiting in it.
"""

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any

from ui.server.bodies import Refused
from ui.server.fair_queue import PAINTING, FairQueue
from ui.server.gradio_internals import (
    events_of,
    fn_by_index,
    fn_by_name,
    index_of,
    input_counts,
    parameters_of,
    session_of_event,
)
from ui.server.limits import RequestLimits, RunLimits
from ui.server.visitors import Visitor, address_of

__all__ = ["DECODING", "SESSION", "Admission", "Command", "session_of"]

DECODING, SMALL = "decoding", "small"  # what events that do not queue are called
DECODING_AT_ONCE, SMALL_AT_ONCE = 2, 4
SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")


def session_of(name: str, page: Any) -> str:
    """The session of that name, or of the event of that name. Refused when nothing waits there."""
    session = session_of_event(name, page)
    if session is None:
        raise Refused(404, "Nothing is under way for this session.")
    return session


@dataclass(frozen=True)
class Command:
    """A checked request. fn: the function that it asks for, if it does. queued: it may wait in
    Gradio's queue; what does not is answered at once.
    """

    body: dict[str, Any]
    fn: Any = None
    session: str | None = None
    queued: bool = True

    @property
    def paints(self) -> bool:
        return self.queued and self.fn is not None and self.fn.concurrency_id == PAINTING


class Admission:
    """Checks commands and counts who waits. One event loop's: not thread-safe."""

    def __init__(self, limits: RequestLimits, run_limits: RunLimits, queue: FairQueue) -> None:
        self._limits, self._run_limits, self._queue = limits, run_limits, queue
        self._turns = {DECODING: FairQueue(DECODING_AT_ONCE), SMALL: FairQueue(SMALL_AT_ONCE)}
        self._arriving: Counter[tuple[bool, Visitor]] = Counter()

    def check(self, kind: str, found: dict[str, str], body: dict[str, Any], page: Any) -> Command:
        """The command in a request's body. Raises Refused.

        kind: "join", "call", "named", "run" or "cancel". found: `name` from the path. page: the
        `gr.Blocks`.
        """
        session = body.get("session_hash")
        if session is not None and not (isinstance(session, str) and SESSION.fullmatch(session)):
            raise Refused(400, "That is not a session of this page.")
        if kind == "cancel":
            return Command(_cancellation(body))
        if kind == "named":
            return Command(_by_parameters(found["name"], body, page), _by_name(found["name"], page))
        fn = _function(kind, found, body, page)
        data = body.get("data")
        if not isinstance(data, list) or len(data) not in input_counts(fn):
            told = len(data) if isinstance(data, list) else "none"
            raise Refused(400, f"This takes {len(fn.inputs)} values; the request has {told}.")
        if kind == "join" and session is None:
            raise Refused(400, "The request names no session.")
        trigger = body.get("trigger_id")
        checked = {
            "data": data,
            "session_hash": session,
            "event_data": body.get("event_data"),
            "trigger_id": trigger if _is_number(trigger) else None,
        }
        if kind != "call":
            checked["fn_index"] = index_of(fn)
        return Command(checked, fn, session, queued=kind != "run")

    async def take_turn(self, command: Command, address: str, until: AsyncExitStack) -> None:
        """Wait for the turn of a command that does not queue. Raises Refused when too many wait.

        until: exited when it is done. Those that decode or compute pictures have turns of their
        own, so that small ones need not wait for them.
        """
        of = DECODING if command.fn.concurrency_id == DECODING else SMALL
        if self._turns[of].waiting(address) >= self._limits.waiting_requests:
            raise Refused(
                429,
                f"{self._limits.waiting_requests} requests from your address are waiting already, "
                "which is the most that can. Please try again in a moment.",
            )
        visitor = Visitor(address, command.session or "")
        turn = until.enter_context(self._turns[of].join(visitor))
        await asyncio.wrap_future(turn.granted)

    def wait(
        self, command: Command, page: Any, address: str, until: ExitStack | AsyncExitStack
    ) -> None:
        """Let a command into the queue. Raises Refused when too many wait.

        What paints and what does not are counted apart, so that neither takes the other's places.
        until: exited when it is in the queue; till then it counts as arriving, so that two cannot
        slip in as one.
        """
        visitor = Visitor(address, command.session or "")
        waiting = self._waiting(command.paints, page)
        mine = waiting[visitor] if command.session else 0
        near = sum(count for other, count in waiting.items() if other.address == address)
        if waiting.total() >= self._run_limits.queue:
            raise Refused(
                429,
                f"{waiting.total()} runs are waiting here already, and there is room for "
                f"{self._run_limits.queue}. Please try again in a minute.",
            )
        if command.paints and mine >= self._limits.waiting_per_visitor:
            raise Refused(
                429,
                f"You have {mine} runs waiting already; at most {self._limits.waiting_per_visitor} "
                "can wait at once. They come one after the other.",
            )
        if near >= self._limits.waiting_per_address:
            raise Refused(
                429,
                f"{near} runs from your address are waiting already; at most "
                f"{self._limits.waiting_per_address} can wait at once. "
                "Please try again in a minute.",
            )
        self._arriving[command.paints, visitor] += 1
        until.callback(self._arrived, (command.paints, visitor))

    def _waiting(self, paints: bool, page: Any) -> Counter[Visitor]:
        """How many each visitor has waiting, of what paints or of what does not."""
        waiting = Counter(
            Visitor(address_of(event.request.scope), event.session_hash)
            for event in events_of(page)
            if (event.concurrency_id == PAINTING) == paints
        )
        if paints:
            waiting -= Counter(self._queue.running())
        for (of_painting, visitor), count in self._arriving.items():
            waiting[visitor] += count * (of_painting == paints)
        return waiting

    def _arrived(self, key: tuple[bool, Visitor]) -> None:
        self._arriving[key] -= 1
        # Unary plus keeps what is above zero.
        self._arriving = +self._arriving


def _function(kind: str, found: dict[str, str], body: dict[str, Any], page: Any) -> Any:
    """The event that a request asks for."""
    index = body.get("fn_index")
    if kind == "call" or (kind == "run" and index is None):
        return _by_name(found["name"], page)
    fn = fn_by_index(index, page) if isinstance(index, int) else None
    if fn is None:
        raise Refused(404, "There is no such function.")
    return fn


def _by_name(name: str, page: Any) -> Any:
    fn = fn_by_name(name, page)
    if fn is None:
        raise Refused(404, "There is no such endpoint.")
    return fn


def _by_parameters(name: str, body: dict[str, Any], page: Any) -> dict[str, Any]:
    """The body of a call with its values by name."""
    known = parameters_of(name, page)
    if known is None:
        raise Refused(404, "There is no such endpoint.")
    needed = {n for n, p in known.items() if not p.get("parameter_has_default")}
    if not needed <= body.keys() <= known.keys():
        listed = ", ".join(f"{n} (needed)" if n in needed else n for n in known)
        raise Refused(400, f"This takes {listed or 'nothing'}, by these names and no others.")
    return body


def _cancellation(body: dict[str, Any]) -> dict[str, Any]:
    event, index = body.get("event_id"), body.get("fn_index")
    if not isinstance(event, str) or not SESSION.fullmatch(event):
        raise Refused(400, "That is not a run of this page.")
    return {
        "session_hash": body.get("session_hash") or "",
        "fn_index": index if _is_number(index) else -1,
        "event_id": event,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

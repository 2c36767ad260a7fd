"""Who may ask for what, and who may wait: requests that make something happen.

Gradio takes any function index, number of values and session for granted, and stumbles over
wrong ones; it bounds the queue as a whole, but not what one visitor has waiting in it.
"""

import os
import re
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from ui.runs.events import DEVICE
from ui.server.bodies import Refused
from ui.server.limits import Door

__all__ = ["SESSION", "Admission", "Command", "address_of", "session_of"]

SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
ANYONE = "anyone"  # is counted among those who arrive, beside sessions and addresses


def address_of(scope: Scope) -> str:
    """Where a request comes from; on a Space, what its proxy says."""
    if "SPACE_ID" in os.environ:
        forwarded = Headers(scope=scope).get("x-forwarded-for", "").split(",")[0].strip()
        if forwarded:
            return forwarded[:64]
    return scope["client"][0] if scope.get("client") else ""


def session_of(name: str, page: Any) -> str:
    """The session of that name, or of the event of that name. Refused when nothing waits there."""
    queue = page._queue
    if event := queue.event_ids_to_events.get(name):
        name = event.session_hash
    if name not in queue.pending_messages_per_session:
        raise Refused(404, "Nothing is under way for this session.")
    return name


@dataclass(frozen=True)
class Command:
    """A checked request. fn: the event that it lets wait in the queue, if it does."""

    body: dict[str, Any]
    fn: Any = None
    session: str | None = None

    @property
    def paints(self) -> bool:
        return self.fn is not None and self.fn.concurrency_id == DEVICE


class Admission:
    """Checks commands and counts who waits. One event loop's: not thread-safe."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._arriving: Counter[str] = Counter()

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
        counts = {len(fn.inputs), len([block for block in fn.inputs if not block.skip_api])}
        if not isinstance(data, list) or len(data) not in counts:
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
            checked["fn_index"] = fn._id
        return Command(checked, None if kind == "run" else fn, session)

    def wait(self, command: Command, page: Any, address: str, until: ExitStack | Any) -> None:
        """Let a command into the queue. Raises Refused when too many wait.

        until: exited when it is in the queue; till then it counts as arriving, so that two cannot
        slip in as one.
        """
        queue = page._queue
        full = len(queue) + self._arriving[ANYONE]
        if queue.max_size is not None and full >= queue.max_size:
            raise Refused(
                429,
                f"{full} runs are waiting here already, and there is room for "
                f"{queue.max_size}. Please try again in a minute.",
            )
        if not command.paints:
            self._arrives(until, ANYONE)
            return
        line = queue.event_queue_per_concurrency_id.get(DEVICE)
        waiting = list(line.queue) if line else []
        session = f"session {command.session}"
        mine = sum(event.session_hash == command.session for event in waiting)
        mine += self._arriving[session]
        if command.session is not None and mine >= self._door.waiting_per_visitor:
            raise Refused(
                429,
                f"You have {mine} runs waiting already; at most {self._door.waiting_per_visitor} "
                "can wait at once. They come one after the other.",
            )
        near = sum(address_of(event.request.scope) == address for event in waiting)
        near += self._arriving[f"from {address}"]
        if near >= self._door.waiting_per_address:
            raise Refused(
                429,
                f"{near} runs from your address are waiting already; at most "
                f"{self._door.waiting_per_address} can wait at once. "
                "Please try again in a minute.",
            )
        self._arrives(until, ANYONE, session, f"from {address}")

    def _arrives(self, until: ExitStack | Any, *keys: str) -> None:
        self._arriving.update(keys)
        until.callback(self._arrived, *keys)

    def _arrived(self, *keys: str) -> None:
        self._arriving.subtract(keys)
        # Unary plus keeps what is above zero.
        self._arriving = +self._arriving


def _function(kind: str, found: dict[str, str], body: dict[str, Any], page: Any) -> Any:
    """The event that a request asks for."""
    index = body.get("fn_index")
    if kind == "call" or (kind == "run" and index is None):
        return _by_name(found["name"], page)
    if not _is_number(index) or index not in page.fns:
        raise Refused(404, "There is no such function.")
    return page.fns[index]


def _by_name(name: str, page: Any) -> Any:
    for fn in page.fns.values():
        if isinstance(fn.api_name, str) and fn.api_name == name:
            return fn
    raise Refused(404, "There is no such endpoint.")


def _by_parameters(name: str, body: dict[str, Any], page: Any) -> dict[str, Any]:
    """The body of a call with its values by name."""
    endpoint = page.get_api_info()["named_endpoints"].get(f"/{name}")
    if endpoint is None:
        raise Refused(404, "There is no such endpoint.")
    known = {p["parameter_name"]: p for p in endpoint["parameters"]}
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

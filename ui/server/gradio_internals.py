"""What this app uses of Gradio's insides, all in one place: an upgrade of Gradio may break it.

Tried with Gradio 6.31. `page` is the `gr.Blocks` of the app.
"""

import os
from copy import copy
from datetime import datetime, timedelta
from itertools import compress
from pathlib import Path
from secrets import token_hex
from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig, convert_component_dict_to_list
from gradio.processing_utils import hash_bytes
from gradio.utils import get_upload_folder

__all__ = [
    "Page",
    "app_page",
    "busy_sessions",
    "drawings_of",
    "drop_events",
    "events_of",
    "fn_by_index",
    "fn_by_name",
    "forget_files",
    "forget_session",
    "has_page",
    "idle_sessions",
    "index_of",
    "input_counts",
    "keep_file",
    "kept_by_session",
    "own_files",
    "parameters_of",
    "pending_sessions",
    "session_of_event",
    "unasked_connections",
    "upload_folder",
]


class _Undescribed(BlocksConfig):
    """The components of a page, of which sessions take copies that describe none of them."""

    def __copy__(self) -> BlocksConfig:
        copied = super().__copy__()
        copied.config_for_block = lambda *_: {}
        return copied


class Page(gr.Blocks):
    """A page that spends nothing on what an event leaves as it is.

    Gradio does, on the thread that answers all requests: it makes every output of an event anew
    for every word, changed or not, and describes every component of a session when that begins and
    again at each update, for its deep links, which the guard does not serve.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.default_config.__class__ = _Undescribed

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """What is sent for an event's outputs; only those that it tells something of are made."""
        outputs = list(block_fn.outputs)
        if len(outputs) < 2:
            return await super().postprocess_data(block_fn, predictions, state)
        if isinstance(predictions, dict):
            left = predictions == gr.skip()
            predictions = convert_component_dict_to_list(outputs, {} if left else predictions)
        told = [not (isinstance(value, dict) and value == gr.skip()) for value in predictions]
        fewer = copy(block_fn)
        fewer.outputs = list(compress(outputs, told))
        values = list(compress(predictions, told))
        # The value of a single output goes without a list around it.
        alone = values[0] if len(values) == 1 else values
        made = iter(await super().postprocess_data(fewer, alone, state) if values else ())
        return [
            next(made) if tells else (None if output.stateful else gr.skip())
            for output, tells in zip(outputs, told, strict=True)
        ]


def upload_folder() -> Path:
    """Where uploads and everything that is shown lie."""
    return Path(get_upload_folder())


def app_page(app: Any) -> Any:
    """The page that an app serves: what the functions here call `page`."""
    return app.get_blocks()


def has_page(name: str, page: Any) -> bool:
    """Whether there is a page of that name; the first has none."""
    return name in page.config["page"]


# The queue


def events_of(page: Any) -> list[Any]:
    """Every event that waits in the queue or is handled, with `fn`, `session_hash`, `request`."""
    queue = page._queue
    waiting = [e for line in queue.event_queue_per_concurrency_id.values() for e in line.queue]
    return waiting + [event for job in queue.active_jobs if job for event in job]


def session_of_event(name: str, page: Any) -> str | None:
    """The session whose messages are kept under that name of a session or an event."""
    event = page._queue.event_ids_to_events.get(name)
    session = event.session_hash if event else name
    return session if session in page._queue.pending_messages_per_session else None


def busy_sessions(page: Any) -> set[str]:
    """The sessions that have something waiting or under way."""
    return {event.session_hash for event in events_of(page)}


def pending_sessions(page: Any) -> set[str]:
    """The sessions for which messages or events are kept."""
    queue = page._queue
    return {*queue.pending_messages_per_session, *queue.pending_event_ids_session}


async def drop_events(session: str, page: Any) -> None:
    """End what a session has waiting or under way, and forget its messages."""
    await page._queue.clean_events(session_hash=session)
    page._queue.pending_messages_per_session.pop(session, None)
    page._queue.pending_event_ids_session.pop(session, None)


def unasked_connections(page: Any) -> set[tuple[Any, Any]]:
    """Connections that wait for (the rest of) a request's headers, each with its last request."""
    state = getattr(getattr(page, "server", None), "server_state", None)
    return {
        (connection.transport, connection.cycle)
        for connection in (state.connections if state else ())
        if hasattr(connection, "cycle")
        and (connection.cycle is None or connection.cycle.response_complete)
    }


# What it can do


def fn_by_index(index: int, page: Any) -> Any | None:
    """The function of that number, with `inputs`, `concurrency_id` and `_id`."""
    return None if isinstance(index, bool) else page.fns.get(index)


def fn_by_name(name: str, page: Any) -> Any | None:
    """The function that programs know by that name."""
    return next((fn for fn in page.fns.values() if fn.api_name == name), None)


def index_of(fn: Any) -> int:
    """The number of a function."""
    return fn._id


def input_counts(fn: Any) -> set[int]:
    """How many values a function takes: from the page, and from programs."""
    return {len(fn.inputs), len([block for block in fn.inputs if not block.skip_api])}


def parameters_of(name: str, page: Any) -> dict[str, dict[str, Any]] | None:
    """{name of a parameter: what is known of it} of an endpoint."""
    endpoint = page.get_api_info()["named_endpoints"].get(f"/{name}")
    return endpoint and {p["parameter_name"]: p for p in endpoint["parameters"]}


# What sessions keep


def kept_by_session(page: Any) -> dict[str, list[Any]]:
    """{session: values of its states}, the session that was used last at the end."""
    sessions = list(page.state_holder.session_data.items())
    return {session: list(state.state_data.values()) for session, state in sessions}


def idle_sessions(seconds: float, page: Any) -> list[str]:
    """The sessions that have not done anything for so long."""
    before = datetime.now() - timedelta(seconds=seconds)
    return [s for s, used in list(page.state_holder.time_last_used.items()) if used < before]


def forget_session(session: str, page: Any) -> None:
    """Forget whatever is kept of a session."""
    holder = page.state_holder
    holder.delete_state(session)
    with holder.lock:
        holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)


# Files and drawings


def own_files(page: Any) -> frozenset[str]:
    """Files that belong to the page itself, whoever looks at it."""
    return frozenset(
        str(file) for block in page.blocks.values() for file in getattr(block, "keep_in_cache", ())
    )


def forget_files(files: set[str], page: Any) -> None:
    """Forget files that are gone."""
    for remembered in page.temp_file_sets:
        remembered -= files


def keep_file(component: Any, data: bytes, name: str) -> str:
    """Put a file where `component` may serve it until it expires; returns its path.

    One that is there already is not written again, as Gradio would: somebody may be fetching it.
    """
    path = Path(component.GRADIO_CACHE).resolve() / hash_bytes(data) / name
    try:
        os.utime(path)  # it expires anew
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{token_hex(8)}.part")
        try:
            part.write_bytes(data)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    component.temp_files.add(str(path))
    return str(path)


def drawings_of(editor: str, page: Any) -> dict[str, Any] | None:
    """{name: parts} of the drawings that an editor holds until a run takes them, oldest first.

    editor: its number, as requests say it. None when there is no such editor.
    """
    for block in page.blocks.values():
        if hasattr(block, "blob_storage") and str(block._id) == editor:
            return block.blob_storage
    return None

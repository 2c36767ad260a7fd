"""What this app uses of Gradio's insides, all in one place: an upgrade of Gradio may break it.

Tried with Gradio 6.31. `page` is the `gr.Blocks` of the app.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gradio.blocks import BlocksConfig
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

__all__ = [
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
    "spare_descriptions",
    "unasked_connections",
    "upload_folder",
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


class _Undescribed(BlocksConfig):
    """The components of a page, of which sessions take copies that describe none of them."""

    def __copy__(self) -> BlocksConfig:
        copied = super().__copy__()
        copied.config_for_block = lambda *_: {}
        return copied


def spare_descriptions(page: Any) -> None:
    """Let sessions keep no descriptions of components.

    Gradio makes one of each when a session begins and again at every update, on the thread that
    answers all requests, and reads them for its deep links only, which the guard does not serve.
    """
    page.default_config.__class__ = _Undescribed


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
    """Put a file where `component` may serve it until it expires; returns its path."""
    path = save_bytes_to_cache(data, name, component.GRADIO_CACHE)
    component.temp_files.add(path)
    return path


def drawings_of(editor: str, page: Any) -> dict[str, Any] | None:
    """{name: parts} of the drawings that an editor holds until a run takes them, oldest first.

    editor: its number, as requests say it. None when there is no such editor.
    """
    for block in page.blocks.values():
        if hasattr(block, "blob_storage") and str(block._id) == editor:
            return block.blob_storage
    return None

"""What this app uses of Gradio's insides, all in one place: an upgrade of Gradio may break it.

Tried with Gradio 6.31. `page` is the `gr.Blocks` of the app.
"""

from typing import Any

__all__ = ["events_of", "fn_by_index", "fn_by_name", "parameters_of", "session_of_event"]


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


def fn_by_index(index: int, page: Any) -> Any | None:
    """The function of that number, with `inputs`, `concurrency_id` and `_id`."""
    return None if isinstance(index, bool) else page.fns.get(index)


def fn_by_name(name: str, page: Any) -> Any | None:
    """The function that programs know by that name."""
    return next((fn for fn in page.fns.values() if fn.api_name == name), None)


def parameters_of(name: str, page: Any) -> dict[str, dict[str, Any]] | None:
    """{name of a parameter: what is known of it} of an endpoint."""
    endpoint = page.get_api_info()["named_endpoints"].get(f"/{name}")
    return endpoint and {p["parameter_name"]: p for p in endpoint["parameters"]}

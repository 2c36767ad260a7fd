"""What this app uses of Gradio's insides, in one place: an upgrade of Gradio may break it.

Tried with Gradio 6.31. `page` is the `gr.Blocks` of the app.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from gradio.processing_utils import hash_bytes
from gradio.utils import get_upload_folder

from nst.pictures.files import replacing
from ui.server.visitors import address_of


def upload_folder() -> Path:
    """Where uploads and everything that is shown lie."""
    return Path(get_upload_folder()).resolve()


def page_of(app: Any) -> Any:
    """The page that an app serves."""
    return app.get_blocks()


def keep_file(component: Any, data: bytes, name: str) -> str:
    """Put a file where `component` may serve it until it expires; returns its path.

    At once: the same file of another visitor's may be on its way to a page.
    """
    path = Path(component.GRADIO_CACHE, hash_bytes(data), name).resolve()
    path.parent.mkdir(exist_ok=True, parents=True)
    with replacing(path) as new:
        new.write_bytes(data)
    component.temp_files.add(str(path))
    return str(path)


def own_files(page: Any) -> set[str]:
    """Files that belong to the page itself, such as its presets."""
    return {str(f) for block in page.blocks.values() for f in getattr(block, "keep_in_cache", ())}


def waiting_addresses(page: Any) -> list[str]:
    """The address behind each run that waits in the queue."""
    lines = page._queue.event_queue_per_concurrency_id.values()
    return [address_of(event.request.scope) for line in lines for event in line.queue]


def somebody_waits(page: Any) -> bool:
    """Whether a painting is waiting for its turn."""
    line = page._queue.event_queue_per_concurrency_id.get("painting")
    return bool(line and line.queue)


def sessions(page: Any) -> Iterator[tuple[str, float, list[Any]]]:
    """(session, seconds since it was used, values of its states), the latest first."""
    holder, now = page.state_holder, datetime.now()
    for session, state in reversed(list(holder.session_data.items())):
        used = holder.time_last_used.get(session, now)
        yield session, (now - used).total_seconds(), list(state.state_data.values())


def forget_session(session: str, page: Any) -> None:
    """Forget whatever is kept of a session."""
    page.state_holder.session_data.pop(session, None)
    page.state_holder.time_last_used.pop(session, None)


def limit_drawings(most: int, page: Any) -> None:
    """Drop the oldest masks that no run has taken: Gradio keeps them for ever."""
    for drawings in (getattr(block, "blob_storage", {}) for block in page.blocks.values()):
        while len(drawings) > most:
            drawings.pop(next(iter(drawings)))

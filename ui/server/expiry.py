"""What visitors leave behind, and how it goes: files on the disk, runs that nobody watches.

Gradio deletes the files it remembers; after a crash it remembers none, and it bounds no total.
"""

import asyncio
import ctypes
import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from gradio.state_holder import StateHolder
from gradio.utils import get_upload_folder

from nst.pictures.limits import MEGABYTE
from ui.server.bodies import Refused
from ui.server.limits import RULES, Door

__all__ = ["Cache", "Hearing", "expiry", "has_room"]

log = logging.getLogger(__name__)
LOOK_SECONDS = 5.0  # between two looks for runs that nobody watches
SWEEP_SECONDS = 30.0
YOUNG_SECONDS = 60.0  # a file may still be written, or on its way to the page


def has_room() -> bool:
    """Whether a preview still fits on the disk."""
    return _free() >= MEGABYTE


def _free() -> int:
    """Bytes that may still be written where the pictures are."""
    folder = Path(get_upload_folder())
    return shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free


class Cache:
    """The folder of everything that visitors upload and are shown, bounded in age and size."""

    def __init__(self, door: Door) -> None:
        self._door, self._lock = door, Lock()
        self._bytes = 0
        self._keep: frozenset[str] = frozenset()
        self._gone: set[str] = set()

    @property
    def folder(self) -> Path:
        return Path(get_upload_folder())

    def admit(self, coming: int) -> None:
        """Make room for so many bytes. Raises Refused when there is none; may take a while."""
        most = self._door.cache_mb * MEGABYTE
        if self._bytes + coming > most or self._free() < coming:
            self.sweep(coming)
        if self._bytes + coming > most or self._free() < coming:
            raise Refused(
                507,
                "The disk here is full, so no picture can be kept. "
                "Please try again in a few minutes; what is on your page is not lost.",
            )
        with self._lock:
            self._bytes += coming

    def _free(self) -> int:
        """Bytes that may be written, less the reserve."""
        return _free() - self._door.disk_reserve_mb * MEGABYTE

    def sweep(self, coming: int = 0, keep: frozenset[str] | None = None) -> None:
        """Delete what is too old, then the oldest until `coming` bytes fit.

        keep: files that belong to the page itself; those of the last call when None.
        """
        with self._lock:
            if keep is not None:
                self._keep = keep
            files = sorted(self._files(), key=lambda found: found[0])
            total = sum(size for _, size, _ in files)
            missing = max(total + coming - self._door.cache_mb * MEGABYTE, coming - self._free(), 0)
            now, freed, gone = time.time(), 0, len(self._gone)
            for written, size, path in files:
                age = now - written
                if age > self._door.cache_seconds or (freed < missing and age > YOUNG_SECONDS):
                    path.unlink(missing_ok=True)
                    self._gone.add(str(path))
                    freed += size
            self._bytes = total - freed
            self._drop_empty(now)
            gone = len(self._gone) - gone
        if gone:
            log.info("%d files expired, %.1f MB", gone, freed / MEGABYTE)

    def gone(self) -> set[str]:
        """The files deleted since the last call."""
        with self._lock:
            gone, self._gone = self._gone, set()
        return gone

    def _files(self) -> list[tuple[float, int, Path]]:
        """(when it came, bytes, path) of what may go."""
        found = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder, name)
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue
                if str(path) not in self._keep:
                    # A copy keeps its source's time of writing, but not of its own coming.
                    found.append((status.st_ctime, status.st_size, path))
        return found

    def _drop_empty(self, now: float) -> None:
        for folder, _, _ in os.walk(self.folder, topdown=False):
            path = Path(folder)
            try:
                if path != self.folder and now - path.stat().st_mtime > YOUNG_SECONDS:
                    path.rmdir()
            except OSError:
                continue  # not empty, or gone already


class Hearing:
    """Which sessions have somebody listening. One event loop's: not thread-safe, nor need it be."""

    def __init__(self) -> None:
        self._listeners: Counter[str] = Counter()
        self._silent_since: dict[str, float] = {}

    def begin(self, session: str) -> None:
        """Somebody listens to the session's messages."""
        self._listeners[session] += 1
        self._silent_since.pop(session, None)

    def end(self, session: str) -> None:
        """Somebody stopped listening."""
        self._listeners[session] -= 1
        if self._listeners[session] <= 0:
            del self._listeners[session]

    def heard(self, session: str) -> bool:
        """Whether somebody listens now."""
        return session in self._listeners

    def silent(self, sessions: set[str], seconds: float) -> list[str]:
        """Those of the sessions that nobody has listened to for so long."""
        now = time.monotonic()
        quiet = {session for session in sessions if not self.heard(session)}
        self._silent_since = {s: self._silent_since.get(s, now) for s in quiet}
        return [s for s, since in self._silent_since.items() if now - since >= seconds]


def expiry(
    cache: Cache, hearing: Hearing, door: Door, visit: float = RULES.visit
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """A lifespan for the app: sweeps the cache and ends what nobody listens to.

    visit: seconds after which an idle session is forgotten.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_sweep(app, cache, min(SWEEP_SECONDS, door.cache_seconds / 6))),
            asyncio.create_task(_forget(app, hearing, door.unheard_seconds, visit)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    return lifespan


async def _sweep(app: Any, cache: Cache, seconds: float) -> None:
    while True:
        page = app.get_blocks()
        keep = {str(f) for b in page.blocks.values() for f in getattr(b, "keep_in_cache", ())}
        try:
            await asyncio.to_thread(cache.sweep, 0, frozenset(keep))
        except OSError as error:
            log.warning("the cache could not be swept: %s", error.strerror)
        await asyncio.to_thread(_trim)
        gone = cache.gone()
        for remembered in page.temp_file_sets:
            remembered -= gone
        await asyncio.sleep(seconds)


def _trim() -> None:
    """Give freed memory back to the system: glibc keeps what each of its threads once needed."""
    with suppress(AttributeError, OSError, TypeError):  # another C library, or Windows
        ctypes.CDLL(None).malloc_trim(0)


async def _forget(app: Any, hearing: Hearing, unheard: float, visit: float) -> None:
    while True:
        await asyncio.sleep(min(LOOK_SECONDS, unheard, visit))
        queue = app.get_blocks()._queue
        known = {*queue.pending_messages_per_session, *queue.pending_event_ids_session}
        for session in hearing.silent(known, unheard):
            await queue.clean_events(session_hash=session)
            queue.pending_messages_per_session.pop(session, None)
            queue.pending_event_ids_session.pop(session, None)
        _end_visits(app.state_holder, hearing, visit)


def _end_visits(holder: StateHolder, hearing: Hearing, seconds: float) -> None:
    """Forget sessions that have not done anything for so long; Gradio keeps the last 500 whole."""
    before = datetime.now() - timedelta(seconds=seconds)
    for session, used in list(holder.time_last_used.items()):
        if used < before and not hearing.heard(session):
            holder.delete_state(session)
            with holder.lock:
                holder.session_data.pop(session, None)
                holder.time_last_used.pop(session, None)

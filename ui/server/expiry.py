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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from nst.pictures.limits import MEGABYTE
from ui.server.bodies import Refused
from ui.server.gradio_internals import (
    app_page,
    drop_events,
    forget_files,
    forget_session,
    idle_sessions,
    own_files,
    pending_sessions,
    unasked_connections,
    upload_folder,
)
from ui.server.limits import RequestLimits
from ui.server.visits import Visits

__all__ = ["Cache", "Listeners", "expiry", "hang_up", "has_room"]

log = logging.getLogger(__name__)
LOOK_SECONDS = 5.0  # between two looks for runs that nobody watches
SWEEP_SECONDS = 30.0
YOUNG_SECONDS = 60.0  # a file may still be written, or on its way to the page
HEADER_SECONDS = 20.0  # for a request's first lines to come; uvicorn itself waits for ever
SHARE = 1 / 4  # of the room that one address may take from others


def has_room() -> bool:
    """Whether a preview still fits on the disk."""
    return _free() >= MEGABYTE


def _free() -> int:
    """Bytes that may still be written where the pictures are."""
    folder = upload_folder()
    return shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free


class Cache:
    """The folder of everything that visitors upload and are shown, bounded in age and size."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits, self._lock = limits, Lock()
        self._bytes = 0
        self._reserved: Counter[str] = Counter()  # by address, of uploads under way
        self._keep: frozenset[str] = frozenset()
        self._in_use: dict[str, str] = {}
        self._gone: set[str] = set()

    @property
    def folder(self) -> Path:
        return upload_folder()

    def reserve(self, coming: int, address: str) -> None:
        """Make room for so many bytes until `release`. Raises Refused when there is none.

        May take a while. A reservation counts until it is released, whether its bytes have come
        or not.
        """
        with self._lock:
            if coming and self._reserved[address] + coming > SHARE * self._most:
                raise Refused(
                    429,
                    f"Uploads of {self._reserved[address] / MEGABYTE:.0f} MB from your address are "
                    "under way already. Please try again when they have ended.",
                )
            self._reserved[address] += coming
        if self._lacks_room():
            self.sweep()
        if self._lacks_room():
            self.release(coming, address)
            raise Refused(
                507,
                "The disk here is full, so no picture can be kept. "
                "Please try again in a few minutes; what is on your page is not lost.",
            )

    def release(self, coming: int, address: str) -> None:
        """What was reserved has come, or will not."""
        with self._lock:
            self._reserved[address] -= coming
            self._reserved = +self._reserved
            self._bytes += coming

    @property
    def _most(self) -> int:
        return self._limits.cache_mb * MEGABYTE

    def _lacks_room(self) -> bool:
        return self._bytes + self._reserved.total() > self._most or self._missing_on_disk() > 0

    def _missing_on_disk(self) -> int:
        """Bytes that what is reserved and the reserve need more than there are."""
        return self._reserved.total() + self._limits.disk_reserve_mb * MEGABYTE - _free()

    def sweep(
        self, keep: frozenset[str] | None = None, in_use: dict[str, str] | None = None
    ) -> None:
        """Delete what is too old, then the oldest until what is reserved fits.

        keep: files that belong to the page itself. in_use: {file: address} of what open pages have
        chosen; it stays, unless that address has more than its share. Those of the last call when
        None.
        """
        with self._lock:
            self._keep = self._keep if keep is None else keep
            self._in_use = self._in_use if in_use is None else in_use
            files = sorted(self._files(), key=lambda found: found[0])
            total = sum(size for _, size, _ in files)
            missing = max(
                total + self._reserved.total() - self._most,
                self._missing_on_disk(),
            )
            spared, now, freed, gone = self._spared(files), time.time(), 0, len(self._gone)
            for written, size, path in files:
                age = now - written
                if str(path) not in spared and (
                    age > self._limits.cache_seconds or (freed < missing and age > YOUNG_SECONDS)
                ):
                    path.unlink(missing_ok=True)
                    self._gone.add(str(path))
                    freed += size
            self._bytes = total - freed
            self._drop_empty(now)
            gone = len(self._gone) - gone
        if gone:
            log.info("%d files expired, %.1f MB", gone, freed / MEGABYTE)

    def _spared(self, files: list[tuple[float, int, Path]]) -> set[str]:
        """The files in use, but for those of an address with more than its share."""
        held: Counter[str] = Counter()
        for _, size, path in files:
            if str(path) in self._in_use:
                held[self._in_use[str(path)]] += size
        return {f for f, address in self._in_use.items() if held[address] <= SHARE * self._most}

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


class Listeners:
    """Which sessions have somebody listening. One event loop's: not thread-safe, nor need it be."""

    def __init__(self) -> None:
        self._listening: dict[str, list[str]] = {}  # addresses by session
        self._silent_since: dict[str, float] = {}

    def begin(self, session: str, address: str) -> None:
        """Somebody listens to the session's messages. Raises Refused while somebody else does.

        A message is told once, so whoever has learnt a session's name would take its messages.
        """
        there = self._listening.setdefault(session, [])
        if any(other != address for other in there):
            raise Refused(403, "Somebody else listens to this session.")
        there.append(address)
        self._silent_since.pop(session, None)

    def end(self, session: str, address: str) -> None:
        """Somebody stopped listening."""
        self._listening[session].remove(address)
        if not self._listening[session]:
            del self._listening[session]

    def heard(self, session: str) -> bool:
        """Whether somebody listens now."""
        return session in self._listening

    def silent(self, sessions: set[str], seconds: float) -> list[str]:
        """Those of the sessions that nobody has listened to for so long."""
        now = time.monotonic()
        quiet = {session for session in sessions if not self.heard(session)}
        self._silent_since = {s: self._silent_since.get(s, now) for s in quiet}
        return [s for s, since in self._silent_since.items() if now - since >= seconds]


def expiry(
    cache: Cache,
    listeners: Listeners,
    visits: Visits,
    limits: RequestLimits,
    visit: float,
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """A lifespan for the app: sweeps the cache and ends what nobody listens to.

    visit: seconds after which an idle session is forgotten.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        unasked: dict[tuple[Any, Any], float] = {}

        async def sweep() -> None:
            page = app_page(app)
            await asyncio.to_thread(cache.sweep, own_files(page), visits.in_use())
            await asyncio.to_thread(_trim)
            forget_files(cache.gone(), page)

        async def forget() -> None:
            await _forget(app_page(app), listeners, visits, limits.unheard_seconds, visit)
            hang_up(unasked_connections(app_page(app)), unasked)

        tasks = [
            asyncio.create_task(_again(sweep, min(SWEEP_SECONDS, limits.cache_seconds / 6))),
            asyncio.create_task(_again(forget, min(LOOK_SECONDS, limits.unheard_seconds, visit))),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    return lifespan


def hang_up(now_unasked: set[tuple[Any, Any]], since: dict[tuple[Any, Any], float]) -> None:
    """Close the connections that have been asking for nothing for too long.

    now_unasked: (transport, last request). since: when each was found so first; is kept up.
    """
    now = time.monotonic()
    for gone in since.keys() - now_unasked:
        del since[gone]
    for connection in now_unasked:
        if now - since.setdefault(connection, now) >= HEADER_SECONDS:
            connection[0].close()


async def _again(act: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do it every so many seconds; what goes wrong once is told, and tried again."""
    while True:
        try:
            await act()
        except OSError as error:
            log.warning("the cache could not be swept: %s", error.strerror)
        except Exception:
            log.exception("expiry failed; it goes on")
        await asyncio.sleep(seconds)


def _trim() -> None:
    """Give freed memory back to the system: glibc keeps what each of its threads once needed."""
    with suppress(AttributeError, OSError, TypeError):  # another C library, or Windows
        ctypes.CDLL(None).malloc_trim(0)


async def _forget(
    page: Any, listeners: Listeners, visits: Visits, unheard: float, visit: float
) -> None:
    for session in listeners.silent(pending_sessions(page), unheard):
        await drop_events(session, page)
    for session in idle_sessions(visit, page):
        if not listeners.heard(session):
            forget_session(session, page)
    visits.limit_memory(page)
    visits.tidy(page)

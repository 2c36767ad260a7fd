"""What visitors leave behind, and how it goes: files on the disk, results in memory."""

import asyncio
import ctypes
import gc
import logging
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from PIL import Image

from nst.pictures.limits import MEGABYTE
from ui.server.gradio_internals import forget_session, own_files, page_of, sessions, upload_folder
from ui.server.limits import RUN_LIMITS

log = logging.getLogger(__name__)
CACHE_SECONDS = 3600  # files behind pictures and downloads are kept
YOUNG_SECONDS = 60  # a file may still be written, or on its way to the page
EVERY_SECONDS = 10
RESERVE = 64 * MEGABYTE  # left free on the disk


def has_room(needed: int = MEGABYTE) -> bool:
    """Whether so many bytes still fit on the disk."""
    folder = upload_folder()
    return shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free > needed


def make_room(page: Any, coming: int = 0) -> bool:
    """Delete files that are too old, then the oldest until `coming` more bytes are within bounds.

    Whether they are then. May take a while. The page's own files stay.
    """
    own, files = own_files(page), []
    for path in upload_folder().rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and str(path) not in own:
                files.append((path.lstat().st_ctime, path.lstat().st_size, path))
    total, most = coming + sum(size for _, size, _ in files), RUN_LIMITS.cache_mb * MEGABYTE
    for came, size, path in sorted(files):
        age = time.time() - came
        if age > CACHE_SECONDS or (age > YOUNG_SECONDS and total > most):
            path.unlink(missing_ok=True)
            total -= size
            with suppress(OSError):  # something else is in it
                path.parent.rmdir()
    return total <= most and has_room(coming + RESERVE)


def bytes_held(root: Any, seen: set[int]) -> int:
    """Bytes of the pictures, arrays and files in there, but for those in `seen` already."""
    ahead, total = [root], 0
    while ahead:
        value = ahead.pop()
        if id(value) in seen or isinstance(value, type | ModuleType | FunctionType):
            continue
        seen.add(id(value))
        if isinstance(value, Image.Image):
            total += value.width * value.height * len(value.getbands())
        elif isinstance(value, np.ndarray | bytes):
            total += value.nbytes if isinstance(value, np.ndarray) else len(value)
        else:
            ahead.extend(gc.get_referents(value))
    return total


def forget_visits(page: Any, megabytes: float = RUN_LIMITS.kept_pictures) -> None:
    """Forget results that are idle for too long, and the oldest of too many."""
    total, seen = 0, set[int]()
    for session, idle, values in sessions(page):
        total += bytes_held(values, seen)
        if idle > RUN_LIMITS.visit or total > megabytes * MEGABYTE:
            forget_session(session, page)


@asynccontextmanager
async def expiry(app: Any) -> AsyncIterator[None]:
    """A lifespan for the app that tidies up all the while."""

    async def tidy() -> None:
        while True:
            try:
                forget_visits(page_of(app))
                await asyncio.to_thread(make_room, page_of(app))
                with suppress(AttributeError, OSError):  # only glibc keeps what was freed
                    ctypes.CDLL("libc.so.6").malloc_trim(0)
            except Exception:
                log.exception("tidying up failed; it goes on")
            await asyncio.sleep(EVERY_SECONDS)

    task = asyncio.create_task(tidy())
    yield
    task.cancel()

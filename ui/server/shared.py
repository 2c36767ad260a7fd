"""Links to a painting: only if its visitor asks for one, for a day, and to be taken back."""

import time
from dataclasses import dataclass
from html import escape
from secrets import token_urlsafe
from string import Template
from threading import Lock
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from nst.errors import BadInput
from nst.pictures.limits import MEGABYTE
from ui.server.cards import TITLE, base_of, tags
from ui.server.limits import RUN_LIMITS

MOST_PICTURES, MOST_BYTES, LARGEST = 400, 128 * MEGABYTE, 4 * MEGABYTE
SAID = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'",
    "x-robots-tag": "noindex",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",  # it can be taken back
}
PAGE = Template("""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">$head<style>
body { margin: 0; padding: 1rem; text-align: center; font: 1rem/1.5 system-ui, sans-serif;
  color-scheme: light dark; color: CanvasText; background: Canvas; }
img { display: block; max-width: 100%; max-height: 80vh; margin: 1rem auto; }
a { display: inline-block; padding: .7rem 1.4rem; border-radius: .5rem; font-weight: 600;
  color: #fff; background: #3546b8; text-decoration: none; }
</style></head><body><main><h1>$title</h1>$shown
<p><a href="$base/">Paint yours</a></p></main></body></html>""")


@dataclass(frozen=True)
class Picture:
    """A shared painting. until: when it expires, as `time.time()` counts."""

    jpeg: bytes
    title: str
    until: float


class SharedPictures:
    """The paintings that are shared now, in memory, bounded in number and bytes. Thread-safe."""

    def __init__(self, hours: float = RUN_LIMITS.shared_hours) -> None:
        self.hours, self._lock = hours, Lock()
        self._kept: dict[str, Picture] = {}

    def add(self, jpeg: bytes, title: str) -> str:
        """Share a painting; returns its id. Raises BadInput where none, or no more, can be."""
        if not self.hours:
            raise BadInput("Pictures cannot be shared from here.")
        if len(jpeg) > LARGEST:
            raise BadInput(f"A shared picture can have {LARGEST // MEGABYTE} MB at most.")
        name, now = token_urlsafe(16), time.time()
        with self._lock:
            self._kept = {key: one for key, one in self._kept.items() if one.until > now}
            held = sum(len(picture.jpeg) for picture in self._kept.values())
            if len(self._kept) >= MOST_PICTURES or held + len(jpeg) > MOST_BYTES:
                raise BadInput("Too many pictures are shared here now. Please try again later.")
            self._kept[name] = Picture(jpeg, title, now + 3600 * self.hours)
        return name

    def remove(self, name: str) -> bool:
        """Take a picture back; whether it was there."""
        with self._lock:
            return self._kept.pop(name, None) is not None

    def get(self, name: str) -> Picture | None:
        """The picture, while it is shared."""
        found = self._kept.get(name)
        return found if found and found.until > time.time() else None

    def link(self, name: str, request: Any) -> str:
        """The address of its page. request: the `gr.Request` of whoever shares it."""
        return f"{base_of(request.request.scope)}/shared/{name}"


shared = SharedPictures()


def shared_page(request: Request) -> Response:
    """The answer to a link: the picture itself where it ends in ".jpg", or the page around it."""
    name, base = request.path_params["name"], base_of(request.scope)
    picture = shared.get(name.removesuffix(".jpg"))
    if picture is None:
        title = "This picture is no longer shared"
        page = PAGE.substitute(title=title, head=f"<title>{title}</title>", shown="", base=base)
        return HTMLResponse(page, 404, SAID)
    if name.endswith(".jpg"):
        return Response(picture.jpeg, headers=SAID, media_type="image/jpeg")
    address, hours = f"{base}/shared/{name}", max(1, round((picture.until - time.time()) / 3600))
    left = f"<p>Shared for {hours} more hours.</p>"
    page = PAGE.substitute(
        title=escape(picture.title),
        head=tags(picture.title, TITLE, f"{address}.jpg", address),
        shown=f'<img src="{escape(address)}.jpg" alt="A painting">{left}',
        base=escape(base),
    )
    return HTMLResponse(page, headers=SAID)

"""Links to a painting: only if its visitor asks for one, for a day, and to be taken back."""

import hmac
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from secrets import token_bytes, token_urlsafe
from threading import Lock
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from nst.errors import BadInput
from nst.pictures.limits import MEGABYTE
from ui.server.cards import TITLE, base_of, tags
from ui.server.limits import RUN_LIMITS

MOST_PICTURES, MOST_BYTES, LARGEST = 400, 128 * MEGABYTE, 4 * MEGABYTE
PATH = re.compile(r"/shared/([\w-]{22})(\.jpg)?")
SAID = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",  # it can be taken back
}
STYLE = """
body { margin: 0; padding: 1rem; text-align: center; font: 1rem/1.5 system-ui, sans-serif;
  color-scheme: light dark; color: CanvasText; background: Canvas; }
img { display: block; max-width: 100%; max-height: 80vh; margin: 1rem auto; }
a { display: inline-block; padding: .7rem 1.4rem; border-radius: .5rem; font-weight: 600;
  color: #fff; background: #3546b8; text-decoration: none; }
"""


@dataclass(frozen=True)
class Picture:
    """A shared painting. until: when it expires, as `time.time()` counts."""

    jpeg: bytes
    title: str
    until: float


class SharedPictures:
    """The paintings that are shared now, in memory, bounded in number and bytes. Thread-safe."""

    def __init__(self, hours: float = RUN_LIMITS.shared_hours) -> None:
        self.hours, self._secret, self._lock = hours, token_bytes(32), Lock()
        self._kept: OrderedDict[str, Picture] = OrderedDict()

    def add(self, jpeg: bytes, title: str) -> str:
        """Share a painting; returns its id. Raises BadInput where none, or no more, can be."""
        if not self.hours:
            raise BadInput("Pictures cannot be shared from here.")
        if len(jpeg) > LARGEST:
            raise BadInput(f"A shared picture can have {LARGEST // MEGABYTE} MB at most.")
        name, until = token_urlsafe(16), time.time() + 3600 * self.hours
        with self._lock:
            self._expire()
            held = sum(len(picture.jpeg) for picture in self._kept.values())
            if len(self._kept) >= MOST_PICTURES or held + len(jpeg) > MOST_BYTES:
                raise BadInput("Too many pictures are shared here now. Please try again later.")
            self._kept[name] = Picture(jpeg, title, until)
        return name

    def key_of(self, name: str) -> str:
        """What takes a picture back: only for the visitor who shared it."""
        return hmac.new(self._secret, name.encode(), sha256).hexdigest()

    def remove(self, name: str, key: str) -> bool:
        """Take a picture back; whether it was there and the key is its own."""
        with self._lock:
            right = hmac.compare_digest(self.key_of(name).encode(), key.encode())
            return right and self._kept.pop(name, None) is not None

    def get(self, name: str) -> Picture | None:
        """The picture, while it is shared."""
        with self._lock:
            self._expire()
            return self._kept.get(name)

    def link(self, name: str, request: Any) -> str:
        """The address of its page. request: the `gr.Request` of whoever shares it."""
        return f"{base_of(request.request.scope)}/shared/{name}"

    def _expire(self) -> None:
        while self._kept and next(iter(self._kept.values())).until < time.time():
            self._kept.popitem(last=False)


shared = SharedPictures()


class SharedPages:
    """The middleware: a page and a picture for each link."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if found := PATH.fullmatch(path):
            await _answer(found[1], bool(found[2]), base_of(scope))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _answer(name: str, alone: bool, base: str) -> Response:
    """The picture itself, or the page around it."""
    if (picture := shared.get(name)) is None:
        told = "This picture is no longer shared"
        return HTMLResponse(_page(f"<title>{told}</title>", told, "", base), 404, SAID)
    image = f"{base}/shared/{name}.jpg"
    if alone:
        return Response(picture.jpeg, headers=SAID, media_type="image/jpeg")
    hours = max(1, round((picture.until - time.time()) / 3600))
    shown = f'<img src="{escape(image)}" alt="A painting"><p>Shared for {hours} more hours.</p>'
    head = tags(picture.title, TITLE, image, f"{base}/shared/{name}")
    return HTMLResponse(_page(head, picture.title, shown, base), headers=SAID)


def _page(head: str, title: str, shown: str, base: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{head}<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{shown}"
        f'<p><a href="{escape(base)}/">Paint yours</a></p></main></body></html>'
    )

"""The guard: one middleware for what Gradio would let in.

Gradio checks that files were uploaded here, and bounds them and its queue. The guard closes the
routes that this page does not use, refuses addresses, bounds every body and what one address may
have under way, and turns whatever Gradio stumbles over into a sentence.
"""

import asyncio
import json
import logging
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nst.pictures.limits import LIMITS, MEGABYTE
from ui.server.cards import Cards, card
from ui.server.expiry import expiry, make_room
from ui.server.gradio_internals import limit_drawings, page_of, upload_folder, waiting_addresses
from ui.server.limits import RUN_LIMITS
from ui.server.shared import shared_page
from ui.server.visitors import address_of

log = logging.getLogger(__name__)
AGENTS = os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true"
READ = re.compile(
    r"/(config/?|card\.jpg|shared/[\w-]+(\.jpg)?|theme\.css|favicon\.ico|robots\.txt|manifest\.json"
    r"|(static|assets|svelte)/.+)?|"
    r"/gradio_api/(info/?|theme\.css|startup-events|upload_progress|login_check|app_id/?|user|token"
    r"|queue/(data|status)|heartbeat/[^/]+|call/.+|file=.+)" + "|/gradio_api/mcp.*" * AGENTS
)
SENT = re.compile(
    r"/gradio_api/(upload|component_server|queue/join|(call|run|api)/.+|cancel|reset"
    r"|stream/[^/]+(/close)?" + "|mcp.*" * AGENTS + ")/?"
)
JSON_BYTES, UPLOAD_BYTES = MEGABYTE // 2, LIMITS.max_bytes + MEGABYTE
AT_ONCE = 24  # requests with a body from one address, which a class may share
HANDLED = 4  # of those, by functions that do not queue
DRAWINGS = 64  # masks that no run has taken yet
# Gradio's page starts from inline scripts and compiles event handlers from text.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; connect-src 'self' https://*.hf.space https://huggingface.co"
)
SAID = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def launch_options() -> dict[str, Any]:
    """What `launch()` is told about serving."""
    app = {
        "middleware": [Middleware(Guard), Middleware(Cards)],
        "routes": [Route("/card.jpg", card), Route("/shared/{name}", shared_page)],
        "lifespan": expiry,
        **dict.fromkeys(("docs_url", "redoc_url", "openapi_url")),
    }
    return {
        "max_file_size": LIMITS.max_bytes,
        "state_session_capacity": RUN_LIMITS.visits,
        "show_error": True,  # our handlers raise sentences, and the rest are Gradio's own
        "enable_monitoring": False,
        "run_history": False,
        "app_kwargs": app,
    }


class Guard:
    """The middleware. One an app, on the app's event loop."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._open = app, Counter[str]()
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path, begun = scope["path"].removeprefix(scope.get("root_path", "")), False

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun, headers = True, MutableHeaders(scope=message)
                for name, value in SAID.items():
                    headers.setdefault(name, value)
            await send(message)

        address, posts = address_of(scope), scope["method"] == "POST"
        self._open[address] += posts
        try:
            if self._open[address] > AT_ONCE:
                raise HTTPException(429, f"Your address has {AT_ONCE} requests under way already.")
            await self._serve(path, address, scope, receive, answer)
        except Exception as error:  # whatever a request makes Gradio raise
            what = f"{scope['method']} {path.partition('=')[0][:40]}"
            log.info("refused %s: %s", what, type(error).__name__)
            if not begun:
                await _refusal(error, path)(scope, receive, answer)
        finally:
            self._open[address] -= posts
            self._open = +self._open

    async def _serve(
        self, path: str, address: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Pass a request on to Gradio. Raises whatever speaks against it."""
        if is_address(path.partition("file=")[2]):
            raise HTTPException(403, "Only files of this page can be fetched here.")
        if scope["method"] in ("GET", "HEAD") and READ.fullmatch(path):
            return await self._app(scope, receive, send)
        sent = SENT.fullmatch(path) if scope["method"] == "POST" else None
        if sent is None:
            raise HTTPException(404, "There is nothing here.")
        what, page = sent[1], page_of(scope["app"])
        whole = what.startswith(("upload", "component_server", "mcp"))
        length = _length(scope, UPLOAD_BYTES if whole else JSON_BYTES)
        if what == "upload" and not await asyncio.to_thread(make_room, page, length):
            raise HTTPException(507, "The disk here is full. Please try again in a while.")
        if what == "upload" or what.startswith("mcp"):
            return await self._app(scope, receive, send)
        body = await Request(scope, receive).body()
        again = _replayed(body, receive)
        if what == "component_server":
            limit_drawings(DRAWINGS, page)
            # The one layer of a mask that is used: Gradio makes as many as a request says.
            told = re.findall(rb'name="(type|index)"\r\n\r\n(\w*)', body)
            layer = sorted(told) == [(b"index", b"0"), (b"type", b"layer")]
            return await (self._app if layer else JSONResponse(None))(scope, again, send)
        _check(asked := json.loads(body))
        if asked.get("session_hash") == "":  # Gradio would let it listen, but tell it nothing
            raise HTTPException(422, "The request names no session.")
        if what.startswith(("run/", "api/")):
            async with self._turns.setdefault(address, asyncio.Semaphore(HANDLED)):
                return await self._app(scope, again, send)
        if what.startswith(("queue", "call/")):
            _admit(Counter(waiting_addresses(page)), address)
        return await self._app(scope, again, send)


def _length(scope: Scope, most: int) -> int:
    """The bytes of a body, which has to say how many come, and may not be too many."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    if not length.isdecimal() or "transfer-encoding" in headers:
        raise HTTPException(411, "The request does not say how long it is.")
    if int(length) > most:
        told = f"The request is larger than {most / MEGABYTE:g} MB, the maximum allowed size."
        raise HTTPException(413, told)
    return int(length)


def _admit(waiting: Counter[str], address: str) -> None:
    """Refuse a run when too many wait already, or too many of one address."""
    here, mine, most = waiting.total(), waiting[address], RUN_LIMITS.queue
    if here >= most or mine >= max(1, most // 4):
        runs = f"{here} runs" if here >= most else f"{mine} runs from your address"
        raise HTTPException(429, f"{runs} are waiting already. Please try again in a minute.")


def _check(asked: Any) -> None:
    """Refuse whatever is not an upload in place of a file, wherever it is in a request."""
    folder, ahead = upload_folder(), [asked]
    while ahead:
        value = ahead.pop()
        if isinstance(value, dict):
            path, url = value.get("path"), str(value.get("url"))
            inside = not isinstance(path, str) or Path(os.path.abspath(path)).is_relative_to(folder)
            # A frame of the camera has no path, and only the camera's own box opens it.
            frame = path is None and url.startswith("data:image/jpeg;base64,")
            if not inside or is_address(str(path)) or (url.startswith("data:") and not frame):
                told = "Only uploads can be used here: handle_file('photo.jpg') sends one."
                raise HTTPException(422, told)
            ahead.extend(value.values())
        elif isinstance(value, list):
            ahead.extend(value)


def is_address(path: str) -> bool:
    """Whether a path names a scheme or another machine: "http:...", "//host", but not "C:..."."""
    return re.match(r"\s*([a-z][a-z0-9+.-]+:|[/\\]{2})", path, re.IGNORECASE) is not None


def _refusal(error: Exception, path: str) -> Response:
    """The answer to a request that goes no further: a sentence, whatever was raised."""
    status, told = 400, "This page does not send such a request. Please reload it."
    if isinstance(error, HTTPException):
        status, told = error.status_code, error.detail
    if path.endswith("/upload"):
        return PlainTextResponse(told, status)
    # In this form, `gradio_client` shows the sentence.
    listed = [{"__type__": "validate", "is_valid": False, "message": told}]
    return JSONResponse({"detail": listed if status == 422 else told, "error": told}, status)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Receive a body that was read before, then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed

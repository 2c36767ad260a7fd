"""The guard: what a request may be before Gradio sees it, and what every answer says to browsers.

`launch(**launch_options())` puts it in place. Routes that this page does not use are closed; a body
is bounded as it streams; JSON is checked and written anew; files come as uploads only, without
their names; the number of waiting runs is bounded; every refusal is one sentence. The numbers are
in `ui.server.limits.REQUEST_LIMITS`.
"""

import asyncio
import errno
import json
import logging
import os
import re
from contextlib import AsyncExitStack
from typing import Any

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nst.pictures.limits import LIMITS, MEGABYTE
from ui.server.admission import SESSION, Admission, session_of
from ui.server.bodies import Refused, Upload, boundary_of, files_in, is_address, read_json
from ui.server.drawings import read_drawing
from ui.server.expiry import Cache, Listeners, expiry
from ui.server.fair_queue import FairQueue, painting_queue
from ui.server.gradio_internals import app_page, has_page
from ui.server.limits import REQUEST_LIMITS, RUN_LIMITS, RequestLimits, RunLimits
from ui.server.visitors import Visitor, address_of
from ui.server.visits import Visits

__all__ = ["launch_options"]

log = logging.getLogger(__name__)
API = "/gradio_api"
LONGEST_PATH, LONGEST_NAME, LONGEST_QUERY = 2048, 255, 8192
THREADS = 40  # for whatever does not wait, as many as Gradio itself has
LINGER = 8 * MEGABYTE  # of a refused body are read, so that the refusal can be read
RANGE = re.compile(rb"bytes=[0-9]{1,18}-[0-9]{0,18}")

# (methods, path, what is checked). Anything else is not part of this page.
ROUTES = [
    ({"GET", "HEAD"}, r"/|/config/?", "page"),
    ({"GET", "HEAD"}, r"/(theme\.css|favicon\.ico|robots\.txt|manifest\.json)", "open"),
    ({"GET", "HEAD"}, r"/(static|assets|svelte)/.+", "open"),
    ({"GET"}, rf"{API}/(info/?|theme\.css|startup-events|upload_progress|queue/status)", "open"),
    ({"GET"}, rf"{API}/(login_check|app_id|user|token)/?", "open"),
    ({"GET"}, rf"{API}/heartbeat/(?P<session>[^/]+)", "heartbeat"),
    ({"GET", "HEAD"}, rf"{API}/file=(?P<path>.*)", "file"),
    ({"GET"}, rf"{API}/queue/data", "messages"),
    ({"GET"}, rf"{API}/call/(v2/)?(?P<name>[^/]+)/(?P<event>[^/]+)", "messages"),
    ({"POST"}, rf"{API}/upload", "upload"),
    ({"POST"}, rf"{API}/component_server/?", "drawing"),
    ({"POST"}, rf"{API}/queue/join", "join"),
    ({"POST"}, rf"{API}/call/(?P<name>[^/]+)/?", "call"),
    ({"POST"}, rf"{API}/call/v2/(?P<name>[^/]+)/?", "named"),
    ({"POST"}, rf"{API}/(run|api)/(?P<name>[^/]+)/?", "run"),
    ({"POST"}, rf"{API}/(cancel|reset/?)", "cancel"),
]
if os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true":
    # Tools call this page as visitors do, through this guard; their pictures are data: URLs.
    ROUTES.append(({"GET", "POST", "DELETE"}, rf"{API}/mcp(/(schema|http/?)?)?", "agent"))
COMPILED = [(methods, re.compile(path, re.DOTALL), kind) for methods, path, kind in ROUTES]

# Gradio's page starts from inline scripts and compiles event handlers from text.
POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
ON_SPACES = {"connect-src": "'self' https://*.hf.space https://huggingface.co"}


def launch_options(
    limits: RequestLimits = REQUEST_LIMITS,
    run_limits: RunLimits = RUN_LIMITS,
    queue: FairQueue = painting_queue,
) -> dict[str, Any]:
    """What `launch()` has to be told to put the guard in place. queue: where painting waits."""
    cache, listeners, visits = Cache(limits), Listeners(), Visits(run_limits)
    guard = Middleware(
        Guard,
        limits=limits,
        cache=cache,
        listeners=listeners,
        visits=visits,
        admission=Admission(limits, run_limits, queue),
    )
    return {
        "max_file_size": LIMITS.max_bytes,
        "enable_monitoring": False,
        "run_history": False,
        # A run that waits takes a thread for most of the time.
        "max_threads": THREADS + run_limits.queue + run_limits.concurrency,
        "app_kwargs": {
            "middleware": [guard],
            "lifespan": expiry(cache, listeners, visits, limits, run_limits.visit),
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
    }


class Guard:
    """The middleware. One an app, on the app's event loop."""

    def __init__(
        self,
        app: ASGIApp,
        limits: RequestLimits,
        cache: Cache,
        listeners: Listeners,
        visits: Visits,
        admission: Admission,
    ) -> None:
        self._app, self._limits, self._cache = app, limits, cache
        self._pages = GZipMiddleware(app, compresslevel=5)
        self._listeners, self._visits, self._admission = listeners, visits, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer, kind = _Answer(send), "?"
        async with AsyncExitStack() as stack:
            try:
                kind, found = _route(scope)
                scope, passed = await self._admit(kind, found, scope, receive, stack)
                answer.errors_are_input = kind == "run"
                if passed is None:
                    await JSONResponse(None)(scope, receive, answer)
                else:
                    await (self._pages if kind == "page" else self._app)(scope, passed, answer)
                if kind == "upload":
                    await _linger(receive)
            except Refused as refused:
                await self._refuse(refused, kind, scope, receive, answer)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                full = Refused(507, "The disk here is full; please try again in a few minutes.")
                await self._refuse(full, kind, scope, receive, answer)

    async def _refuse(
        self, refused: Refused, kind: str, scope: Scope, receive: Receive, answer: "_Answer"
    ) -> None:
        log.info("refused %s %s: %d %s", scope["method"], kind, refused.status, refused.sentence)
        if answer.begun:
            return
        response: Response = JSONResponse(
            {"detail": refused.sentence, "error": refused.sentence}, refused.status
        )
        if kind == "upload":
            response = PlainTextResponse(refused.sentence, refused.status)
        response.headers["connection"] = "close"
        await response(scope, receive, answer)
        await _linger(receive)

    async def _admit(
        self,
        kind: str,
        found: dict[str, str],
        scope: Scope,
        receive: Receive,
        stack: AsyncExitStack,
    ) -> tuple[Scope, Receive | None]:
        """What Gradio gets of a request, if anything. Raises Refused."""
        scope = _without_odd_headers(scope)
        page = app_page(scope["app"])
        limit = self._limits.request_kb * 1024
        if kind in ("upload", "drawing", "agent"):
            limit = self._limits.upload_files * LIMITS.max_bytes + MEGABYTE
        bounded = self._bounded(receive, limit, scope)
        address = address_of(scope)
        if kind == "upload":
            return await self._upload(scope, bounded, address, stack)
        if kind == "drawing":
            drawing = await read_drawing(scope, bounded, page)
            return (drawing[0], _replay(drawing[1], receive)) if drawing else (scope, None)
        if kind in ("join", "call", "named", "run", "cancel"):
            if not Headers(scope=scope).get("content-type", "").startswith("application/json"):
                raise Refused(415, "The request must be application/json.")
            try:
                body = await Request(scope, bounded).body()
            except ClientDisconnect:
                raise Refused(400, "The request was broken off.") from None
            asked = read_json(body, self._cache.folder)
            command = self._admission.check(kind, found, asked, page)
            if command.session:
                self._visits.seen(Visitor(address, command.session), files_in(command.body))
            if command.fn is not None and command.queued:
                self._admission.wait(command, page, address, stack)
            elif command.fn is not None:
                await self._admission.take_turn(command, address, stack)
            # Nothing is weighed or forgotten for those who are refused.
            if command.session:
                self._visits.limit_number(page, command.session)
            if command.paints:
                self._visits.limit_memory(page)
                await asyncio.to_thread(self._cache.reserve, 0, address)
            return scope, _replay(json.dumps(command.body).encode(), receive)
        if kind == "file" and is_address(found["path"]):
            raise Refused(403, "Only files of this page can be fetched here.")
        query = QueryParams(scope.get("query_string", b""))
        if kind == "page" and not has_page(query.get("page", ""), page):
            raise Refused(404, "There is no such page.")
        if kind == "heartbeat":
            session = found["session"]
            if not SESSION.fullmatch(session):
                raise Refused(400, "That is not a session of this page.")
            self._visits.seen(Visitor(address, session))
            self._visits.opened(session)
            stack.callback(self._visits.closed, session)
        if kind == "messages":
            session = session_of(found.get("event") or query.get("session_hash", ""), page)
            self._listeners.begin(session, address)
            stack.callback(self._listeners.end, session, address)
        return scope, bounded

    def _bounded(self, receive: Receive, limit: int, scope: Scope) -> Receive:
        """Receive at most so many bytes of body, declared or streamed, in a bounded time."""
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isascii() or not declared.isdigit():
            raise Refused(400, "The request's length is not a number.")
        if int(declared) > limit:
            raise Refused(
                413,
                f"The request has {_size(int(declared))}; "
                f"{_size(limit)} is the maximum allowed size.",
            )
        came, until = 0, asyncio.get_running_loop().time() + self._limits.body_seconds
        ended = False

        async def bounded() -> Message:
            nonlocal came, ended
            if ended:
                # What is left to wait for is only that the visitor goes.
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise Refused(
                    408, f"The request took longer than {self._limits.body_seconds:.0f} seconds."
                ) from None
            came += len(message.get("body", b""))
            ended = message["type"] != "http.request" or not message.get("more_body", False)
            if came > limit:
                # Gradio answers 413 for these words, and 400 for others.
                raise Refused(
                    413, f"The request has more than {_size(limit)}, the maximum allowed size."
                )
            return message

        return bounded

    async def _upload(
        self, scope: Scope, receive: Receive, address: str, stack: AsyncExitStack
    ) -> tuple[Scope, Receive]:
        headers = Headers(scope=scope)
        boundary = boundary_of(headers.get("content-type", "").encode("latin-1"))
        coming = int(headers.get("content-length", LIMITS.max_bytes))
        await asyncio.to_thread(self._cache.reserve, coming, address)
        stack.callback(self._cache.release, coming, address)
        upload = Upload(boundary, self._limits.upload_files)

        async def renamed() -> Message:
            # Gradio deletes what it has written of an upload for this kind of exception only.
            try:
                message = await receive()
                if message["type"] != "http.request":
                    raise MultiPartException("The upload was broken off.")
                return {**message, "body": upload.feed(message.get("body", b""))}
            except Refused as refused:
                log.info("refused POST upload: %s", refused.sentence)
                raise MultiPartException(refused.sentence) from None

        plain = MutableHeaders(scope={**scope, "headers": list(scope["headers"])})
        plain["content-type"] = f"multipart/form-data; boundary={boundary.decode()}"
        del plain["content-length"]
        return {**scope, "headers": plain.raw}, renamed


class _Answer:
    """Sends an answer with the headers every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.errors_are_input = False
        self._held: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            _add_headers(MutableHeaders(scope=message))
            if self.errors_are_input and message["status"] == 500:
                self._held = message
                return
        elif self._held is not None and message["type"] == "http.response.body":
            await self._send_failure(message)
            return
        await self._send(message)

    async def _send_failure(self, message: Message) -> None:
        """What a handler would not take is no fault of the server, unless it says so itself.

        Gradio answers 500 whenever a handler raises; this page's handlers raise sentences, and
        call what nobody foresaw "Our mistake".
        """
        held, self._held = self._held, None
        assert held is not None
        told, body = json.loads(message.get("body", b"{}")), message.get("body", b"")
        if told.get("title") != "Our mistake":
            held = {**held, "status": 422}
        if told.get("error") is None:
            told["error"] = "A value came that this page does not send. Please reload it."
            body = json.dumps(told).encode()
        headers = MutableHeaders(scope=held)
        headers["content-length"] = str(len(body))
        await self._send(held)
        await self._send({**message, "body": body})


def _add_headers(headers: MutableHeaders) -> None:
    policy = POLICY | (ON_SPACES if "SPACE_ID" in os.environ else {})
    headers["content-security-policy"] = "; ".join(f"{k} {v}" for k, v in policy.items())
    headers["x-content-type-options"] = "nosniff"
    headers["referrer-policy"] = "same-origin"


def _route(scope: Scope) -> tuple[str, dict[str, str]]:
    """The kind of a request and what its path holds. Raises Refused for other routes."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if len(path) > LONGEST_PATH or any(len(name) > LONGEST_NAME for name in path.split("/")):
        raise Refused(404, "There is nothing under so long a path.")
    if not path.isprintable() or "\ufffd" in path:
        raise Refused(400, "The path is not valid text.")
    if len(scope.get("query_string", b"")) > LONGEST_QUERY:
        raise Refused(414, f"A link can have at most {LONGEST_QUERY} characters.")
    for methods, pattern, kind in COMPILED:
        if scope["method"] in methods and (found := pattern.fullmatch(path)):
            return kind, found.groupdict()
    raise Refused(404, "There is nothing here.")


def _without_odd_headers(scope: Scope) -> Scope:
    """Drop a range that is none: Gradio would stumble over it, and it may be ignored (RFC 9110)."""
    kept = [(k, v) for k, v in scope["headers"] if k != b"range" or RANGE.fullmatch(v.strip())]
    return {**scope, "headers": kept}


def _size(count: int) -> str:
    return f"{count / MEGABYTE:.1f} MB" if count >= MEGABYTE else f"{count / 1024:.1f} KB"


def _replay(body: bytes, receive: Receive) -> Receive:
    """Receive a body that was read before, then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


async def _linger(receive: Receive) -> None:
    """Read on for a little: a connection closed on unread bytes takes the answer with it."""
    came = 0
    try:
        async with asyncio.timeout(2):
            while came < LINGER:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                came += len(message.get("body", b""))
    except TimeoutError:
        return

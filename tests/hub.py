"""A Hub on 127.0.0.1 for tests: the routes that downloads use, a made VGG, and what can go wrong.

`HF_ENDPOINT` is read when huggingface_hub is imported, so whoever talks to this runs in a process
of its own: see `Hub.environment`.
"""

import json
import math
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from nst.weights.store import SOURCES

# Large enough to be cut in the middle, small enough to be sent a hundred times.
TINY_SHAPES = {
    "features.0.weight": (64, 3, 3, 3),
    "features.0.bias": (64,),
    "features.2.weight": (64, 64, 3, 3),
    "features.2.bias": (64,),
    "features.5.weight": (128, 64, 3, 3),
    "features.5.bias": (128,),
}
TINY = replace(SOURCES["vgg19"], shapes=TINY_SHAPES)

# What follows the features in timm's VGG: five of every six bytes.
CLASSIFIER_SHAPES = {
    "head.fc.bias": (1000,),
    "head.fc.weight": (1000, 4096),
    "pre_logits.fc1.bias": (4096,),
    "pre_logits.fc1.weight": (4096, 512, 7, 7),
    "pre_logits.fc2.bias": (4096,),
    "pre_logits.fc2.weight": (4096, 4096, 1, 1),
}
ZEROS = bytes(1 << 16)


@dataclass
class Request:
    """One request as the server saw it; `sent` counts the bytes of the answer's body."""

    method: str
    path: str
    start: int
    token: str | None
    sent: int = 0


class Model:
    """A safetensors file: header and features in memory, zeros for the rest, never stored."""

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], rest: Mapping[str, tuple[int, ...]]
    ) -> None:
        self.table: dict[str, dict] = {"__metadata__": {"format": "pt"}}
        end = 0
        for name, shape in sorted({**shapes, **rest}.items()):
            begin, end = end, end + 4 * math.prod(shape)
            self.table[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
        self.data_size = end
        count = sum(math.prod(shape) for shape in shapes.values())
        values = np.random.default_rng(19).standard_normal(count, dtype=np.float32)
        self.features = bytearray(values.tobytes())
        self.garble: bytes | None = None

    @property
    def header(self) -> bytes:
        text = self.garble or json.dumps(self.table).encode()
        return len(text).to_bytes(8, "little") + text

    @property
    def size(self) -> int:
        return len(self.header) + self.data_size

    def read(self, start: int, stop: int) -> bytes:
        """At least one byte from `start` on, at most up to `stop`."""
        front = len(self.header) + len(self.features)
        if start >= front:
            return ZEROS[: stop - start]
        stop = min(stop, front, start + len(ZEROS))
        before = self.header[start:stop]
        return before or bytes(self.features[start - len(self.header) : stop - len(self.header)])

    def write(self, path: Path) -> None:
        """The same file on disk."""
        with path.open("wb") as file:
            file.write(self.header)
            file.write(self.features)
            file.truncate(self.size)


class Hub:
    """Serve one model as the Hub does. Set its attributes to have it fail.

    refusals: answers (status, headers) to the next requests for a file, before it serves again
    refuse: the same for every request
    cuts: which GET, counted from 0, ends after how many bytes
    stalls: which GET falls silent after how many bytes, until the server stops
    ranges, shift: whether ranges are served, and how many bytes beside those asked for
    pause: seconds between two pieces of 64 KB
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.etag = "0123abcd"
        self.commit = TINY.commit
        self.ranges = True
        self.shift = 0
        self.redirects = False
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.refuse: tuple[int, dict[str, str]] | None = None
        self.cuts: dict[int, int] = {}
        self.stalls: dict[int, int] = {}
        self.pause = 0.0
        self.requests: list[Request] = []
        self.stalling = threading.Event()
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Hub,), {"hub": self}))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def served(self) -> int:
        """Bytes of all answers' bodies, the header's among them."""
        return sum(request.sent for request in self.requests)

    @property
    def gets(self) -> list[Request]:
        """All requests for contents; the first one is for the header."""
        return [r for r in self.requests if r.method == "GET" and not r.path.startswith("/api/")]

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """What a process needs to have this server for its Hub and `home` for its cache."""
        root = Path(__file__).parent.parent
        mine = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        return mine | {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")]),
            "OMP_NUM_THREADS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            **more,
        }

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()


class _Hub(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that hangs up or is killed is part of the game
            super().handle()

    def do_HEAD(self) -> None:
        self.answer("HEAD")

    def do_GET(self) -> None:
        self.answer("GET")

    def log_message(self, *arguments: object) -> None:
        """The requests are in `Hub.requests`."""

    def answer(self, method: str) -> None:
        hub = self.hub
        start, stop, ranged = self.range()
        request = Request(method, self.path, start, self.headers.get("Authorization"))
        with hub.lock:
            hub.requests.append(request)
            number = len(hub.gets) - 1
            # huggingface_hub asks /api/ for things of its own
            listed = hub.refusals and not self.path.startswith("/api/")
            refusal = hub.refuse or (hub.refusals.pop(0) if listed else None)
        if refusal:
            return self.say(*refusal)
        if self.path != f"/{TINY.repo}/resolve/{TINY.commit}/{TINY.filename}":
            return self.elsewhere(request, start, stop)
        origin = {"X-Repo-Commit": hub.commit, "ETag": f'"{hub.etag}"'}
        if hub.redirects:
            origin |= {"X-Linked-Etag": f'"{hub.etag}"', "X-Linked-Size": str(hub.model.size)}
            # another host, as the Hub's storage is
            origin["Location"] = f"http://localhost:{hub.server.server_port}/storage"
            return self.say(302, origin)
        return self.contents(request, start, stop, ranged, origin, number)

    def range(self) -> tuple[int, int, bool]:
        asked = self.headers.get("Range")
        if asked is None or not self.hub.ranges:
            return 0, self.hub.model.size, False
        first, last = asked.removeprefix("bytes=").split("-")
        start = int(first) + self.hub.shift
        return start, min(int(last) + 1, self.hub.model.size), True

    def elsewhere(self, request: Request, start: int, stop: int) -> None:
        if self.path == f"/api/models/{TINY.repo}":
            return self.say(200, {"Content-Type": "application/json"})
        if self.path == "/storage" and request.method == "GET":
            # signed for GET only, and without a word about the Hub's own names for the file
            return self.contents(request, start, stop, True, {}, len(self.hub.gets) - 1)
        return self.say(403 if self.path == "/storage" else 404, {})

    def say(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def contents(
        self,
        request: Request,
        start: int,
        stop: int,
        ranged: bool,
        origin: Mapping[str, str],
        number: int,
    ) -> None:
        hub = self.hub
        self.send_response(206 if ranged else 200)
        for name, value in origin.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(stop - start))
        if hub.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if ranged:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{hub.model.size}")
        self.end_headers()
        if request.method == "HEAD":
            return
        cut, stall = hub.cuts.get(number), hub.stalls.get(number)
        end = min(stop, start + min(n for n in (cut, stall, stop) if n is not None))
        try:
            self.send(request, start, end)
        except OSError:  # the client has hung up
            self.close_connection = True
        if stall is not None:
            hub.stalling.set()
            hub.stopped.wait()
        if end < stop:
            self.close_connection = True

    def send(self, request: Request, start: int, end: int) -> None:
        while start < end and not self.hub.stopped.wait(self.hub.pause):
            piece = self.hub.model.read(start, end)
            self.wfile.write(piece)
            request.sent += len(piece)
            start += len(piece)

"""A Hub on 127.0.0.1 for tests: the routes that downloads use, a small VGG, and what can go wrong.

`HF_ENDPOINT` is read when huggingface_hub is imported: a process of its own gets
`Hub.environment`, tests in this one the fixture of test_weights.py.
"""

import json
import math
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from nst.engine.encoders import Encoder
from nst.weights import HEADER_ROOM, SOURCES

SHAPES = {
    "features.0.weight": (64, 3, 3, 3),
    "features.0.bias": (64,),
    "features.2.weight": (64, 64, 3, 3),
    "features.2.bias": (64,),
    "features.5.weight": (128, 64, 3, 3),
    "features.5.bias": (128,),
}
CLASSIFIER = {"head.fc.weight": (100, 100), "pre_logits.fc1.bias": (4096,)}
TINY = replace(SOURCES["vgg19"], size=4 * sum(map(math.prod, SHAPES.values())))


def tiny_vgg(name: str, pooling: str = "max") -> Encoder:
    """A network of these shapes, in the place of `nst.engine.encoders.vgg`."""
    return Encoder(name, ((64, 64), (128,)), pooling)


def model(shapes: Mapping[str, tuple[int, ...]] = SHAPES) -> bytes:
    """A safetensors file as timm's: features of random numbers first, then the classifier."""
    table: dict[str, dict] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in sorted({**shapes, **CLASSIFIER}.items()):
        begin, end = end, end + 4 * math.prod(shape)
        table[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(table).encode()
    text += b" " * (-len(text) % 8)
    assert len(text) < HEADER_ROOM
    values = np.random.default_rng(19).standard_normal(end // 4, dtype=np.float32)
    return len(text).to_bytes(8, "little") + text + values.tobytes()


class Hub:
    """Serve one file as the Hub does. Set its attributes to have it fail.

    refuse: answer every request with this status and these headers
    cuts: how many bytes the first, second, ... answer longer than the header's ends after
    pause: seconds between two pieces of 64 KB
    """

    def __init__(self, file: bytes | None = None) -> None:
        self.file = model() if file is None else file
        self.refuse: tuple[int, dict[str, str]] | None = None
        self.cuts: list[int] = []
        self.pause = 0.0
        self.requests: list[str] = []
        self.served = 0
        self.stopped = threading.Event()
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """What a process needs to have this server for its Hub and `home` for its cache."""
        root = Path(__file__).parent.parent
        mine = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        paths = os.pathsep.join([str(root), str(root / "tests")])
        hub = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}
        return {**mine, **hub, "PYTHONPATH": paths, **more}

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """The requests are in `Hub.requests`."""

    def do_GET(self) -> None:
        hub = self.hub
        hub.requests.append(self.path)
        if hub.refuse or self.path != f"/{TINY.repo}/resolve/{TINY.commit}/{TINY.filename}":
            status, headers = hub.refuse or (404, {})
            self.say(status, {**headers, "Content-Length": "0"})
            return
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        start, stop = int(first), min(int(last) + 1, len(hub.file))
        origin = f"bytes {start}-{stop - 1}/{len(hub.file)}"
        self.say(206, {"Content-Range": origin, "Content-Length": str(stop - start)})
        end = stop
        if hub.cuts and stop - start > 1 << 17:
            end, self.close_connection = start + hub.cuts.pop(0), True
        with suppress(ConnectionError):  # a client that hangs up
            while start < end and not hub.stopped.wait(hub.pause):
                sent = self.wfile.write(hub.file[start : min(end, start + (1 << 16))])
                hub.served, start = hub.served + sent, start + sent

    def say(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

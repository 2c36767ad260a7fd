"""What anyone can send to the running app's raw API, and what may not come of it.

Every request ends in an answer below 500 without a traceback, and nothing outside the app's
folder of pictures can be read.
"""

import base64
import io
import json
import secrets
import socket
import struct
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
API = "/gradio_api"
NAME = "anna-lena-at-home"  # a visitor's name for a file, which must appear nowhere
META = {"_type": "gradio.FileData"}


def _png(width: int = 64, height: int = 48) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 60)).save(file, "PNG")
    return file.getvalue()


def _bomb(side: int) -> bytes:
    """A tiny PNG that decodes to side x side grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _file(path: Any, **extra: Any) -> str:
    return json.dumps({"path": path, "meta": META, "orig_name": f"{NAME}.png", **extra})


def _data(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


OUTSIDE = [
    "/etc/passwd", "/etc/../etc/passwd", "/proc/self/environ", "/proc/self/cmdline", "app.py",
    str(ROOT / "app.py"), "../../../../../../etc/passwd", "{temp}/../../../../../../etc/passwd",
    "{temp}/../canary.txt", "{canary}", "~/.bashrc", ".", "..", "/", "", "{temp}", "\\etc\\passwd",
    "/etc/passwd\\u0000.png", "/dev/zero", "/dev/stdin", "%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "pyproject.toml", "nst/../app.py", ".git/config", "/etc/passwd/", "//etc/passwd",
]  # fmt: skip
ADDRESSES = [
    "http://127.0.0.1:1/x.png", "https://169.254.169.254/latest/meta-data", "HTTP://localhost/x",
    " http://localhost/x", "file:///etc/passwd", "FILE:///etc/passwd", "file:/etc/passwd",
    "ftp://localhost/x", "gopher://localhost:1/x", "data:text/plain,hello", "//localhost/x",
    "\\\\localhost\\share", "C:\\Windows\\win.ini", "blob:http://localhost/x", "jar:file:///x!/y",
]  # fmt: skip
TEXTS = [
    "", " ", "nan", "-1", "x" * 100_000, "\u202etxt.exe", "\ufeff", "\u0000", "\ud800",
    "\udfff\ud800", "🖼️" * 2000, "a\u0300" * 1000, "<script>alert(1)</script>", "__class__",
    "'; DROP TABLE runs; --", "${jndi:x}", "{{7*7}}", "%s%n", "\r\nSet-Cookie: a=b", "&&&===",
    "size=999999999", "steps=1e400&size=256", "seed=" + "9" * 5000, "strength=nan",
    "style_layers=relu9_9", "size=256&size=-1", "learning_rate=inf", "name=../../etc/passwd",
    "keep_at=" + ",".join(["1"] * 3000),
]  # fmt: skip
RAW = [
    "null", "true", "false", "0", "-1", "1e308", "-1e308", "1e999", "-1e999", "NaN", "Infinity",
    "-Infinity", "9" * 400, "9" * 6000, "-" + "9" * 30, "0.1e-999", "[]", "{}", "[null]", "[[]]",
    "[" * 60 + "]" * 60, '{"a":' * 60 + "1" + "}" * 60, "[" * 50_000 + "]" * 50_000,
    '{"__type__":"update","value":1}', '{"path":null}', '{"path":1}', '{"path":["/etc/passwd"]}',
    '{"url":"http://localhost/x"}', '{"path":"","url":null}',
    '{"meta":{"_type":"gradio.FileData"}}',
    '{"path":"a","path":"/etc/passwd","meta":{"_type":"gradio.FileData"}}',
    json.dumps({"index": 10**9, "value": None}), json.dumps({"index": [1, 2], "selected": "yes"}),
]  # fmt: skip
FILES = [
    *(_file(path) for path in (*OUTSIDE, *ADDRESSES)),
    *(_file("x.png", url=url) for url in ADDRESSES),
    json.dumps({"path": "/etc/passwd"}),
    _file("x", url=_data(_png())),
    _file("x", url=_data(_bomb(6000))),
    _file("x", url=_data(bytes(900_000))),
    _file(_data(_bomb(6000))),
    json.dumps(_data(_bomb(6000))),
    _file("x", is_stream=True),
    _file("/etc/passwd", is_stream=True, url="/etc/passwd"),
    _file("x" * 5000),
]
HOSTILE = [*RAW, *map(json.dumps, TEXTS), *FILES]


@dataclass(frozen=True)
class Known:
    """What the tests know of the running app. fns: (id, number of inputs) by what they are."""

    app: Any
    client: httpx.Client
    fns: dict[str, tuple[int, int]]
    canary: Path
    secret: str

    def fill(self, text: str) -> str:
        return text.replace("{temp}", str(self.app.temp)).replace("{canary}", str(self.canary))


@pytest.fixture(scope="module")
def known(app) -> Iterator[Known]:
    """The app, its functions, and a file beside its folder that nobody may read."""
    canary, secret = app.temp.parent / "canary.txt", f"canary-{secrets.token_hex(8)}"
    canary.write_text(secret)
    with httpx.Client(base_url=app.url, timeout=30) as client:
        found = client.get("/config").json()["dependencies"]
        fns = {
            d["api_name"]: (d["id"], len(d["inputs"])) for d in found if d["api_name"] == "paint"
        }
        events = [d for d in found if d["api_name"] != "paint" and d["backend_fn"]]
        for index, event in enumerate(e for e in events if e["queue"] is False and e["inputs"]):
            fns[f"quick{index}"] = (event["id"], len(event["inputs"]))
        longest = max(
            (e for e in events if e["queue"] is not False), key=lambda e: len(e["inputs"])
        )
        fns["device"] = (longest["id"], len(longest["inputs"]))
        yield Known(app, client, fns, canary, secret)


def _hold(known: Known, status: int, text: str) -> None:
    """Nothing that may not be in an answer is in this one."""
    assert status < 500, f"{status}: {text[:500]}"
    assert "Traceback (most recent" not in text
    assert 'File "/' not in text
    assert "Cannot move" not in text, "Gradio's sentence names the app's own folder"
    assert known.secret not in text
    assert "root:x:0" not in text
    assert "def main() -> None" not in text


def _finish(known: Known, session: str) -> str:
    """Everything a session is told until its runs are over."""
    told = []
    query = {"session_hash": session}
    with known.client.stream("GET", f"{API}/queue/data", params=query) as answer:
        for line in answer.iter_lines():
            told.append(line)
            if '"process_completed"' in line or '"close_stream"' in line:
                break
    return "\n".join(told)


def _post(known: Known, path: str, raw: str | bytes) -> httpx.Response:
    kind = {"content-type": "application/json"}
    content = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    return known.client.post(path, content=content, headers=kind)


def _ask(known: Known, path: str, raw: str, session: str) -> None:
    """Post to the queue or past it, and hold whatever comes of it."""
    answer = _post(known, path, known.fill(raw))
    told = answer.text
    if answer.status_code == 200 and path.endswith("/queue/join"):
        told += _finish(known, session)
    _hold(known, answer.status_code, told)


def _body(values: list[str], index: int | str, session: str, **fields: str) -> str:
    parts = {
        "data": f"[{','.join(values)}]",
        "fn_index": str(index),
        "session_hash": f'"{session}"',
    }
    return "{" + ",".join(f'"{key}":{value}' for key, value in (parts | fields).items()) + "}"


def _shorten(value: object) -> str:
    return str(value)[:40].encode("ascii", "backslashreplace").decode()


@pytest.mark.parametrize("value", HOSTILE, ids=_shorten)
@pytest.mark.parametrize("place", range(4))
def test_the_named_endpoint_takes_no_hostile_value(known: Known, place: int, value: str) -> None:
    values = ["null", "null", '""', '"steps=1&size=64"']
    values[place] = value
    session = uuid.uuid4().hex
    _ask(known, f"{API}/queue/join", _body(values, known.fns["paint"][0], session), session)


@pytest.mark.parametrize("number", range(len(HOSTILE)), ids=lambda n: _shorten(HOSTILE[n]))
def test_no_control_takes_a_hostile_value(known: Known, number: int) -> None:
    quick = [fn for name, fn in known.fns.items() if name.startswith("quick")]
    index, count = quick[number % len(quick)]
    values = [HOSTILE[(number + place) % len(HOSTILE)] for place in range(count)]
    single = ["null"] * count
    single[number % count] = HOSTILE[number]
    for given in (values, single):
        _ask(known, f"{API}/run/predict", _body(given, index, uuid.uuid4().hex), "")


@pytest.mark.parametrize("number", range(len(HOSTILE)), ids=lambda n: _shorten(HOSTILE[n]))
def test_the_paint_button_takes_no_hostile_value(known: Known, number: int) -> None:
    index, count = known.fns["device"]
    values = ["null"] * count
    values[number % count] = HOSTILE[number]
    session = uuid.uuid4().hex
    _ask(known, f"{API}/queue/join", _body(values, index, session), session)


FIELDS = ["session_hash", "fn_index", "event_data", "trigger_id", "batched", "event_id",
          "simple_format", "oauth_token", "request", "data"]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("path", [f"{API}/queue/join", f"{API}/run/predict", f"{API}/cancel"])
def test_no_field_of_a_request_takes_a_hostile_value(known: Known, field: str, path: str) -> None:
    index, count = known.fns["quick0"]
    for value in (*RAW, *map(json.dumps, TEXTS[:12])):
        session = uuid.uuid4().hex
        body = _body(["null"] * count, index, session, **{field: value})
        answer = _post(known, path, body)
        told = answer.text
        if answer.status_code == 200 and path.endswith("join"):
            told += _finish(known, session)
        _hold(known, answer.status_code, told)


@pytest.mark.parametrize("path", [*OUTSIDE, *ADDRESSES], ids=_shorten)
def test_no_file_outside_the_folder_can_be_fetched(known: Known, path: str) -> None:
    path = known.fill(path)
    twice = path.replace("/", "%2f").replace(".", "%2e")
    for form in (path, twice, twice.replace("%", "%25"), "/" + path, f"{known.app.temp}/{path}"):
        for route in (f"{API}/file=", f"{API}/file/", "/file=", "/static/", "/assets/", "/svelte/"):
            target = (route + form).replace(" ", "%20").replace("\\", "%5c")
            status, text = _get(known, target)
            _hold(known, status, text)
            if route == f"{API}/file=" and "://" in form:
                assert status == 403


def _get(known: Known, target: str) -> tuple[int, str]:
    """GET exactly this target: httpx would tidy it up."""
    url = httpx.URL(known.app.url)
    with socket.create_connection((url.host, url.port), timeout=20) as line:
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        came = b""
        while len(came) < 1_000_000 and (more := line.recv(65536)):
            came += more
    head, _, body = came.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode(errors="replace")


@pytest.mark.parametrize(
    "target",
    [
        f"{API}/file=%00", f"{API}/file=%ff%fe", f"{API}/file=" + "a" * 3000, "/static/%00",
        "/static/" + "a" * 300, "/assets/" + "../" * 100, "/%00", "/" + "%2e%2e%2f" * 30, "//",
        "/?page=nowhere", "/?page=%00", "/?deep_link=../../../etc", "/?deep_link=" + "a" * 200,
        "/config?deep_link=..%2f..", "/config?page=%F0%9F%92%A9", "/?v=1&size=nan&steps=inf",
        "/?" + "v=1&" * 1000, "/?style=../../etc/passwd&photo=/etc/passwd", "/?v=%ff%fe%00",
        f"{API}/queue/data", f"{API}/queue/data?session_hash=", f"{API}/queue/data?session_hash=no",
        f"{API}/call/paint/nope", f"{API}/call/nope/nope", f"{API}/call/v2/paint/%00",
        f"{API}/heartbeat/%00", f"{API}/heartbeat/" + "x" * 200, f"{API}/upload_progress",
        f"{API}/upload_progress?upload_id=x", f"{API}/info?all_endpoints=1", f"{API}/info?page=x",
        f"{API}/proxy=http://localhost/", f"{API}/proxy=https://x.hf.space/", f"{API}/deep_link",
        f"{API}/deep_link?session_hash=x", f"{API}/openapi.json", "/docs", "/redoc",
        "/openapi.json", "/monitoring", "/monitoring/summary", "/monitoring/x", "/pwa_icon/99999",
        f"{API}/runs", f"{API}/run-history/buckets", f"{API}/dev/reload", f"{API}/mcp/schema",
        f"{API}/custom_component/x/client/component/../../x", f"{API}/stream/a/b/1/playlist.m3u8",
        f"{API}/vibe-edit", f"{API}/process_recording", f"{API}/component_server", "/login",
    ],
    ids=_shorten,
)  # fmt: skip
def test_no_route_stumbles_over_its_address(known: Known, target: str) -> None:
    if "heartbeat" in target or "upload_progress?" in target:
        with known.client.stream("GET", target) as answer:
            _hold(known, answer.status_code, "")
        return
    _hold(known, *_get(known, target))


HEADERS = [
    {"range": "bytes=5-2"}, {"range": "bytes=1-2-3"}, {"range": "bytes=a-b"},
    {"range": "bytes=99999999999-999999999999"}, {"range": "bytes=0-0,1-1"}, {"range": "bytes=-5"},
    {"x-forwarded-host": "["}, {"x-forwarded-host": "a b"}, {"x-forwarded-host": "evil.example"},
    {"x-forwarded-host": "x:99999999"}, {"x-gradio-server": "nonsense"}, {"x-gradio-server": "["},
    {"x-gradio-server": "http://evil.example/"}, {"x-forwarded-proto": "gopher"},
    {"x-forwarded-for": "a" * 5000}, {"host": ""}, {"host": "[::1"}, {"host": "a:b:c"},
    {"cookie": "=" * 5000}, {"cookie": "access-token=\x7f"}, {"accept-language": "x" * 5000},
    {"authorization": "Bearer x"}, {"content-length": "-1"}, {"content-length": "9" * 40},
    {"content-length": "1e3"}, {"accept-encoding": "br;q=nan"}, {"origin": "null"},
    {"referer": "javascript:alert(1)"}, {"referer": "http://[/"},
]  # fmt: skip


@pytest.mark.parametrize("headers", HEADERS, ids=_shorten)
def test_no_header_makes_the_app_stumble(known: Known, headers: dict[str, str]) -> None:
    uploaded = _upload(known, _png()).json()[0]
    url = httpx.URL(known.app.url)
    for target in ("/", "/config", f"{API}/info", f"{API}/file={uploaded}"):
        lines = {"Host": "x", "Connection": "close"} | {k.title(): v for k, v in headers.items()}
        head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        with socket.create_connection((url.host, url.port), timeout=20) as line:
            line.sendall(f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
            came = line.recv(65536)
        _hold(known, int(came.split()[1]), came.decode(errors="replace"))


def _upload(known: Known, data: bytes, name: str = f"{NAME}.png") -> httpx.Response:
    return known.client.post(f"{API}/upload", files={"files": (name, data)})


B = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""), ("multipart/form-data; boundary=", b""), ("text/plain", b"x"),
        ("multipart/form-data; boundary=b; charset=nope", B + b"x\r\n--b--"), ("", b"x"),
        ("multipart/form-data; boundary=" + "b" * 500, b""),
        ("multipart/form-data; boundary=\xff", b""), ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b"),
        ("multipart/form-data; boundary=b", b"--b\r\n"), ("multipart/form-data; boundary=b", B),
        ("multipart/form-data; boundary=b", b"--b--"), ("multipart/form-data; boundary=b", B[:30]),
        ("multipart/form-data; boundary=b", B + b"x\r\n--bogus"),
        ("multipart/form-data; boundary=b", b"before" + B + b"x\r\n--b--"),
        ("multipart/form-data; boundary=b", B * 20 + b"x\r\n--b--"),
        ("multipart/form-data; boundary=b", B.replace(b"files", b"nope") + b"x\r\n--b--"),
        ("multipart/form-data; boundary=b", B.replace(b'; filename="x.png"', b"") + b"x\r\n--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"a: b\r\n" * 5000 + b"\r\nx\r\n--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\n:\r\n\r\nx\r\n--b--"),
        ("multipart/form-data; boundary=b", b"\x00" * 5000),
    ],
    ids=_shorten,
)  # fmt: skip
def test_no_upload_makes_the_app_stumble(known: Known, kind: str, body: bytes) -> None:
    headers = {"content-type": kind.encode("latin-1")} if kind else {}
    answer = known.client.post(f"{API}/upload", content=body, headers=headers)
    _hold(known, answer.status_code, answer.text)


@pytest.mark.parametrize(
    "name",
    ["../../canary.txt", "/etc/passwd", "a/b.png", "..", ".", "", "x" * 4000, "état 🖼️.png", "a\\b",
     "con.png", ".htaccess", "x.html", "x.svg", "x.php", "state.json", "a;b.png", "%2e%2e%2fx.png"],
    ids=_shorten,
)  # fmt: skip
def test_an_upload_lands_in_the_folder_under_no_name_of_its_own(known: Known, name: str) -> None:
    answer = known.client.post(f"{API}/upload", files={"files": (name, _png() + name.encode())})
    _hold(known, answer.status_code, answer.text)
    if answer.status_code == 200:
        (path,) = map(Path, answer.json())
        assert path.is_relative_to(known.app.temp)
        assert path.name in ("picture.png", "picture.bin")
    assert known.canary.read_text() == known.secret


@pytest.mark.parametrize(
    "raw",
    ["", " ", "{", "}", "nul", "[]", "[1]", '"x"', "1", "null", "{}", '{"data":[]}', '{"data":1}',
     '{"data":[],"fn_index":0}', '{"fn_index":0}', "\ufeff{}", "{'a':1}", '{"a":}', "\x00",
     "[" * 99_999, '{"a":' * 50_000, '{"data":' + "[1]" * 3 + "}", "[" + "0," * 200_000 + "0]",
     '{"data":[' + ",".join(['"x"'] * 20_000) + "]}", '{"' + "k" * 300_000 + '":1}',
     '{"data":["' + "x" * 3_000_000 + '"]}', '"\\ud800"', "{}{}", "// x\n{}",
     '{"data":[],"data":{}}'],
    ids=_shorten,
)  # fmt: skip
@pytest.mark.parametrize(
    "path",
    [f"{API}/queue/join", f"{API}/run/predict", f"{API}/api/paint", f"{API}/run/%00",
     f"{API}/call/paint", f"{API}/call/nope", f"{API}/call/v2/paint", f"{API}/call/v2/nope",
     f"{API}/cancel", f"{API}/reset", f"{API}/component_server", f"{API}/stream/x",
     f"{API}/stream/x/close", f"{API}/vibe-edit", f"{API}/run-history/connect"],
)  # fmt: skip
def test_no_body_makes_a_route_stumble(known: Known, path: str, raw: str) -> None:
    answer = _post(known, path, raw)
    _hold(known, answer.status_code, answer.text)
    if answer.status_code == 200 and "event_id" in answer.text:
        # It was let in: let it end, so that the next does not wait for it.
        event = answer.json()["event_id"]
        with known.client.stream("GET", f"{API}/call/paint/{event}") as told:
            _hold(known, told.status_code, told.read().decode())


def _drawing(known: Known) -> dict[str, str]:
    found = known.client.get("/config").json()["components"]
    editor = next(c["id"] for c in found if c["type"] in ("imageeditor", "imagemask"))
    return {"id": "d", "type": "layer", "index": "0", "component_id": str(editor),
            "fn_name": "accept_blobs", "session_hash": "s"}  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "-1", "99999999999", "nan", "null", "../x", "\ud83d", "x" * 9999]
)
@pytest.mark.parametrize(
    "field", ["id", "type", "index", "component_id", "fn_name", "session_hash", "data", "files"]
)
def test_no_drawing_makes_the_app_stumble(known: Known, field: str, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    fields = _drawing(known) | {field: text}
    for picture in (_png(), _bomb(9000) if field == "id" else b"no picture"):
        answer = known.client.post(
            f"{API}/component_server/", data=fields, files={"file": (f"{NAME}.png", picture)}
        )
        _hold(known, answer.status_code, answer.text)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/config", f"{API}/upload", f"{API}/queue/join"])
def test_no_method_makes_a_route_stumble(known: Known, method: str, path: str) -> None:
    answer = known.client.request(method, path)
    _hold(known, answer.status_code, answer.text)


def test_a_picture_of_one_visitor_cannot_be_used_by_its_neighbourhood(known: Known) -> None:
    mine = Path(_upload(known, _png(70, 50)).json()[0])
    for path in (mine.parent, mine.parent.parent, f"{mine}/../../{mine.parent.name}"):
        status, text = _get(known, f"{API}/file={path}")
        _hold(known, status, text)
        assert status in (403, 404)


def test_after_all_of_that_the_app_still_paints(known: Known) -> None:
    photo, style = (json.dumps({"path": _upload(known, _png(*size)).json()[0], "meta": META})
                    for size in ((64, 48), (60, 60)))  # fmt: skip
    session = uuid.uuid4().hex
    body = _body([photo, style, '""', '"steps=2&size=64"'], known.fns["paint"][0], session)
    assert _post(known, f"{API}/queue/join", body).status_code == 200
    told = _finish(known, session)
    assert '"success":true' in told
    assert ".png" in told


def test_no_name_of_a_visitors_file_was_kept(known: Known) -> None:
    assert NAME not in known.app.log
    assert not [path for path in known.app.temp.rglob("*") if NAME in path.name]

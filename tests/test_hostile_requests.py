"""What anyone can send to the running app's raw API, and what may not come of it.

Every request ends in an answer: a sentence where it is refused, never a traceback, and nothing from
outside the app's folder of pictures.
"""

import base64
import json
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from files import encoded
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
API = "/gradio_api"
META = {"_type": "gradio.FileData"}


def png(width: int, height: int) -> bytes:
    """A tiny file, which may decode to a giant picture."""
    return encoded(Image.new("L", (width, height), 90), "PNG")


def file(path: Any, **extra: Any) -> str:
    return json.dumps({"path": path, "meta": META, **extra})


BOMB = "data:image/png;base64," + base64.b64encode(png(6000, 6000)).decode()
OUTSIDE = r"""
/etc/passwd /proc/self/environ {root}/app.py ../../../etc/passwd ~/.bashrc .. {temp}
{temp}/../../../../../../etc/passwd {temp}/../canary.txt {canary} \etc\passwd /dev/zero
%2fetc%2fpasswd ....//....//etc/passwd
""".split()
ADDRESSES = r"""
http://127.0.0.1:1/x.png https://169.254.169.254/latest/meta-data HTTP://localhost/x //localhost/x
file:///etc/passwd data:text/plain,hello \\localhost\share C:\Windows\win.ini jar:file:///x!/y
""".split()
TEXTS = r"""
nan \u202etxt.exe \u0000 \ud800 <script>alert(1)</script> ${jndi:x} {{7*7}} %s%n &&&===
\r\nSet-Cookie:a=b size=999999999 steps=1e400&size=256 name=../../etc/passwd
""".split()
LONG = ["x" * 100_000, "a\u0300" * 1000, "seed=" + "9" * 5000, "keep_at=" + ",".join("1" * 3000)]
RAW = """
null true -1 1e308 1e999 NaN [] {} [[]] {"__type__":"update","value":1} {"path":null} {"path":1}
{"path":["/etc/passwd"]} {"url":"http://localhost/x"} {"path":"/etc/passwd"}
{"meta":{"_type":"gradio.FileData"}} {"index":1000000000,"value":null} {"index":[1],"selected":"x"}
{"path":"a","path":"/etc/passwd","meta":{"_type":"gradio.FileData"}}
""".split()
DEEP = ["9" * 400, "9" * 6000, "[" * 60 + "]" * 60, '{"a":' * 60 + "1" + "}" * 60, "[" * 50_000]
FILES = [
    *(file(path) for path in (*OUTSIDE, *ADDRESSES, "", "x" * 5000, " http://localhost/x")),
    *(file("x.png", url=url) for url in ADDRESSES[:4]),
    *(json.dumps(BOMB), file("x", url=BOMB)),
    *(file("x", is_stream=True), file("/etc/passwd", is_stream=True, url="/etc/passwd")),
]
HOSTILE = [*RAW, *DEEP, *(f'"{text}"' for text in TEXTS), *map(json.dumps, LONG), '""', *FILES]
TARGETS = f"""
/static/%00 /%00 // /?page=nowhere /?page=%00 /?deep_link=../../../etc /config?deep_link=..%2f..
/config?page=%F0%9F%92%A9 /?v=%ff%fe%00 {API}/file=%00 {API}/file=%ff%fe {API}/queue/data
{API}/queue/data?session_hash=no {API}/call/paint/nope {API}/call/v2/paint/%00 {API}/upload_progress
{API}/info?page=x {API}/component_server {API}/stream/a/b/1/playlist.m3u8
{API}/custom_component/x/client/component/../../x
""".split()
LARGE = [f"{API}/file={'a' * 3000}", "/?" + "v=1&" * 1000, "/assets/" + "../" * 100]
HEADERS = """
range=bytes=5-2 range=bytes=1-2-3 range=bytes=a-b range=bytes=9999999999-99999999999 host=[::1
host= host=a:b:c x-forwarded-host=[ x-forwarded-host=x:99999999 x-gradio-server=[ content-length=-1
x-forwarded-proto=gopher content-length=9999999999999999999999 referer=http://[/
""".split()
BODIES = [
    *('{"data":[]} {"data":1} {"data":[],"fn_index":0} {"data":[],"data":{}}'.split()),
    *("", "{", "[]", '"x"', "1", "null", "{}", "\ufeff{}", "{'a':1}", "\x00", "{}{}", '"\\ud800"'),
    *("[" * 99_999, '{"a":' * 50_000, '{"' + "k" * 300_000 + '":1}'),
    *('{"data":[' + ",".join(['"x"'] * 20_000) + "]}", '{"data":["' + "x" * 3_000_000 + '"]}'),
]
ENDS = ('"process_completed"', '"close_stream"', "event: generating")
B = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\n'
UPLOADS = [
    *(b"", b"--b", B, b"--b--", B[:30], B + b"x\r\n--bogus", b"before" + B + b"x\r\n--b--"),
    *(B * 20 + b"x\r\n--b--", B.replace(b"files", b"nope") + b"x\r\n--b--", b"\x00" * 5000),
    *(B.replace(b'; filename="x.png"', b"") + b"x\r\n--b--", b"--b\r\n\r\nx\r\n--b--"),
    b"--b\r\n" + b"a: b\r\n" * 5000 + b"\r\nx\r\n--b--",
]
KINDS = ("", "; boundary=", "; boundary=b; charset=nope", f"; boundary={'b' * 500}")


@dataclass(frozen=True)
class Known:
    """The running app. fns: (id, number of inputs) by name or kind; secret: what canary holds."""

    app: Any
    client: httpx.Client
    fns: dict[str, tuple[int, int]]
    canary: Path
    secret: str

    def fill(self, text: str) -> str:
        known = {"{temp}": self.app.temp, "{canary}": self.canary, "{root}": ROOT}
        for name, path in known.items():
            text = text.replace(name, str(path))
        return text

    def hold(self, status: int, text: str) -> None:
        """Nothing that may not be in an answer is in this one."""
        assert status < 500 or json.loads(text)["error"], f"{status}: {text[:500]}"
        for leak in ("Traceback (most recent", 'File "/', self.secret, "root:x:0", "def main()"):
            assert leak not in text

    def post(self, path: str, raw: str) -> httpx.Response:
        content, kind = self.fill(raw).encode("utf-8", "surrogatepass"), "application/json"
        return self.client.post(API + path, content=content, headers={"content-type": kind})

    def ask(self, path: str, values: list[str], fn: str, **fields: str) -> str:
        """Post to the queue or past it, hold and return everything that is told of it."""
        body = {"data": f"[{','.join(values)}]", "fn_index": str(self.fns[fn][0])}
        body |= {"session_hash": '"hostile"'} | fields
        answer = self.post(path, "{" + ",".join(f'"{k}":{v}' for k, v in body.items()) + "}")
        told = answer.text
        if answer.status_code == 200 and path.endswith("/join") and "session_hash" not in fields:
            told += self.finish({"session_hash": "hostile"})
        self.hold(answer.status_code, told)
        return told

    def finish(self, query: dict[str, str], path: str = "/queue/data") -> str:
        """Everything a session is told until its runs are over; who calls leaves at a picture."""
        told = []
        with self.client.stream("GET", API + path, params=query) as answer:
            try:
                for line in answer.iter_lines():
                    told.append(line)
                    if any(end in line for end in ENDS):
                        break
            except httpx.RemoteProtocolError:
                pass  # a text that is no Unicode ends its own stream
        return "\n".join(told)

    def get(self, target: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """GET exactly this target: httpx would tidy it up."""
        url = httpx.URL(self.app.url)
        lines = {"Host": "x", "Connection": "close"} | (headers or {})
        head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        with socket.create_connection((url.host, url.port), timeout=20) as line:
            line.sendall(f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
            came = b""
            while len(came) < 1_000_000 and (more := line.recv(65536)):
                came += more
        head, _, body = came.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode(errors="replace")

    def upload(self, data: bytes, name: str = "x.png") -> httpx.Response:
        return self.client.post(f"{API}/upload", files={"files": (name, data)})


@pytest.fixture(scope="module")
def known(app) -> Iterator[Known]:
    """The app, its functions, and a file beside its folder that nobody may read."""
    canary, secret = app.temp.parent / "canary.txt", secrets.token_hex(8)
    canary.write_text(secret)
    with httpx.Client(base_url=app.url, timeout=30, trust_env=False) as client:
        found = client.get("/config").json()["dependencies"]
        events = [d for d in found if d["backend_fn"] and d["inputs"]]
        fns = {f"quick{n}": d for n, d in enumerate(d for d in events if d["queue"] is False)}
        fns["paint"] = next(d for d in events if d["api_name"] == "paint")
        queued = [d for d in events if d["queue"] is not False and d["api_name"] != "paint"]
        fns["page"] = max(queued, key=lambda d: len(d["inputs"]))
        numbers = {name: (d["id"], len(d["inputs"])) for name, d in fns.items()}
        yield Known(app, client, numbers, canary, secret)


def test_no_event_takes_a_hostile_value(known: Known) -> None:
    quick = cycle(name for name in known.fns if name.startswith("quick"))
    for number, value in enumerate(HOSTILE):
        for fn in ("paint", "page", next(quick)):
            count = known.fns[fn][1]
            values = ["null"] * (count - 1) + ['"steps=2&size=64"' if fn == "paint" else "null"]
            values[number % count] = value
            known.ask("/run/x" if fn.startswith("quick") else "/queue/join", values, fn)


def test_no_field_of_a_request_takes_a_hostile_value(known: Known) -> None:
    fields = "session_hash fn_index event_data trigger_id batched event_id simple_format data"
    paths = ("/queue/join", "/run/x", "/cancel")
    values = ["null"] * known.fns["quick0"][1]
    for field in fields.split():
        for path, value in zip(cycle(paths), (*RAW, *DEEP, '""', '"x"', '"\\ud800"'), strict=False):
            known.ask(path, values, "quick0", **{field: value})


def test_no_file_outside_the_folder_can_be_fetched(known: Known) -> None:
    for path in (*OUTSIDE, *ADDRESSES):
        path = known.fill(path)
        twice = path.replace("/", "%2f").replace(".", "%2e")
        for form in (path, twice, twice.replace("%", "%25"), f"{known.app.temp}/{path}"):
            for route in (f"{API}/file=", f"{API}/file/", "/static/", "/assets/"):
                target = (route + form).replace(" ", "%20").replace("\\", "%5c")
                status, text = known.get(target)
                known.hold(status, text)
                if route == f"{API}/file=" and "://" in form:
                    assert status == 403
    # Nor can another visitor's picture be found by its neighbourhood.
    mine = Path(known.upload(png(70, 50)).json()[0])
    for path in (mine.parent, mine.parent.parent, f"{mine}/../../{mine.parent.name}"):
        status, text = known.get(f"{API}/file={path}")
        known.hold(status, text)
        assert status in (403, 404)


def test_no_route_stumbles_over_its_address_or_a_header(known: Known) -> None:
    uploaded = known.upload(png(64, 48)).json()[0]
    for header in (*HEADERS, "cookie=" + "=" * 5000, "x-forwarded-for=" + "a" * 5000):
        name, _, value = header.partition("=")
        for target in ("/", "/config", f"{API}/info", f"{API}/file={uploaded}"):
            status, text = known.get(target, {name.title(): value})
            known.hold(status, text if status >= 500 else "")
    for target in (*TARGETS, *LARGE):
        known.hold(*known.get(target))
    for name in ("%00", "x" * 200):
        with known.client.stream("GET", f"{API}/heartbeat/{name}") as answer:
            known.hold(answer.status_code, "")


def test_no_upload_makes_the_app_stumble_and_all_land_in_the_folder(known: Known) -> None:
    wrong = [("text/plain", b"x"), *((f"multipart/form-data{kind}", B + b"x") for kind in KINDS)]
    for kind, body in (*wrong, *(("multipart/form-data; boundary=b", body) for body in UPLOADS)):
        headers = {"content-type": kind}
        answer = known.client.post(f"{API}/upload", content=body, headers=headers)
        assert answer.status_code < 500
        known.hold(answer.status_code, answer.text)
    names = r"../../canary.txt /etc/passwd a/b.png .. a\b .htaccess x.html a;b.png %2e%2e%2fx.png"
    for name in (*names.split(), "", "x" * 4000, "état 🖼️.png"):
        answer = known.upload(png(64, 48) + name.encode(), name)
        known.hold(answer.status_code, answer.text)
        for path in map(Path, answer.json() if answer.status_code == 200 else ()):
            assert path.resolve().is_relative_to(known.app.temp.resolve())
    assert known.canary.read_text() == known.secret


def test_no_body_makes_a_route_stumble(known: Known) -> None:
    paths = "/queue/join /run/predict /api/paint /run/%00 /call/paint /call/nope /call/v2/paint"
    for path in (*paths.split(), "/cancel", "/reset", "/component_server", "/stream/x"):
        for raw in BODIES:
            answer = known.post(path, raw)
            known.hold(answer.status_code, answer.text)
            if answer.status_code == 200 and "event_id" in answer.text:
                # It was let in: let it end, so that the next does not wait for it.
                known.hold(200, known.finish({}, f"/call/paint/{answer.json()['event_id']}"))


def test_no_drawing_makes_the_app_stumble(known: Known) -> None:
    found = known.client.get("/config").json()["components"]
    editor = next(c["id"] for c in found if c["type"] in ("imageeditor", "imagemask"))
    fields = {"id": "d", "type": "layer", "index": "0", "component_id": str(editor)}
    fields |= {"fn_name": "accept_blobs", "session_hash": "s"}
    for field in (*fields, "data", "files"):
        for text in ("", "-1", "99999999999", "nan", "../x", "__init__", "x" * 9999):
            files = {"file": ("x.png", png(3000, 3000) if field == "id" else b"no picture")}
            given = fields | {field: text}
            answer = known.client.post(f"{API}/component_server/", data=given, files=files)
            assert answer.status_code < 500
            known.hold(answer.status_code, answer.text)


def test_after_all_of_that_the_app_still_paints(known: Known) -> None:
    photo, style = (file(known.upload(png(*size)).json()[0]) for size in ((64, 48), (60, 60)))
    told = known.ask("/queue/join", [photo, style, '""', '"steps=2&size=64"'], "paint")
    assert '"success":true' in told
    assert ".png" in told

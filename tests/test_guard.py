"""The guard in front of a small app: what is refused, who may wait, and what is forgotten."""

import io
import json
import os
import re
import socket
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from select import select
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
from files import encoded
from gradio_client import Client, handle_file
from gradio_client.exceptions import ValidationError
from PIL import Image

from nst.errors import BadInput
from nst.pictures.limits import MEGABYTE
from nst.pictures.limits import limits_from as picture_limits
from ui.server import expiry, guard
from ui.server.expiry import bytes_held, forget_visits, has_room, make_room
from ui.server.guard import is_address, launch_options
from ui.server.limits import RUN_LIMITS, limits_from
from ui.server.visitors import address_of

API = "/gradio_api"
PATIENCE = 30  # seconds until a test gives up on an event that has to come
META = {"_type": "gradio.FileData"}
REMEDY = "handle_file('photo.jpg') sends one"


class Place:
    """A small running app: one painter, who goes on until the run is cancelled."""

    def __init__(self, temp: Path) -> None:
        self.temp, self.started, self.ended = temp, [], []
        with gr.Blocks() as self.demo:
            text, out, picture = gr.Textbox(), gr.Textbox(), gr.File()
            self.mask = gr.ImageMask(type="pil", image_mode="RGBA")
            for name, handler, inputs, outputs, options in (
                ("endless", self._endless, text, out, {"concurrency_id": "painting"}),
                ("echo", str, text, out, {}),
                ("name", os.path.basename, picture, out, {}),
                ("layers", lambda drawn: str(len(drawn["layers"])), self.mask, out, {}),
            ):
                gr.Button().click(handler, inputs, outputs, api_name=name, **options)
        self.demo.queue(max_size=RUN_LIMITS.queue, api_open=False)
        _, url, _ = self.demo.launch(
            prevent_thread_lock=True, quiet=True, ssr_mode=False, **launch_options()
        )
        self.url = url.rstrip("/")
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)

    def _endless(self, name: str) -> Iterator[str]:
        self.started.append(name)
        try:
            while True:
                yield f"{name} {time.monotonic()}"
                time.sleep(0.01)
        finally:
            self.ended.append(name)

    def client(self) -> Client:
        return Client(self.url, verbose=False)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        return self.http.post(API + path, json=fields)

    def join(self, name: str, data: Any, session: str = "") -> httpx.Response:
        index = next(number for number, fn in self.demo.fns.items() if fn.api_name == name)
        session = session or uuid.uuid4().hex
        return self.post("/queue/join", data=[data], fn_index=index, session_hash=session)

    def upload(self, data: bytes, name: str = "x.png") -> httpx.Response:
        return self.http.post(f"{API}/upload", files={"files": (name, data)})

    def line(self, head: str) -> socket.socket:
        """A connection over which this was sent."""
        url = self.http.base_url
        line = socket.create_connection((url.host, url.port), PATIENCE)
        line.sendall(head.encode())
        return line

    def draw(self, **fields: str) -> httpx.Response:
        given = {"id": "d1", "type": "layer", "index": "0", "session_hash": "s"}
        given |= {"component_id": str(self.mask._id), "fn_name": "accept_blobs"} | fields
        files = {"file": ("layer_0.png", encoded(Image.new("RGBA", (8, 8)), "PNG"))}
        return self.http.post(f"{API}/component_server/", data=given, files=files)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    temp = tmp_path_factory.mktemp("place").resolve()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRADIO_TEMP_DIR", str(temp))
        place = Place(temp)
        yield place
        place.demo.close()


def wait(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_a_body_that_is_too_large_or_does_not_say_so_is_refused_and_leaves_nothing(place) -> None:
    before = [*place.temp.rglob("*")]
    kind = {"content-type": "multipart/form-data; boundary=b"}
    for path, most in (("/queue/join", guard.JSON_BYTES), ("/upload", guard.UPLOAD_BYTES)):
        told = f"The request is larger than {most / MEGABYTE:g} MB, the maximum allowed size."
        answer = place.http.post(API + path, content=bytes(most + 1), headers=kind)
        assert (answer.status_code, told in answer.text) == (413, True)
        answer = place.http.post(API + path, content=iter([bytes(9000)]), headers=kind)
        assert (answer.status_code, "how long it is" in answer.text) == (411, True)
        lengths = "Content-Length: 5\r\nTransfer-Encoding: chunked"
        with place.line(f"POST {API}{path} HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\n") as line:
            assert line.recv(99).split()[1] in (b"400", b"411")
    assert [*place.temp.rglob("*")] == before


def test_only_uploads_stand_for_files(place: Place) -> None:
    (place.temp.parent / "canary").write_text("secret")
    (uploaded,) = place.upload(b"x").json()
    file = {"path": uploaded, "meta": META}
    assert place.client().predict(file, api_name="/name") == "x.png"
    outside = "http://localhost/x HTTPS://localhost/x //localhost/x file:///etc/passwd app.py"
    paths = [*outside.split(), "", f"{place.temp}/../canary", str(place.temp.parent / "canary")]
    data = "data:image/png;base64,AAAA"
    for path, url in (*((path, None) for path in (*paths, data)), (uploaded, data)):
        for file in ({"path": path, "url": url, "meta": META}, {"path": path, "url": url}):
            for answer in (
                place.join("name", file),
                place.post("/run/echo", data=[[file]]),
                place.post("/call/name", data=[{"deep": [file]}]),
            ):
                assert answer.status_code == 422
                assert answer.json()["error"] == f"Only uploads can be used here: {REMEDY}."
    with pytest.raises(ValidationError, match=re.escape(REMEDY)):  # as a program is told
        place.client().predict(handle_file("http://localhost/x.png"), api_name="/name")


def test_only_a_jpeg_without_a_path_is_taken_for_a_frame_of_the_camera(place: Place) -> None:
    frame = "data:image/jpeg;base64,AAAA"
    for value, refused in (
        ({"url": frame}, False),
        ({"url": frame, "path": "x.jpg"}, True),
        ({"url": "data:image/png;base64,AAAA"}, True),
        ({"url": "data:image/svg+xml,<svg/>"}, True),
    ):
        for path in ("/stream/none", "/stream/none/close"):
            answer = place.post(path, data=[value])
            assert answer.status_code == (422 if refused else 404), value

    # Which is told by a scheme.
    for path in ("http://x", " HTTP:x", "file:///x", "\\\\host\\x", "//host", "data:text/plain,x"):
        assert is_address(path)
    for path in ("/tmp/x.png", "C:\\Temp\\x.png", "c:/x", "x.png", ""):
        assert not is_address(path)


def test_what_the_page_does_not_use_is_closed(place: Place) -> None:
    pages = "/docs /redoc /openapi.json /monitoring/summary /login /pwa_icon/9 /nowhere"
    routes = "mcp/ mcp/schema runs proxy=https://x.hf.space/ deep_link?session_hash=x dev/reload"
    for path in (*pages.split(), *(f"{API}/{route}" for route in routes.split())):
        assert place.http.get(path).status_code == 404, path
    for path in ("process_recording", "vibe-edit", "stream/x/open", "run-history/connect"):
        answer = place.http.post(f"{API}/{path}", json={})
        assert (answer.status_code, answer.json()["error"]) == (404, "There is nothing here.")
    answer = place.post("/queue/join", data=[""], fn_index=0, session_hash="")
    assert (answer.status_code, answer.json()["error"]) == (422, "The request names no session.")
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert place.http.request(method, f"{API}/upload").status_code in (404, 405)


def test_every_answer_may_be_embedded_and_loads_nothing_from_elsewhere(place: Place) -> None:
    for path in ("/", "/config", "/theme.css", "/nowhere", f"{API}/file=/etc/passwd"):
        headers = place.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "default-src 'self'" in headers["content-security-policy"]
        # Hugging Face shows a Space in a frame.
        assert "x-frame-options" not in headers
        assert "frame-ancestors" not in headers["content-security-policy"]
    # Nor is a page that was sent as a picture served as a page.
    (path,) = place.upload(b"<script>alert(1)</script>", "x.html").json()
    headers = place.http.get(f"{API}/file={path}").headers
    assert headers["content-disposition"].startswith("attachment")


def test_a_link_to_the_page_shows_the_app_s_own_card(place: Place) -> None:
    answer = place.http.get("/", headers={"host": "example.org", "x-forwarded-proto": "https"})
    assert answer.num_bytes_downloaded < len(answer.content) / 3  # it comes compressed
    page = answer.text
    assert '<meta property="og:title" content="A photo, repainted">' in page
    assert '<meta property="og:image" content="https://example.org/card.jpg">' in page
    metas = [part.partition(">")[0] for part in page.split("<meta ")[1:]]
    assert not [meta for meta in metas if "gradio" in meta.lower()]
    card = Image.open(io.BytesIO(place.http.get("/card.jpg").content))
    assert (card.format, card.size) == ("JPEG", (1200, 630))


def test_a_drawn_layer_reaches_its_run_and_nothing_else_is_kept(place, monkeypatch) -> None:
    for fields in ({"type": "background"}, {"type": "composite"}, {"index": "1000000000"}):
        assert place.draw(**fields).json() is None
    assert place.mask.blob_storage == {}
    assert place.draw().status_code == 200
    assert place.client().predict({"id": "d1"}, api_name="/layers") == "1"
    # What no run takes does not pile up.
    monkeypatch.setattr(guard, "DRAWINGS", 3)
    for number in range(6):
        place.draw(id=f"d{number}")
    assert list(place.mask.blob_storage)[-1] == "d5"
    assert len(place.mask.blob_storage) <= 4


def test_one_paints_at_a_time_and_the_next_is_told_the_place(place: Place) -> None:
    one, two = place.client(), place.client()
    first = one.submit("first", api_name="/endless")
    wait(lambda: "first" in place.started)
    second = two.submit("second", api_name="/endless")
    wait(lambda: second.status().rank is not None)
    assert second.status().rank == 0
    assert place.client().predict("x", api_name="/echo") == "x"  # light work does not wait
    assert "second" not in place.started
    first.cancel()
    wait(lambda: "first" in place.ended and "second" in place.started)
    second.cancel()
    wait(lambda: "second" in place.ended)


def test_a_visitor_who_leaves_frees_the_painter_for_the_next(place: Place) -> None:
    place.join("endless", "leaver", "leaver")
    with place.http.stream("GET", f"{API}/queue/data?session_hash=leaver") as told:
        lines = told.iter_lines()  # forgotten, it would hang up
        next(lines)
        wait(lambda: "leaver" in place.started)
    wait(lambda: "leaver" in place.ended)


def test_the_queue_has_an_end_and_one_address_a_share_of_it(place: Place, monkeypatch) -> None:
    limits = RUN_LIMITS.model_copy(update={"queue": 8})
    monkeypatch.setattr(guard, "RUN_LIMITS", limits)
    first = place.client().submit("holder", api_name="/endless")
    wait(lambda: "holder" in place.started)
    answers = [place.join("endless", str(number)) for number in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[-1].json()["error"] == (
        "2 runs from your address are waiting already. Please try again in a minute."
    )
    monkeypatch.setattr(guard, "RUN_LIMITS", limits.model_copy(update={"queue": 2}))
    assert place.join("endless", "x").json()["error"] == (
        "2 runs are waiting already. Please try again in a minute."
    )
    place.demo._queue.event_queue_per_concurrency_id["painting"].queue.clear()
    first.cancel()
    wait(lambda: "holder" in place.ended)


def test_one_address_has_only_so_many_requests_under_way(place: Place, monkeypatch) -> None:
    monkeypatch.setattr(guard, "AT_ONCE", 2)
    half = f"POST {API}/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{"
    with place.line(half) as one, place.line(half) as two, place.line(half) as three:
        (refused,) = select([one, two, three], [], [], PATIENCE)[0]
        assert refused.recv(99).split()[1] == b"429"
    wait(lambda: place.post("/cancel").status_code != 429)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass: a file's time of coming cannot be set."""
    now = time.time
    return lambda seconds: monkeypatch.setattr(expiry.time, "time", lambda: now() + seconds)


def page_with(own: Path | None = None, **states: Any) -> Any:
    """What stands for the page: its own file, and {session: (seconds idle, value)}."""
    now = datetime.now()
    data = {s: SimpleNamespace(state_data={1: value}) for s, (_, value) in states.items()}
    used = {s: now - timedelta(seconds=idle) for s, (idle, _) in states.items()}
    holder = SimpleNamespace(
        session_data=OrderedDict(data), time_last_used=used, delete_state=data.get
    )
    block = SimpleNamespace(keep_in_cache={str(own)})
    return SimpleNamespace(state_holder=holder, blocks={1: block})


def test_files_expire_with_their_folders_but_not_the_page_s_own(folder, later) -> None:
    for name in ("a/x.png", "own/preset.png"):
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(b"x")
    page = page_with(folder / "own" / "preset.png")
    assert make_room(page)
    assert (folder / "a" / "x.png").exists()
    later(expiry.CACHE_SECONDS + 1)
    assert make_room(page)
    assert [path.name for path in folder.iterdir()] == ["own"]


def test_the_oldest_go_first_and_what_has_just_come_stays(folder, monkeypatch, later) -> None:
    monkeypatch.setattr(expiry, "RUN_LIMITS", RUN_LIMITS.model_copy(update={"cache_mb": 1}))
    for name in ("first", "second", "third"):
        (folder / name).write_bytes(bytes(MEGABYTE // 2))
        os.utime(folder / name)
    assert not make_room(page_with())
    assert len(list(folder.iterdir())) == 3
    later(2 * expiry.YOUNG_SECONDS)
    assert make_room(page_with())
    assert sorted(path.name for path in folder.iterdir()) == ["second", "third"]
    assert make_room(page_with(), coming=MEGABYTE // 2)
    assert [path.name for path in folder.iterdir()] == ["third"]


def test_a_full_disk_is_told_before_an_upload(place: Place, monkeypatch) -> None:
    assert has_room()
    monkeypatch.setattr(expiry, "RESERVE", 10**18)
    answer = place.upload(b"x")
    assert answer.status_code == 507
    assert answer.text == "The disk here is full. Please try again in a while."


def test_results_are_forgotten_when_idle_or_when_all_are_too_large(monkeypatch) -> None:
    picture = Image.new("L", (1024, 1024))
    page = page_with(
        oldest=(30.0, [Image.new("L", (1024, 1024))]),
        idle=(RUN_LIMITS.visit + 1, "nothing"),
        large=(20.0, {"frames": [bytes(MEGABYTE)], "canvas": np.zeros(MEGABYTE, np.uint8)}),
        latest=(1.0, SimpleNamespace(painted=picture, again=[picture])),
    )
    forget_visits(page, megabytes=3)
    assert list(page.state_holder.session_data) == ["large", "latest"]


def test_a_picture_counts_once_and_code_not_at_all() -> None:
    picture = Image.new("RGB", (100, 50))
    held = SimpleNamespace(a=picture, b=(picture, b"12345"), kind=Image.Image, module=json)
    assert bytes_held(held, set()) == 3 * 5000 + 5


def test_an_address_is_what_the_last_proxy_says_on_a_space_only(monkeypatch) -> None:
    def of(client: str, *forwarded: str) -> str:
        headers = [(b"x-forwarded-for", ", ".join(forwarded).encode())] if forwarded else []
        return address_of({"type": "http", "client": (client, 1), "headers": headers})

    monkeypatch.delenv("SPACE_ID", raising=False)
    assert of("127.0.0.1", "9.9.9.9") == "127.0.0.1"
    monkeypatch.setenv("SPACE_ID", "somebody/something")
    assert of("10.0.0.1", "invented", "9.9.9.9", "8.8.4.4") == "8.8.4.4"
    assert of("10.0.0.1", "9.9.9.9", "8.8.4.4", "10.16.3.80") == "8.8.4.4"
    assert of("10.0.0.1", "not one") == of("10.0.0.1") == "10.0.0.1"
    assert of("2a00:1450:4001:81b::1") == of("2a00:1450:4001:81b::2") != of("2a00:1450:4001:81c::1")
    assert of("::ffff:9.9.9.9") == "9.9.9.9"


def test_a_limit_out_of_bounds_is_told_in_a_sentence() -> None:
    wrong = "QUEUE=0 QUEUE=many DEADLINE_SECONDS=nan VISIT=-1 MAX_SIZE=1e9 SHARED_HOURS=inf"
    wrong += " MAX_PIXELS=0 MAX_PIXELS=many MAX_PIXELS=1.5 MAX_UPLOAD_MB=1e400"
    for name, text in (f"NST_{setting}".split("=") for setting in wrong.split()):
        read = picture_limits if re.search("PIXELS|UPLOAD", name) else limits_from
        with pytest.raises(BadInput, match=rf"^{name} must be .*, but it is '{text}'\.$"):
            read({name: text})
    found = picture_limits({"NST_MAX_UPLOAD_MB": "2", "NST_MAX_PIXELS": "1000000"})
    assert (found.max_bytes, found.max_pixels) == (2 * MEGABYTE, 1_000_000)
    assert limits_from({"NST_QUEUE": " 5 ", "NST_VISIT": "", "HOME": "/"}).queue == 5

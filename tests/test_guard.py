"""The guard, in front of a small app of its own: what it refuses, what it bounds, who may wait."""

import asyncio
import errno
import io
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from PIL import Image

from nst.errors import BadInput
from nst.pictures.limits import MEGABYTE
from nst.recipe import Recipe
from ui.links import Shared
from ui.job import Job
from ui.messages import user_errors
from ui.result import Result
from ui.server.admission import DECODING, Admission, Command
from ui.server.bodies import Refused, Upload, boundary_of
from ui.server.expiry import Cache, Listeners, _again, _forget
from ui.server.fair_queue import PAINTING, FairQueue
from ui.server.gradio_internals import Page, keep_file, kept_by_session
from ui.server.guard import launch_options
from ui.server.limits import REQUEST_LIMITS, RUN_LIMITS, RequestLimits
from ui.server.visitors import Visitor, visitor_of
from ui.server.visits import Visits, bytes_held

API = "/gradio_api"
PATIENCE = 30  # seconds until a test gives up on an event that has to come
OLD = 10_000


class Runs:
    """Endless runs that wait for their turns: who has started, and who has ended."""

    def __init__(self) -> None:
        self.queue = FairQueue(1)
        self.gate = threading.Event()
        self.looking = self.most_looking = 0
        self._lock = threading.Lock()
        self.started: dict[str, threading.Event] = {}
        self.ended: dict[str, threading.Event] = {}
        self.order: list[str] = []

    def of(self, name: str) -> tuple[threading.Event, threading.Event]:
        return (self.started.setdefault(name, threading.Event()),
                self.ended.setdefault(name, threading.Event()))  # fmt: skip

    def endless(self, request: gr.Request, name: str) -> Iterator[str]:
        started, ended = self.of(name)
        try:
            with self.queue.join(visitor_of(request)) as turn:
                for before, _ in turn.waiting():
                    yield f"{before} before {name}"
                step = 0
                while True:
                    step += 1
                    time.sleep(0.01)
                    yield f"{name} {step}"
                    if step == 2:
                        self.order.append(name)
                        started.set()
        finally:
            ended.set()

    def look(self, text: str) -> str:
        with self._lock:
            self.looking += 1
            self.most_looking = max(self.looking, self.most_looking)
        self.gate.wait(PATIENCE)
        with self._lock:
            self.looking -= 1
        return text


def _page(runs: Runs) -> gr.Blocks:
    def remember(text: str, kept: str) -> tuple[str, str]:
        return kept, text

    def refuse(text: str) -> str:
        with user_errors():
            raise BadInput("That is 7, and at most 5 can be.")

    def fail(text: str) -> str:
        with user_errors():
            raise RuntimeError("a secret of the house")

    with Page() as demo:
        text, out, kept = gr.Textbox(), gr.Textbox(), gr.State("")
        number = gr.Slider(0, 1)
        picture = gr.File()
        gr.Button().click(runs.endless, text, out, api_name="endless",
                          concurrency_id=PAINTING, concurrency_limit=20)  # fmt: skip
        gr.Button().click(runs.look, text, out, api_name="look", queue=False,
                          concurrency_id=DECODING)  # fmt: skip
        gr.Button().click(remember, [text, kept], [out, kept], api_name="remember")
        for name, handler in (("refuse", refuse), ("fail", fail)):
            gr.Button().click(handler, text, out, api_name=name, queue=False)
        gr.Button().click(lambda n: str(n), number, out, api_name="number", queue=False)
        gr.Button().click(lambda p: os.path.basename(p), picture, out, api_name="name")
        gr.Button().click(lambda: {out: gr.update(value="new", label="Told")}, None,
                          [text, kept, out], api_name="update", queue=False)  # fmt: skip
        mask = gr.ImageMask(type="pil", image_mode="RGBA", elem_id="mask")
        gr.Button().click(lambda drawn: str(len(drawn["layers"])), mask, out, api_name="layers")
    demo.queue(max_size=40, api_open=False)
    return demo


def _serving(folder: Path) -> Iterator[Callable[..., "Place"]]:
    places: list[Place] = []

    def start(**limits: Any) -> "Place":
        runs = Runs()
        demo = _page(runs)
        _, url, _ = demo.launch(
            prevent_thread_lock=True, quiet=True, ssr_mode=False, show_error=False,
            **launch_options(
                replace(REQUEST_LIMITS, **limits), replace(RUN_LIMITS, queue=6), runs.queue
            ),
        )  # fmt: skip
        places.append(Place(demo, url.rstrip("/"), runs, folder))
        return places[-1]

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRADIO_TEMP_DIR", str(folder))
        yield start
        for place in places:
            place.demo.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., "Place"]]:
    """Start the small app behind a guard; each with its own limits."""
    yield from _serving(tmp_path / "temp")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Place"]:
    """One small app with the usual limits, for tests that leave nothing behind."""
    for start in _serving(tmp_path_factory.mktemp("place")):
        yield start()


class Place:
    """A running small app."""

    def __init__(self, demo: gr.Blocks, url: str, runs: Runs, temp: Path) -> None:
        self.demo, self.url, self.runs, self.temp = demo, url, runs, temp

    def client(self) -> Client:
        return Client(self.url, verbose=False)

    def index(self, name: str) -> int:
        return next(fn._id for fn in self.demo.fns.values() if fn.api_name == name)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        return httpx.post(self.url + API + path, json=fields, timeout=PATIENCE)

    def join(self, name: str, session: str, *data: Any) -> httpx.Response:
        return self.post("/queue/join", data=list(data), fn_index=self.index(name),
                         session_hash=session)  # fmt: skip

    def upload(self, data: bytes, name: str = "x.png") -> httpx.Response:
        return httpx.post(f"{self.url}{API}/upload", files={"files": (name, data)})


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


# Bodies


def test_a_body_declared_too_large_is_refused_with_both_numbers(serve) -> None:
    answer = serve(request_kb=2).post("/run/number", data=["x" * 5000], fn_index=0)
    assert answer.status_code == 413
    assert answer.json()["detail"] == (
        "The request has 4.9 KB; 2.0 KB is the maximum allowed size."
    )


def test_a_body_that_streams_too_much_is_refused(serve) -> None:
    place = serve(request_kb=64)
    answer = httpx.post(f"{place.url}{API}/queue/join", content=iter([b"[1,"] + [b"0," * 9000] * 9),
                        headers={"content-type": "application/json"})  # fmt: skip
    assert answer.status_code == 413
    assert "64.0 KB" in answer.json()["detail"]


def test_a_body_on_a_route_without_one_is_bounded_too(serve) -> None:
    place = serve(request_kb=2)
    assert httpx.request("GET", place.url, content=b"x" * 5000).status_code == 413


def test_an_upload_too_large_is_refused_and_leaves_nothing(serve, monkeypatch) -> None:
    place = serve()
    monkeypatch.setattr("ui.server.guard.LIMITS", replace(_limits(), max_bytes=100_000))
    chunks = iter([_part("x.png"), *[b"x" * 200_000] * 8, b"\r\n--b--\r\n"])
    answer = httpx.post(f"{place.url}{API}/upload", content=chunks, headers=MULTIPART)
    assert answer.status_code == 413
    assert "1.2 MB" in answer.text
    assert _files(place) == []


def test_an_upload_that_breaks_off_leaves_nothing(serve) -> None:
    place = serve()
    with socket.create_connection(("127.0.0.1", httpx.URL(place.url).port)) as line:
        line.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + _part("x.png") + bytes(9000)
        )
        _wait(lambda: _files(place) != [])
    _wait(lambda: _files(place) == [])


def _files(place: "Place") -> list[Path]:
    return [path for path in place.temp.rglob("*") if path.is_file()]


def test_a_body_that_never_ends_is_refused(serve) -> None:
    place = serve(body_seconds=0.3)
    gate = threading.Event()

    def slow() -> Iterator[bytes]:
        yield b'{"data":['
        gate.wait(PATIENCE)
        yield b"]}"

    answers: list[int] = []

    def post() -> None:
        kind = {"content-type": "application/json"}
        try:
            answers.append(httpx.post(f"{place.url}{API}/queue/join", content=slow(), headers=kind,
                                      timeout=PATIENCE).status_code)  # fmt: skip
        except httpx.HTTPError:
            answers.append(0)

    thread = threading.Thread(target=post)
    thread.start()
    time.sleep(0.6)
    gate.set()
    thread.join()
    assert answers[0] in (408, 0)


MULTIPART = {"content-type": "multipart/form-data; boundary=b"}


def _limits():
    from nst.pictures.limits import LIMITS

    return LIMITS


def _part(name: str) -> bytes:
    return (b'--b\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n'
            b"Content-Type: image/png\r\n\r\n" % name.encode())  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_an_upload_reads_the_same_however_it_is_cut(size: int) -> None:
    data = b"\r\n--a\r\n--" + bytes(range(256)) * 5 + b"\r\n-"
    body = _part("My Holiday.JPG") + data + b"\r\n" + _part("b") + b"" + b"\r\n--b--\r\nafter"
    upload = Upload(b"b", 2)
    came = b"".join(upload.feed(body[at : at + size]) for at in range(0, len(body), size))
    assert came == (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="picture.jpg"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n--b\r\n"
        b'Content-Disposition: form-data; name="files"; filename="picture.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n"
    )


def test_an_upload_of_too_many_files_is_refused() -> None:
    upload = Upload(b"b", 2)
    with pytest.raises(Refused, match="at most 2"):
        upload.feed((_part("x.png") + b"x\r\n") * 3)


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"multipart/form-data",
                                  b"multipart/form-data; boundary=b; charset=nope"])  # fmt: skip
def test_an_upload_without_a_plain_boundary_is_refused(kind: bytes) -> None:
    with pytest.raises(Refused):
        boundary_of(kind)


def test_a_file_loses_its_name_and_keeps_its_suffix(place: Place) -> None:
    (path,) = place.upload(b"x", "Anna at home.PNG").json()
    assert Path(path).name == "picture.png"
    file = {"path": path, "orig_name": "Anna at home.PNG", "meta": {"_type": "gradio.FileData"}}
    assert place.client().predict(file, api_name="/name") == "picture.png"


def test_a_page_sent_as_a_picture_is_not_served_as_a_page(place: Place) -> None:
    (path,) = place.upload(b"<script>alert(1)</script>", "x.html").json()
    answer = httpx.get(f"{place.url}{API}/file={path}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "url",
    ["http://localhost/x.png", "file:///etc/passwd", "../x", 7, "data:image/png;base64,AAAA",
     "/etc/passwd", "//localhost/x"],
)  # fmt: skip
def test_a_picture_by_address_is_refused(place: Place, url: Any) -> None:
    for file in ({"path": url, "meta": {"_type": "gradio.FileData"}}, {"path": url}):
        answer = place.join("name", uuid.uuid4().hex, file)
        assert answer.status_code == 400
        assert "upload" in answer.json()["detail"]


def test_a_data_address_beside_a_path_is_refused(place: Place) -> None:
    file = {"path": str(place.temp / "x"), "url": "data:image/png;base64,AAAA"}
    assert place.join("name", "s", file).status_code == 400


# Routes and answers


@pytest.mark.parametrize(
    "path",
    ["/docs", "/redoc", "/openapi.json", f"{API}/openapi.json", "/monitoring", f"{API}/runs",
     "/monitoring/summary", f"{API}/proxy=https://x.hf.space/", f"{API}/deep_link?session_hash=x",
     f"{API}/file/http://localhost/", f"{API}/dev/reload", "/pwa_icon/9999", "/nowhere"],
)  # fmt: skip
def test_a_route_that_the_page_does_not_use_is_closed(place: Place, path: str) -> None:
    assert httpx.get(place.url + path).status_code == 404


@pytest.mark.parametrize("path", ["process_recording", "vibe-edit", "stream/x", "dev/x"])
def test_nothing_can_be_posted_to_what_the_page_does_not_use(place: Place, path: str) -> None:
    assert httpx.post(f"{place.url}{API}/{path}", json={}).status_code == 404


def test_the_file_route_fetches_no_address(place: Place) -> None:
    for url in ("http://127.0.0.1:1/", "https://localhost/x", "HTTP://localhost", "file:///x"):
        assert httpx.get(f"{place.url}{API}/file={url}").status_code == 403


def test_every_answer_may_be_embedded_and_loads_nothing_from_elsewhere(place: Place) -> None:
    for path in ("/", "/config", "/theme.css", "/nowhere", f"{API}/file=/etc/passwd"):
        headers = httpx.get(place.url + path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "default-src 'self'" in headers["content-security-policy"]
        # Hugging Face shows a Space in a frame.
        assert "x-frame-options" not in headers
        assert "frame-ancestors" not in headers["content-security-policy"]


def test_the_page_comes_compressed(place: Place) -> None:
    answer = httpx.get(place.url)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.content) / 3


def test_what_a_handler_refuses_is_told_and_is_no_fault_of_the_server(place: Place) -> None:
    answer = place.post("/run/refuse", data=["x"], fn_index=place.index("refuse"))
    assert answer.status_code == 422
    assert answer.json()["error"] == "That is 7, and at most 5 can be."


def test_what_nobody_foresaw_is_a_fault_of_the_server_and_tells_nothing(place: Place) -> None:
    answer = place.post("/run/fail", data=["x"], fn_index=place.index("fail"))
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_a_value_of_the_wrong_kind_is_answered_with_a_sentence(place: Place) -> None:
    answer = place.post("/run/number", data=[None], fn_index=place.index("number"))
    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")


def test_calls_by_name_and_by_place_both_work(place: Place) -> None:
    for path, body in (("/call/remember", {"data": ["a"]}), ("/call/v2/remember", {"text": "a"})):
        event = place.post(path, **body).json()["event_id"]
        told = httpx.get(f"{place.url}{API}/call/remember/{event}", timeout=PATIENCE).text
        assert "event: complete" in told


def test_the_log_has_no_name_of_a_file(serve, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    place = serve(request_kb=1)
    place.upload(b"x", "Anna.png")
    file = {"path": "/home/anna/Anna.png", "orig_name": "Anna.png"}
    place.join("name", "s", file)
    place.join("name", "s", file, "x" * 3000)
    httpx.get(f"{place.url}{API}/file=/home/anna/Anna.png")
    told = [r.getMessage() for r in caplog.records if r.name.startswith(("ui", "nst"))]
    assert any("refused" in line for line in told)
    assert not any("anna" in line.lower() for line in told)


# Drawings


def _draw(place: Place, picture: bytes, **fields: str) -> httpx.Response:
    editor = next(b for b in place.demo.blocks.values() if isinstance(b, gr.ImageMask))
    given = {"id": "d1", "type": "layer", "index": "0", "component_id": str(editor._id),
             "fn_name": "accept_blobs", "session_hash": "s"} | fields  # fmt: skip
    return httpx.post(f"{place.url}{API}/component_server/", data=given,
                      files={"file": ("layer_0.png", picture)}, timeout=PATIENCE)  # fmt: skip


def _png(side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (side, side)).save(file, "PNG")
    return file.getvalue()


def test_a_drawn_layer_reaches_its_run(place: Place) -> None:
    assert _draw(place, _png()).status_code == 200
    assert place.client().predict({"id": "d1"}, api_name="/layers") == "1"


def test_what_of_a_drawing_is_not_used_is_not_kept(place: Place) -> None:
    editor = next(b for b in place.demo.blocks.values() if isinstance(b, gr.ImageMask))
    for fields in ({"type": "background"}, {"type": "composite"}, {"index": "1000000000"}):
        assert _draw(place, _png(), **fields).status_code == 200
    assert editor.blob_storage == {}


def test_drawings_that_no_run_takes_do_not_pile_up(serve, monkeypatch) -> None:
    monkeypatch.setattr("ui.server.drawings.KEPT", 3)
    place = serve()
    for number in range(6):
        _draw(place, _png(), id=f"d{number}")
    editor = next(b for b in place.demo.blocks.values() if isinstance(b, gr.ImageMask))
    assert list(editor.blob_storage) == ["d3", "d4", "d5"]


@pytest.mark.parametrize(
    "fields",
    [{"fn_name": "__init__"}, {"fn_name": "postprocess"}, {"component_id": "99999"}, {"id": ""},
     {"component_id": "x"}, {"type": "other"}, {"session_hash": "../x"},
     {"index": "", "more": "x"}],
    ids=str,
)  # fmt: skip
def test_a_drawing_that_is_not_of_this_page_is_refused(
    place: Place, fields: dict[str, str]
) -> None:
    answer = _draw(place, _png(), **fields)
    assert answer.status_code in (400, 404)
    assert answer.json()["detail"].endswith(".")


def test_a_drawing_that_is_no_picture_or_a_bomb_is_refused(place: Place) -> None:
    huge = _png()[:16] + (100_000).to_bytes(4, "big") * 2 + _png()[24:]
    for picture in (b"", b"x", b"<svg/>", _png()[:20], huge):
        assert _draw(place, picture).status_code == 400


# Who may wait


def test_one_visitor_may_have_only_so_many_runs_waiting(serve) -> None:
    place = serve(waiting_per_visitor=2)
    first = place.client().submit("first", api_name="/endless")
    assert place.runs.of("first")[0].wait(PATIENCE)
    mine = uuid.uuid4().hex
    assert [place.join("endless", mine, str(i)).status_code for i in range(3)] == [200, 200, 429]
    told = place.join("endless", mine, "again").json()["detail"]
    assert told == (
        "You have 2 runs waiting already; at most 2 can wait at once. "
        "They come one after the other."
    )
    assert place.join("endless", uuid.uuid4().hex, "another").status_code == 200
    first.cancel()


def test_who_is_refused_pushes_nobody_out(serve, monkeypatch) -> None:
    place = serve(waiting_per_address=1)
    first = place.client().submit("first", api_name="/endless")
    assert place.runs.of("first")[0].wait(PATIENCE)
    weighed: list[str] = []
    monkeypatch.setattr(Visits, "limit_number", lambda self, page, coming: weighed.append(coming))
    statuses = [place.join("endless", name, name).status_code for name in ("one", "two")]
    assert statuses == [200, 429]
    assert weighed == ["one"]
    first.cancel()


def test_one_address_may_have_only_so_many_runs_waiting(serve) -> None:
    place = serve(waiting_per_address=3)
    first = place.client().submit("first", api_name="/endless")
    assert place.runs.of("first")[0].wait(PATIENCE)
    statuses = [place.join("endless", uuid.uuid4().hex, str(i)).status_code for i in range(4)]
    assert statuses == [200, 200, 200, 429]
    first.cancel()


def test_a_full_queue_says_so_in_a_sentence(serve) -> None:
    place = serve(waiting_per_address=100)
    first = place.client().submit("first", api_name="/endless")
    assert place.runs.of("first")[0].wait(PATIENCE)
    answers = [place.join("endless", uuid.uuid4().hex, str(i)) for i in range(7)]
    assert [a.status_code for a in answers] == [200] * 6 + [429]
    assert answers[-1].json()["detail"] == (
        "6 runs are waiting here already, and there is room for 6. Please try again in a minute."
    )
    first.cancel()


def test_two_who_arrive_together_do_not_both_take_the_last_place(serve) -> None:
    page = serve().demo
    painting = SimpleNamespace(concurrency_id=PAINTING)
    admission = Admission(REQUEST_LIMITS, replace(RUN_LIMITS, queue=1), FairQueue(1))
    with ExitStack() as arriving:
        admission.wait(Command({}, painting, "one"), page, "here", arriving)
        with pytest.raises(Refused) as refused:
            admission.wait(Command({}, painting, "two"), page, "there", arriving)
        assert refused.value.status == 429
    admission.wait(Command({}, painting, "two"), page, "there", ExitStack())  # nobody came


def test_what_does_not_paint_takes_no_place_of_what_does(serve) -> None:
    page = serve().demo
    admission = Admission(REQUEST_LIMITS, replace(RUN_LIMITS, queue=3), FairQueue(1))
    looking, painting = (
        SimpleNamespace(concurrency_id="x"),
        SimpleNamespace(concurrency_id=PAINTING),
    )
    with ExitStack() as arriving:
        for number in range(3):
            admission.wait(Command({}, looking, f"s{number}"), page, "there", arriving)
        with pytest.raises(Refused):
            admission.wait(Command({}, looking, "again"), page, "elsewhere", arriving)
        admission.wait(Command({}, painting, "mine"), page, "here", arriving)


def test_sessions_that_one_address_invents_count_together(serve) -> None:
    page = serve().demo
    looking = SimpleNamespace(concurrency_id="x")
    admission = Admission(replace(REQUEST_LIMITS, waiting_per_address=2), RUN_LIMITS, FairQueue(1))
    with ExitStack() as arriving:
        for number in range(2):
            admission.wait(Command({}, looking, f"s{number}"), page, "there", arriving)
        with pytest.raises(Refused, match="from your address"):
            admission.wait(Command({}, looking, "s3"), page, "there", arriving)
        admission.wait(Command({}, looking, "s1"), page, "here", arriving)


def test_who_waits_is_told_how_many_are_before(serve) -> None:
    place = serve()
    first = place.client().submit("first", api_name="/endless")
    assert place.runs.of("first")[0].wait(PATIENCE)
    second = place.client().submit("second", api_name="/endless")
    _wait(lambda: "1 before second" in second.outputs())
    second.cancel()
    assert place.runs.of("second")[1].wait(PATIENCE)
    assert not place.runs.of("second")[0].is_set()
    first.cancel()


def test_light_work_does_not_wait_behind_painting(serve) -> None:
    place = serve()
    client = place.client()
    run = client.submit("long", api_name="/endless")
    assert place.runs.of("long")[0].wait(PATIENCE)
    assert place.client().predict("x", api_name="/remember") == ""
    assert not place.runs.of("long")[1].is_set()
    run.cancel()


# Between visitors


def test_a_cancelled_run_frees_the_device_for_the_next(serve) -> None:
    place = serve()
    one, two = place.client(), place.client()
    first = one.submit("first", api_name="/endless")
    assert place.runs.of("first")[0].wait(PATIENCE)
    second = two.submit("second", api_name="/endless")
    first.cancel()
    assert place.runs.of("first")[1].wait(PATIENCE)
    assert place.runs.of("second")[0].wait(PATIENCE)
    assert place.runs.order == ["first", "second"]
    second.cancel()
    assert place.runs.of("second")[1].wait(PATIENCE)


def test_a_visitor_who_leaves_frees_the_device_for_the_next(serve) -> None:
    place = serve()
    place.join("endless", "leaver", "leaver")
    with httpx.stream("GET", f"{place.url}{API}/queue/data", params={"session_hash": "leaver"},
                      timeout=PATIENCE) as told:  # fmt: skip
        lines = told.iter_lines()  # forgotten, it would hang up
        next(lines)
        assert place.runs.of("leaver")[0].wait(PATIENCE)
        second = place.client().submit("second", api_name="/endless")
    assert place.runs.of("leaver")[1].wait(PATIENCE)
    assert place.runs.of("second")[0].wait(PATIENCE)
    second.cancel()


def test_a_run_that_nobody_listens_to_ends(serve) -> None:
    place = serve(unheard_seconds=0.3)
    place.join("endless", "deaf", "deaf")
    assert place.runs.of("deaf")[1].wait(PATIENCE)
    queue = place.demo._queue
    _wait(lambda: "deaf" not in queue.pending_messages_per_session)
    _wait(lambda: "deaf" not in queue.pending_event_ids_session)


def test_a_run_that_somebody_listens_to_goes_on(serve) -> None:
    place = serve(unheard_seconds=1.5)
    heard = place.client().submit("heard", api_name="/endless")
    assert place.runs.of("heard")[0].wait(PATIENCE)
    deaf = place.join("endless", "deaf", "deaf")
    assert deaf.status_code == 200
    _wait(lambda: "deaf" not in place.demo._queue.pending_messages_per_session)
    assert not place.runs.of("heard")[1].is_set()
    heard.cancel()


def test_two_visitors_share_no_state(place: Place) -> None:
    one, two = place.client(), place.client()
    assert one.predict("mine", api_name="/remember") == ""
    assert two.predict("other", api_name="/remember") == ""
    assert one.predict("next", api_name="/remember") == "mine"


@pytest.fixture
def pass_over(run_to_end) -> Callable[[Place, Listeners, float], None]:
    """One look for what is to be forgotten."""
    return lambda place, listeners, visit: run_to_end(
        _forget(place.demo, listeners, Visits(RUN_LIMITS), 1000, visit)
    )


def test_a_session_describes_no_components_and_makes_only_what_changes(place: Place) -> None:
    session, index = uuid.uuid4().hex, place.index("update")
    answer = place.post("/run/update", data=[], fn_index=index, session_hash=session)
    untold, state, update = answer.json()["data"]
    assert (untold, state) == ({"__type__": "update"}, None)
    assert (update["value"], update["label"]) == ("new", "Told")
    kept = place.demo.state_holder.session_data[session]
    assert not list(kept.components)
    untouched, _, changed = place.demo.fns[index].outputs
    blocks = kept.blocks_config.blocks
    assert blocks[untouched._id] is untouched
    assert blocks[changed._id] is not changed


def test_an_idle_visit_is_forgotten(serve, pass_over) -> None:
    place = serve()
    client = place.client()
    client.predict("mine", api_name="/remember")
    assert client.session_hash in kept_by_session(place.demo)
    pass_over(place, Listeners(), 1000)
    assert client.session_hash in kept_by_session(place.demo)
    pass_over(place, Listeners(), 0)
    assert client.session_hash not in kept_by_session(place.demo)
    assert client.predict("next", api_name="/remember") == ""


def test_a_visit_that_is_listening_is_not_forgotten(serve, pass_over) -> None:
    place = serve()
    client = place.client()
    client.predict("mine", api_name="/remember")
    listeners = Listeners()
    listeners.begin(client.session_hash, "here")
    pass_over(place, listeners, 0)
    assert client.predict("next", api_name="/remember") == "mine"


def test_nobody_takes_the_messages_of_a_session_that_is_listened_to() -> None:
    listeners = Listeners()
    listeners.begin("session", "here")
    listeners.begin("session", "here")
    with pytest.raises(Refused, match="Somebody else"):
        listeners.begin("session", "there")
    listeners.end("session", "here")
    listeners.end("session", "here")
    assert not listeners.heard("session")
    listeners.begin("session", "there")


def test_expiry_goes_on_after_an_error_that_nobody_foresaw(caplog, run_to_end) -> None:
    tries = []

    async def act() -> None:
        tries.append(1)
        raise ValueError("unforeseen")

    async def go() -> None:
        task = asyncio.create_task(_again(act, 0.001))
        while len(tries) < 3:
            await asyncio.sleep(0.001)
        task.cancel()

    run_to_end(go())
    assert "unforeseen" in caplog.text


def test_headers_that_stop_in_the_middle_are_not_waited_for(serve, monkeypatch) -> None:
    monkeypatch.setattr("ui.server.expiry.HEADER_SECONDS", 0.2)
    place = serve(unheard_seconds=0.1)
    with socket.create_connection(("127.0.0.1", httpx.URL(place.url).port)) as line:
        line.settimeout(PATIENCE)
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ")
        assert line.recv(1) == b""


# Which visits are remembered


class Remembered:
    """What stands for the page: sessions and what they keep."""

    def __init__(self) -> None:
        self.session_data: OrderedDict[str, Any] = OrderedDict()
        self.time_last_used: dict[str, Any] = {}
        self.lock = threading.Lock()
        self.page = SimpleNamespace(
            state_holder=self,
            _queue=SimpleNamespace(event_queue_per_concurrency_id={}, active_jobs=[]),
        )

    def delete_state(self, session: str) -> None:
        del self.session_data[session]

    def keep(self, session: str, value: Any = None) -> None:
        self.session_data[session] = SimpleNamespace(state_data={1: value})


def test_strangers_with_fresh_names_do_not_push_out_who_has_a_result() -> None:
    held, visits = Remembered(), Visits(replace(RUN_LIMITS, visits=10))
    visits.seen(Visitor("home", "mine"))
    visits.opened("mine")
    held.keep("mine")
    for number in range(50):
        visits.seen(Visitor("elsewhere", f"fresh{number}"))
        visits.limit_number(held.page, f"fresh{number}")
        held.keep(f"fresh{number}")
    assert len(held.session_data) == 10
    assert "mine" in held.session_data


def test_with_one_address_the_page_that_was_closed_longest_ago_goes_first() -> None:
    held, visits = Remembered(), Visits(replace(RUN_LIMITS, visits=3))
    for name in ("open", "old", "new"):
        visits.seen(Visitor("home", name))
        held.keep(name)
    visits.opened("open")
    visits.limit_number(held.page, "coming")
    assert list(held.session_data) == ["open", "new"]


def test_the_pictures_of_all_visits_are_bounded_together() -> None:
    held, visits = Remembered(), Visits(replace(RUN_LIMITS, kept_pictures=10))
    megabyte = Image.new("L", (1024, 1024))
    visits.seen(Visitor("home", "mine"))
    held.keep("mine", {"painted": megabyte, "again": [megabyte]})
    for number in range(12):
        visits.seen(Visitor("elsewhere", f"large{number}"))
        held.keep(f"large{number}", Image.new("L", (1024, 1024)))
        visits.limit_memory(held.page)
    kept = kept_by_session(held.page)
    assert sum(map(bytes_held, kept.values())) == 10 * MEGABYTE
    assert "mine" in kept
    assert "large11" in kept


def test_a_result_counts_with_every_picture_it_holds() -> None:
    photo, style = Image.new("RGB", (100, 50)), Image.new("RGB", (10, 10))
    result = Result(Job(photo, (style, style), Shared(Recipe()), "", ""))
    result.painted = Image.new("RGB", (20, 20))
    assert bytes_held(result) == 3 * (5000 + 100 + 400)


# What is outside the queue


def test_what_decodes_pictures_takes_turns_and_small_requests_pass_by(serve) -> None:
    place = serve()
    answers: list[int] = []

    def look() -> None:
        answers.append(
            place.post("/run/look", data=["x"], fn_index=place.index("look")).status_code
        )

    lookers = [threading.Thread(target=look) for _ in range(5)]
    for looker in lookers:
        looker.start()
    _wait(lambda: place.runs.looking == 2)
    answer = place.post("/run/number", data=[0.5], fn_index=place.index("number"))
    assert answer.status_code == 200
    assert place.runs.looking == 2
    place.runs.gate.set()
    for looker in lookers:
        looker.join()
    assert answers == [200] * 5
    assert place.runs.most_looking == 2


def test_one_address_may_have_only_so_many_requests_waiting(run_to_end) -> None:
    async def go() -> None:
        admission = Admission(replace(REQUEST_LIMITS, waiting_requests=1), RUN_LIMITS, FairQueue(1))
        look = Command({}, SimpleNamespace(concurrency_id=DECODING), "session", queued=False)
        async with AsyncExitStack() as ended:
            for _ in range(2):
                await admission.take_turn(look, "here", ended)
            waiting = [
                asyncio.create_task(admission.take_turn(look, address, ended))
                for address in ("here", "there")
            ]
            await asyncio.sleep(0)
            with pytest.raises(Refused, match="from your address are waiting"):
                await admission.take_turn(look, "here", ended)
            assert not any(task.done() for task in waiting)
            for task in waiting:
                task.cancel()

    run_to_end(go())


# What is left behind


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cache]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return lambda **limits: Cache(replace(REQUEST_LIMITS, **limits))


def _aged(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let time pass: a file's time of coming cannot be set."""
    now = time.time
    monkeypatch.setattr("ui.server.expiry.time.time", lambda: now() + seconds)


def test_an_expired_file_goes_with_its_folder(cache, tmp_path, monkeypatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"x")
    kept = cache(cache_seconds=OLD)
    kept.sweep()
    assert (tmp_path / "a" / "x.png").exists()
    _aged(monkeypatch, OLD + 1)
    kept.sweep()
    kept.sweep()
    assert list(tmp_path.iterdir()) == []
    assert kept.gone() == {str(tmp_path / "a" / "x.png")}


def test_a_picture_that_somebody_fetches_is_not_written_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    box = gr.HTML()
    path = Path(keep_file(box, b"a picture", "lion.jpg"))
    os.utime(path, (0, 0))
    fetched = path.stat().st_ino
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", _no_room)
        assert keep_file(box, b"a picture", "lion.jpg") == str(path)
        with pytest.raises(OSError, match="No space"):
            keep_file(box, b"another", "lion.jpg")
    assert path.stat().st_ino == fetched
    assert path.stat().st_mtime > time.time() - 60
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def _no_room(self: Path, data: bytes) -> int:
    self.touch()
    raise OSError(errno.ENOSPC, "No space left on device")


def test_files_of_the_page_itself_never_expire(cache, tmp_path, monkeypatch) -> None:
    (tmp_path / "preset.png").write_bytes(b"x")
    _aged(monkeypatch, 2 * REQUEST_LIMITS.cache_seconds)
    cache().sweep(frozenset({str(tmp_path / "preset.png")}))
    assert (tmp_path / "preset.png").exists()


def test_the_oldest_go_first_when_the_folder_is_full(cache, tmp_path, monkeypatch) -> None:
    for name in ("first", "second", "third"):
        (tmp_path / name).write_bytes(bytes(MEGABYTE // 2))
        time.sleep(0.02)
    _aged(monkeypatch, 100)
    cache(cache_mb=1).sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["second", "third"]


def test_what_has_just_come_is_not_thrown_out_for_the_next(cache, tmp_path) -> None:
    (tmp_path / "new").write_bytes(bytes(4 * MEGABYTE))
    kept = cache(cache_mb=4)
    kept.sweep()
    with pytest.raises(Refused, match="disk here is full"):
        kept.reserve(MEGABYTE, "here")
    assert (tmp_path / "new").exists()


def test_uploads_that_stall_keep_their_room_over_a_sweep(cache) -> None:
    kept = cache(cache_mb=8)
    for address in ("a", "b", "c", "d"):
        kept.reserve(2 * MEGABYTE, address)
        kept.sweep()
    with pytest.raises(Refused, match="disk here is full"):
        kept.reserve(MEGABYTE, "e")
    kept.release(2 * MEGABYTE, "a")
    kept.sweep()
    kept.reserve(MEGABYTE, "e")


def test_uploads_of_one_address_take_a_share_of_the_room_only(cache) -> None:
    kept = cache(cache_mb=8)
    kept.reserve(2 * MEGABYTE, "here")
    with pytest.raises(Refused, match="from your address") as refused:
        kept.reserve(1, "here")
    assert refused.value.status == 429
    kept.reserve(MEGABYTE, "there")


def test_what_an_open_page_has_chosen_is_not_swept(cache, tmp_path, monkeypatch) -> None:
    for name in ("photo", "other"):
        (tmp_path / name).write_bytes(bytes(MEGABYTE))
    _aged(monkeypatch, 2 * REQUEST_LIMITS.cache_seconds)
    cache(cache_mb=8).sweep(frozenset(), {str(tmp_path / "photo"): "home"})
    assert [path.name for path in tmp_path.iterdir()] == ["photo"]


def test_one_address_cannot_hold_more_than_its_share_of_files(cache, tmp_path, monkeypatch) -> None:
    files = [tmp_path / str(number) for number in range(3)]
    for file in files:
        file.write_bytes(bytes(MEGABYTE))
    _aged(monkeypatch, 2 * REQUEST_LIMITS.cache_seconds)
    cache(cache_mb=8).sweep(frozenset(), {str(file): "greedy" for file in files})
    assert list(tmp_path.iterdir()) == []


def test_files_that_open_pages_name_are_in_use_until_they_close() -> None:
    visits = Visits(RUN_LIMITS)
    visits.seen(Visitor("home", "mine"), {"/photo"})
    assert visits.in_use() == {}
    visits.opened("mine")
    assert visits.in_use() == {"/photo": "home"}
    visits.closed("mine")
    assert visits.in_use() == {}


def test_a_picture_that_has_expired_is_asked_for_again(place: Place) -> None:
    (path,) = place.upload(b"x").json()
    Path(path).unlink()
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    answer = place.join("name", uuid.uuid4().hex, file)
    assert answer.status_code == 410
    assert answer.json()["detail"] == (
        "That picture has expired here: please choose or send it again."
    )


def test_a_full_disk_is_told_before_a_run_or_an_upload(serve) -> None:
    place = serve(disk_reserve_mb=10**9)
    for answer in (place.join("endless", "s", "x"), place.upload(b"x")):
        assert answer.status_code == 507
        assert "The disk here is full" in answer.text
    assert not place.runs.started


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much"])
def test_a_limit_that_is_no_positive_number_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(BadInput, match="NST_CACHE_MB"):
        RequestLimits.from_environment({"NST_CACHE_MB": text})


def test_an_operator_sets_limits_through_the_environment() -> None:
    assert RequestLimits.from_environment({"NST_WAITING_PER_VISITOR": "5"}).waiting_per_visitor == 5


# In a browser


@pytest.mark.browser
def test_the_policy_lets_the_real_page_work_and_show_in_a_frame(app, browser) -> None:
    page = browser.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.set_content(f'<iframe src="{app.url}" width="1200" height="900"></iframe>')
    frame = page.frame_locator("iframe")
    frame.locator("#go").wait_for()
    frame.locator("#styles img").first.wait_for()
    assert not [line for line in told if "Content Security Policy" in line]
    page.close()


def test_numbers_in_json_stay_what_they_were(place: Place) -> None:
    answer = place.post("/run/number", data=[0.30000000000000004], fn_index=place.index("number"))
    assert json.loads(answer.text)["data"] == ["0.30000000000000004"]

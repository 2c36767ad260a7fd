"""Shared pictures: found by their link only, until they expire or are taken back."""

import re
import time

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from nst.errors import BadInput
from ui.server import shared as module
from ui.server.shared import SharedPictures, shared_page

JPEG = b"\xff\xd8 a painting \xff\xd9"


@pytest.fixture
def pictures(monkeypatch) -> SharedPictures:
    monkeypatch.setattr(module, "shared", SharedPictures(hours=24))
    return module.shared


@pytest.fixture
def client(pictures) -> TestClient:
    return TestClient(
        Starlette(routes=[Route("/shared/{name}", shared_page)]), "http://example.org"
    )


def test_a_link_shows_the_painting_and_invites_to_paint(pictures, client) -> None:
    name = pictures.add(JPEG, 'Lion in "Night" <b>')
    page = client.get(f"/shared/{name}")
    assert page.status_code == 200
    image = f"http://example.org/shared/{name}.jpg"
    assert f'<meta property="og:image" content="{image}">' in page.text
    assert "Lion in &quot;Night&quot; &lt;b&gt;" in page.text
    assert "<b>" not in page.text
    assert '<a href="http://example.org/">Paint yours</a>' in page.text
    assert "Shared for 24 more hours." in page.text
    assert client.get(f"/shared/{name}.jpg").content == JPEG
    for answer in (page, client.get(image)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_id_cannot_be_guessed_and_other_paths_pass_by(pictures, client) -> None:
    names = {pictures.add(JPEG, "x") for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r"[\w-]{22}", name) for name in names)
    missing = client.get("/shared/" + "x" * 22)
    assert missing.status_code == 404
    assert "no longer shared" in missing.text
    assert "Paint yours" in missing.text
    assert client.get("/shared/x").status_code == 404
    for path in ("/shared/", "/shared/../app.py", "/elsewhere"):
        assert "no longer shared" not in client.get(path).text


def test_a_picture_is_taken_back(pictures, client) -> None:
    name, other = pictures.add(JPEG, "mine"), pictures.add(JPEG, "other")
    assert pictures.remove(name)
    assert not pictures.remove(name)
    assert client.get(f"/shared/{name}.jpg").status_code == 404
    assert client.get(f"/shared/{other}.jpg").status_code == 200


def test_a_picture_expires(pictures, client, monkeypatch) -> None:
    name, now = pictures.add(JPEG, "x"), time.time
    monkeypatch.setattr(module.time, "time", lambda: now() + 24 * 3600 - 5)
    assert client.get(f"/shared/{name}").status_code == 200
    monkeypatch.setattr(module.time, "time", lambda: now() + 24 * 3600 + 5)
    assert client.get(f"/shared/{name}").status_code == 404


def test_pictures_are_bounded_in_number_and_bytes_or_switched_off(pictures, monkeypatch) -> None:
    with pytest.raises(BadInput, match="at most"):
        pictures.add(bytes(module.LARGEST + 1), "x")
    monkeypatch.setattr(module, "MOST_PICTURES", 3)
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    pictures.add(bytes(60), "x")
    with pytest.raises(BadInput, match="Too many"):
        pictures.add(bytes(60), "x")
    pictures.add(bytes(10), "x")
    pictures.add(bytes(10), "x")
    with pytest.raises(BadInput, match="Too many"):
        pictures.add(b"x", "x")
    with pytest.raises(BadInput, match="cannot be shared from here"):
        SharedPictures(hours=0).add(JPEG, "x")

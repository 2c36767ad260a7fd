"""Weights that do not arrive: each failure, the sentence a user sees, and what is left behind."""

import socket
import subprocess
import threading
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pytest
from hub import TINY, TINY_SHAPES, Hub, Model
from test_weights import FETCH, assert_arrived, cached, hub, run, start

from nst.weights.hub import _within

__all__ = ["hub"]

REACH = "The Hugging Face Hub at {url} cannot be reached: "


def fail(hub: Hub, home: Path, code: str = FETCH, **environment: str) -> str:
    """The sentence with which a process that wants the weights ends."""
    client = start(hub, home, code, **environment)
    _, err = client.communicate(timeout=120)
    assert client.returncode == 1
    assert "Traceback" not in err
    return err.strip().splitlines()[-1]  # above it the bar of what arrived


def left(home: Path) -> list[str]:
    """What lies in the cache besides empty lock files."""
    files = [path for path in (home / "assets").rglob("*") if path.is_file()]
    return [path.name for path in files if path.suffix != ".lock"]


def test_a_slow_hub_is_waited_for(hub, tmp_path):
    hub.pause = 0.2
    run(hub, tmp_path)
    assert_arrived(hub, tmp_path)


def test_a_hub_that_falls_silent_is_asked_for_the_rest(hub, tmp_path):
    hub.stalls = {1: 200_000}
    run(hub, tmp_path, "hub.STALL_SECONDS = 0.5; " + FETCH)
    _, first, second = hub.gets
    assert second.start == first.start + 200_000
    assert first.sent + second.sent == TINY.size
    assert_arrived(hub, tmp_path)


def test_a_download_cut_off_half_way_resumes_where_it_stopped(hub, tmp_path):
    hub.cuts = {1: TINY.size // 2, 2: 100_000}
    run(hub, tmp_path)
    _, *parts = hub.gets
    assert [part.start - parts[0].start for part in parts] == [
        0,
        TINY.size // 2,
        TINY.size // 2 + 100_000,
    ]
    assert sum(part.sent for part in parts) == TINY.size
    assert_arrived(hub, tmp_path)


def test_a_download_given_up_is_kept_for_the_next_visit(hub, tmp_path):
    hub.cuts = {1: 200_000, 2: 0, 3: 0}
    sentence = fail(hub, tmp_path)
    assert sentence == "The download of VGG-19 broke off. " + REACH.format(url=hub.url) + (
        "the connection failed."
    )
    assert left(tmp_path) == ["features.partial"]
    run(hub, tmp_path)
    assert hub.gets[-1].start - hub.gets[1].start == 200_000
    assert_arrived(hub, tmp_path)


def test_a_part_of_another_file_is_not_continued(hub, tmp_path):
    hub.cuts = {1: 200_000, 2: 0, 3: 0}
    fail(hub, tmp_path)
    hub.etag = "4567cdef"
    hub.model.features[:] = np.ones(TINY.size // 4, np.float32).tobytes()
    run(hub, tmp_path)
    assert hub.gets[-1].start == hub.gets[1].start
    assert_arrived(hub, tmp_path)


@pytest.mark.parametrize(
    ("garble", "complaint"),
    [
        (b"x" * 100, "its safetensors header cannot be read."),
        (b"[" * 10_000, "its safetensors header cannot be read."),
        (b"[1, 2, 3]", "its safetensors header is not a table of tensors."),
        (b" " * 100_000, "it does not begin like a safetensors file."),
        (b'{"features.0.bias": {"dtype": "F64"}}', "it has no tensor features.0.weight."),
    ],
)
def test_a_damaged_header_is_refused(hub, tmp_path, garble, complaint):
    hub.model.garble = garble
    assert fail(hub, tmp_path) == f"What the Hugging Face Hub sent is not VGG-19: {complaint}"
    assert left(tmp_path) == []


def test_wrong_shapes_are_refused(tmp_path):
    shapes = TINY_SHAPES | {"features.2.weight": (64, 64, 5, 5)}
    with Hub(Model(shapes, {})) as hub:
        assert fail(hub, tmp_path) == (
            "What the Hugging Face Hub sent is not VGG-19: "
            "features.2.weight is F32 [64, 64, 5, 5], not F32 [64, 64, 3, 3]."
        )
        assert hub.served < 66_000
    assert left(tmp_path) == []


def test_other_bytes_than_those_asked_for_are_refused(hub, tmp_path):
    hub.shift = 8
    assert fail(hub, tmp_path) == (
        "What the Hugging Face Hub sent is not VGG-19: the bytes that came do not begin at 0."
    )
    assert left(tmp_path) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(hub, tmp_path, value):
    begin, _ = hub.model.table["features.2.weight"]["data_offsets"]
    hub.model.features[begin + 40 : begin + 44] = np.float32(value).tobytes()
    assert fail(hub, tmp_path) == (
        "What the Hugging Face Hub sent is not VGG-19: "
        "features.2.weight holds values that are not finite numbers."
    )
    assert left(tmp_path) == []


def test_another_commit_is_refused(hub, tmp_path):
    hub.commit = "f" * 40
    assert fail(hub, tmp_path) == (
        f"What the Hugging Face Hub sent is not VGG-19: it is from commit {'f' * 40}, "
        f"not {TINY.commit}."
    )
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "headers", "complaint"),
    [
        (404, {}, f"has no model.safetensors in {TINY.repo} at commit 128d470 (404)."),
        (401, {}, f"refuses access to {TINY.repo} (401); a wrong HF_TOKEN is a usual cause."),
        (403, {}, f"refuses access to {TINY.repo} (403); a wrong HF_TOKEN is a usual cause."),
        (429, {"Retry-After": "3600"}, "is busy (429) and asks to wait 3600 s."),
        (503, {}, "answered with an error (503)."),
        (500, {"Retry-After": "soon"}, "answered with an error (500)."),
    ],
)
def test_a_refusal_is_told_in_plain_words(hub, tmp_path, status, headers, complaint):
    hub.refuse = (status, headers)
    sentence = f"The Hugging Face Hub at {hub.url} {complaint}"
    assert fail(hub, tmp_path, HF_TOKEN="hf_secret") == sentence
    assert left(tmp_path) == []


def test_a_busy_hub_is_asked_again_when_it_said(hub, tmp_path):
    soon = formatdate(usegmt=True)
    hub.refusals = [(429, {"Retry-After": "1"})] * 4 + [(429, {"Retry-After": soon}), (503, {})]
    run(hub, tmp_path)
    assert not hub.refusals
    assert_arrived(hub, tmp_path)


def test_a_refusal_in_the_middle_leaves_what_has_arrived(hub, tmp_path):
    hub.stalls = {1: 200_000}
    client = start(hub, tmp_path, "hub.STALL_SECONDS = 1; " + FETCH)
    assert hub.stalling.wait(60)
    hub.refuse = (404, {})
    _, err = client.communicate(timeout=60)
    assert "has no model.safetensors" in err
    hub.refuse = None
    run(hub, tmp_path)
    assert hub.gets[-1].start - hub.gets[1].start == 200_000
    assert_arrived(hub, tmp_path)


def test_no_hub_at_all(hub, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        sentence = fail(hub, tmp_path, HF_ENDPOINT=url)
        assert sentence == REACH.format(url=url) + "Connection refused."
    assert left(tmp_path) == []


def test_a_hub_that_accepts_and_never_answers(hub, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        sentence = fail(hub, tmp_path, HF_ENDPOINT=url)
        assert sentence == REACH.format(url=url) + "it did not answer in time."
    assert left(tmp_path) == []


def test_a_proxy_that_cannot_be_used_is_one_sentence(hub, tmp_path):
    sentence = fail(hub, tmp_path, ALL_PROXY="pigeon://127.0.0.1:1", NO_PROXY="", no_proxy="")
    assert sentence.startswith("The Hugging Face Hub cannot be asked for VGG-19: ")
    assert "pigeon" in sentence
    assert left(tmp_path) == []


def test_a_question_without_a_timeout_of_its_own_is_left_behind():
    answer = threading.Event()
    with pytest.raises(TimeoutError):
        _within(0.05, answer.wait)
    answer.set()
    assert _within(60, answer.wait)


def test_offline_mode_asks_nobody(hub, tmp_path):
    sentence = "VGG-19 is not in the cache, and HF_HUB_OFFLINE forbids asking the Hugging Face Hub"
    assert fail(hub, tmp_path, HF_HUB_OFFLINE="1") == f"{sentence} for it."
    assert not hub.requests
    run(hub, tmp_path)
    hub.requests.clear()
    run(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert not hub.requests


def test_a_damaged_cache_without_a_hub_is_thrown_away(hub, tmp_path):
    run(hub, tmp_path)
    cached(tmp_path).write_bytes(cached(tmp_path).read_bytes()[:-4])
    assert "HF_HUB_OFFLINE" in fail(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert left(tmp_path) == []


def test_a_cache_that_cannot_be_made(hub, tmp_path):
    (tmp_path / "assets").write_text("a file where the folder should be")
    assert fail(hub, tmp_path).startswith(f"The weights' cache at {tmp_path / 'assets'} fails: ")
    code = "print(weights.is_cached('vgg19'))"
    assert run(hub, tmp_path, code) == "False"
    assert not hub.requests


def test_a_cache_that_cannot_be_written(hub, tmp_path):
    partial = cached(tmp_path).with_suffix(".partial")
    partial.mkdir(parents=True)
    assert fail(hub, tmp_path) == (
        f"The weights' cache at {tmp_path / 'assets'} fails: Is a directory."
    )


def test_a_limit_on_file_sizes_leaves_nothing_behind(hub, tmp_path):
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
{FETCH}
"""
    sentence = f"The weights' cache at {tmp_path / 'assets'} fails: File too large."
    assert fail(hub, tmp_path, code) == sentence
    assert left(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk can only be mounted by root")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_leaves_nothing_behind(hub, small_disk):
    sentence = f"The weights' cache at {small_disk / 'assets'} fails: No space left on device."
    assert fail(hub, small_disk) == sentence
    assert left(small_disk) == []


def test_a_process_that_fails_lets_the_next_one_try(hub, tmp_path):
    hub.model.garble = b"x" * 100
    clients = [start(hub, tmp_path) for _ in range(2)]
    for client in clients:
        _, err = client.communicate(timeout=120)
        assert "its safetensors header cannot be read." in err
    hub.model.garble = None
    run(hub, tmp_path)
    assert_arrived(hub, tmp_path)

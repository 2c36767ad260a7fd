"""How the app starts and stops as a process: settings, proxies, folders, Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gradio.media import get_image
from gradio_client import Client, handle_file

import app
from bench.running import ROOT, running

NOWHERE = "127.0.0.1:9"


def started(**environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_wrong_setting_ends_the_start_with_one_sentence() -> None:
    for name, text, told in (
        ("NST_MAX_SIZE", "lots", "NST_MAX_SIZE must be a valid integer, but it is 'lots'.\n"),
        ("GRADIO_SERVER_PORT", "abc", "GRADIO_SERVER_PORT must be a number, but it is 'abc'.\n"),
    ):
        process = started(**{name: text})
        assert (process.communicate(timeout=120)[0], process.returncode) == (told, 1)


def test_a_folder_that_cannot_be_written_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Pictures cannot be written to .*GRADIO_TEMP_DIR"):
        app.check_folder(tmp_path / "file" / "folder")


def test_what_is_set_before_the_imports(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("GRADIO_TEMP_DIR", "NO_PROXY", "no_proxy", "GRADIO_SERVER_PORT"):
        monkeypatch.setenv(name, "")  # put back afterwards
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "link"))
    monkeypatch.setenv("NO_PROXY", "[::1], example.org")
    monkeypatch.delenv("GRADIO_SERVER_PORT")
    app.prepare_environment()
    # As Gradio names files: by a link's name, expiry would spare none of them.
    assert os.environ["GRADIO_TEMP_DIR"] == str((tmp_path / "real").resolve())
    assert os.environ["NO_PROXY"] == "::1,example.org,localhost,127.0.0.1,::1"


@pytest.mark.slow
def test_ctrl_c_is_quiet_whenever_it_comes(tmp_path: Path) -> None:
    for seconds in (0.4, 1.5, 4.0):
        process = started(GRADIO_TEMP_DIR=str(tmp_path / "temp"), GRADIO_SERVER_PORT="7990")
        time.sleep(seconds)  # the moment is what is tried
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=10)
        assert (process.returncode, "Traceback" in said) == (130, False)


def test_a_proxy_is_not_asked_for_this_machine_and_ctrl_c_while_painting_is_quick(tmp_path) -> None:
    proxies = {"HTTP_PROXY": f"http://{NOWHERE}", "ALL_PROXY": f"socks5://{NOWHERE}"}
    with running(tmp_path, NO_PROXY="[::1]", **proxies) as server:
        client = Client(server.url, verbose=False)
        photo = handle_file(get_image("lion.jpg"))
        run = client.submit(photo=photo, recipe="size=256&steps=9000", api_name="/paint")
        next(iter(run))
        pressed = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 130
        assert time.monotonic() - pressed < 2
        assert "Traceback" not in server.log
        assert "terminate" not in server.log

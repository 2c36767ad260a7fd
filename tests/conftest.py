"""The real app, started as its own process on a free port, for the tests that go through HTTP."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# Before anything imports torch, and for every process that a test starts: two threads spin for each
# other as soon as anything else runs, and seconds become minutes.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.running import Server, running

# A shell starts what runs in its background with Ctrl-C ignored, `nohup` with SIGHUP: what is
# ignored here is inherited by what the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Which networks a developer has fetched must not decide how a test ends.
_nothing_fetched = tempfile.TemporaryDirectory(prefix="nst-tests-")
os.environ["HF_HOME"] = _nothing_fetched.name

CHROMIUMS = ("/usr/bin/chromium", "/usr/bin/chromium-headless-shell", "/usr/bin/google-chrome")
CAMERA = [f"--use-fake-{what}-for-media-stream" for what in ("device", "ui")]


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One app for all tests of the session."""
    with running(tmp_path_factory.mktemp("app")) as server:
        yield server


@pytest.fixture
def watched() -> Iterator:
    """A small network that notes what it sees, and fails when told to."""
    from small import BLOCKS, Watched, initialised

    yield initialised(Watched("tiny", BLOCKS))
    Watched.forget()


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """A real chromium, whose camera shows a test picture."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = next((path for path in CHROMIUMS if Path(path).exists()), None)
    if path is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *CAMERA])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(app, browser) -> Iterator:
    """A visitor of the Paint tab."""
    from visits import Painter

    visit = Painter(browser, app.url)
    yield visit
    visit.leave()


@pytest.fixture
def run_to_end() -> Iterator[Callable[[Coroutine], Any]]:
    """`asyncio.run` in a thread of its own, for playwright keeps its loop in the tests' thread."""
    with ThreadPoolExecutor(1) as thread:
        yield lambda coroutine: thread.submit(asyncio.run, coroutine).result()

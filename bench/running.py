"""The app as a process of its own, on a free port of this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

__all__ = ["Server", "running", "start"]

ROOT = Path(__file__).resolve().parent.parent
SLOWEST_START = 120  # seconds; torch alone takes ten on a busy machine


@dataclass
class Server:
    """A running app. temp: its folder of pictures. log: what it has said."""

    url: str
    temp: Path
    log_file: Path
    process: subprocess.Popen

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def memory(self) -> int:
        """Bytes of resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def disk(self) -> int:
        """Bytes in its folder, where files come and go meanwhile."""
        total = 0
        for folder, _, names in os.walk(self.temp):
            for name in names:
                with suppress(FileNotFoundError):
                    total += os.lstat(os.path.join(folder, name)).st_size
        return total

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it, and wait until it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start(folder: Path, temp: Path | None = None, **environment: str) -> Server:
    """Start the app and wait until it answers. Raises RuntimeError with its log when it does not.

    folder: for its log, and its pictures unless `temp` says where.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temp, port, log = temp or folder / "temp", free_port(), folder / "log.txt"
    settings = {
        "GRADIO_TEMP_DIR": str(temp), "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1",
        "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_ANALYTICS_ENABLED": "False", **environment,
    }  # fmt: skip
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, stdout=output, stderr=output,
            env={**os.environ, **settings},
        )  # fmt: skip
    server = Server(f"http://127.0.0.1:{port}", temp, log, process)
    end = time.monotonic() + SLOWEST_START
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(f"{server.url}/config", timeout=10, trust_env=False).raise_for_status()
            return server
        except httpx.HTTPError:
            time.sleep(0.2)
    server.stop()
    raise RuntimeError(f"the app did not start:\n{server.log[-2000:]}")


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Server]:
    """The app for the length of a block."""
    server = start(folder, **environment)
    try:
        yield server
    finally:
        server.stop()

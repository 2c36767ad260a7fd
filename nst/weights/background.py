"""Weights that are fetched while everybody goes on painting."""

import logging
import threading
import time
from dataclasses import dataclass, field

from nst.errors import WeightsUnavailable
from nst.weights.store import SOURCES, is_cached, load_vgg

__all__ = ["Background", "Fetching"]

RETRY_SECONDS = 60.0  # after a failed download, before it is tried again

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetching:
    """One download: bytes so far and in all, and once it ended badly, the sentence and when."""

    done: int = 0
    total: int = 0
    failure: str = ""
    failed_at: float = 0.0

    @property
    def rests(self) -> bool:
        """Whether it failed so lately that it is not tried again yet."""
        return bool(self.failure) and time.monotonic() - self.failed_at < RETRY_SECONDS


@dataclass
class Background:
    """Fetches VGG weights without anybody waiting; a failure is remembered for a while."""

    _known: dict[str, Fetching] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def want(self, name: str) -> str:
        """Start fetching unless it is under way or failed a moment ago; say how it stands."""
        with self._lock:
            known = self._known.get(name)
            if not is_cached(name) and (known is None or (known.failure and not known.rests)):
                self._known[name] = Fetching()
                threading.Thread(target=self._fetch, args=(name,), daemon=True).start()
        return self.status(name)

    def status(self, name: str) -> str:
        """How it stands, in one sentence; empty for weights that nobody wanted yet."""
        title, known = SOURCES[name].title, self._known.get(name)
        if is_cached(name):
            return f"{title} is ready."
        if known is None or known.failure:
            return known.failure if known else ""
        so_far = f": {known.done / 1e6:.0f} of {known.total / 1e6:.0f} MB" if known.total else ""
        return f"{title} is being fetched from the Hub{so_far}."

    def is_fetching(self, name: str) -> bool:
        """Whether a download is under way."""
        known = self._known.get(name)
        return known is not None and not known.failure

    def _fetch(self, name: str) -> None:
        def progress(done: int, total: int) -> None:
            self._known[name] = Fetching(done, total)

        try:
            load_vgg(name, progress)
            del self._known[name]
        except WeightsUnavailable as error:
            self._fail(name, str(error))
        except Exception:
            logger.exception("Fetching %s failed.", name)
            self._fail(name, f"{SOURCES[name].title} could not be fetched; the log says why.")

    def _fail(self, name: str, sentence: str) -> None:
        self._known[name] = Fetching(failure=sentence, failed_at=time.monotonic())

"""What one visitor's page is about: the run under way, the result it shows, the last few results.

A run has one life: it waits, paints (or prints), and is then finished, stopped or failed. Only the
methods here move it on; the page is drawn from what stands here and from nothing else.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock

from nst.errors import BadInput
from ui.runs.painting import Progress
from ui.runs.result import Result
from ui.server.limits import RUN_LIMITS

__all__ = ["RECENT", "Past", "Phase", "Recents", "Visit", "recents"]

RECENT = 6  # results of a visit in the strip
VISITS = 500  # whose results are remembered


class Phase(StrEnum):
    """Where a visitor's run is."""

    IDLE = "idle"
    WAITING = "waiting"
    PAINTING = "painting"
    PRINTING = "printing"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Past:
    """A result of this visit, as files that go with the others.

    title: of its painting. link: to its settings.
    """

    title: str
    photo: str
    painting: str
    png: str
    thumb: str
    link: str
    aspect: float

    @property
    def there(self) -> bool:
        return all(
            Path(file).exists() for file in (self.photo, self.painting, self.png, self.thumb)
        )


@dataclass
class Visit:
    """The state of a page.

    result: the last run that has a picture, which the panel below the picture is about. run: the
    one under way. line, notes, share: what is said of it. earlier: a result that is shown
    instead, beside: both at once. sample: a pair painted before that is shown instead. photo: the
    file of the one that is shown because nothing has been painted from it. outdated: whether
    something else has been chosen since. stopping: Stop was pressed. name: a secret of
    this page, under which its results are found after a reload; "" before anything is asked for.
    """

    phase: Phase = Phase.IDLE
    result: Result | None = None
    run: Result | None = None
    line: str = ""
    notes: tuple[str, ...] = ()
    share: float | None = None
    earlier: Past | None = None
    beside: bool = False
    sample: tuple[str, str] | None = None
    photo: str | None = None
    outdated: bool = False
    stopping: bool = False
    name: str = ""

    @property
    def busy(self) -> bool:
        return self.phase in (Phase.WAITING, Phase.PAINTING, Phase.PRINTING)

    def ask(self) -> None:
        """A button was pressed that begins a run. Raises BadInput while another is under way."""
        if self.busy:
            raise BadInput("A painting is under way on this page already: stop it first.")
        self._go(Phase.WAITING, "Getting ready")
        self.run, self.stopping = None, False
        self.earlier, self.beside = None, False

    def look_at(self, past: Past | None) -> None:
        """Show an earlier result; None: the latest again."""
        self.earlier, self.beside, self.sample = past, False, None

    def begin(self, run: Result) -> None:
        """What was asked for can be done."""
        self.run = run

    def take(self, progress: Progress) -> None:
        """Hear from the run under way."""
        assert self.run is not None
        if progress.step == 0:
            self._go(Phase.WAITING, progress.status)
            return
        self.run.take(progress)
        larger = self.run.larger
        self._go(
            Phase.PRINTING if larger else Phase.PAINTING, progress.status, self.run.notes,
            progress.step / progress.total,
        )  # fmt: skip

    def stop(self) -> None:
        """Stop was pressed; the run ends at its next word."""
        self.stopping = self.busy

    def end(self) -> None:
        """The run is over, by itself or because it was stopped."""
        run, waited = self.run, self.phase is Phase.WAITING
        if run is None or run.painted is None:
            self._back(
                "You have left the queue." if waited else "Stopped before the first picture."
            )
        elif self.stopping:
            self._settle(Phase.STOPPED, f"Stopped at step {run.step}; the picture is kept.")
        else:
            self._settle(Phase.FINISHED, run.status)

    def fail(self, reason: str = "") -> None:
        """The run ended in an error; what is painted is not lost to what failed after it."""
        if not self.busy:  # it had come to its end before
            return
        if self.run is None or self.run.painted is None:
            self._back("Nothing was painted.")
            return
        if reason:
            self.run.notes = (*self.run.notes, reason)
        self._settle(Phase.FAILED, f"Ended at step {self.run.step}; the picture is kept.")

    def _settle(self, phase: Phase, line: str) -> None:
        assert self.run is not None
        self.result, self.run, self.outdated, self.sample = self.run, None, False, None
        self._go(phase, line, self.result.notes)

    def _back(self, line: str) -> None:
        """To the result before, as if nothing had been asked for."""
        self.run = None
        self._go(Phase.FINISHED if self.result else Phase.IDLE, line)

    def _go(
        self, phase: Phase, line: str, notes: tuple[str, ...] = (), share: float | None = None
    ) -> None:
        self.phase, self.line, self.notes, self.share = phase, line, notes, share


class Recents:
    """The last results of each visit, so that a reload of the page finds them. Thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[str, tuple[float, tuple[Past, ...]]] = OrderedDict()
        self._lock = Lock()

    def add(self, visit: str, past: Past) -> None:
        """Remember a result; the oldest of a visit, and of all visits, go when there are many."""
        found = (*self.of(visit), past)[-RECENT:]
        with self._lock:
            self._kept[visit] = (time.monotonic(), found)
            self._kept.move_to_end(visit)
            while len(self._kept) > VISITS:
                self._kept.popitem(last=False)

    def of(self, visit: str) -> tuple[Past, ...]:
        """The results of that visit whose files are still there, the latest last."""
        now = time.monotonic()
        with self._lock:
            when, found = self._kept.get(visit, (0.0, ()))
            if now - when > self._seconds:
                return ()
            self._kept[visit] = now, found  # whoever looks is not idle
            self._kept.move_to_end(visit)
        return tuple(past for past in found if past.there)


recents = Recents(RUN_LIMITS.visit)

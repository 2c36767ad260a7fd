"""The state of a page: the run under way, the results of this visit, and what is chosen now."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from weakref import WeakValueDictionary

from nst.errors import BadInput
from ui.result import Result
from ui.run import Progress

RECENT = 6  # results of a visit that are kept


class Phase(StrEnum):
    """Where a visitor's run is."""

    IDLE = "idle"
    WAITING = "waiting"
    PAINTING = "painting"
    FINISHED = "finished"


@dataclass(eq=False)
class Visit:
    """What one page is about; it is drawn from what stands here and from nothing else.

    name: a secret of this page, under which a reload finds its visit again. query: of the link it
    came by. results: the latest first. result: the one that the panel below the picture is about.
    looking: whether it is shown, whatever is chosen. beside: with the latest next to it. run: what
    was asked for and is not over. chosen: the values of the inputs. line, notes, share: what is
    said of it. wall: which stream of tiles is the latest.
    """

    name: str = ""
    query: str = ""
    results: tuple[Result, ...] = ()
    result: Result | None = None
    looking: bool = False
    beside: bool = False
    run: Result | None = None
    phase: Phase = Phase.IDLE
    chosen: tuple[Any, ...] = ()
    line: str = "Press Paint to make your own."
    notes: tuple[str, ...] = ()
    share: float | None = None
    wall: object = None

    @property
    def busy(self) -> bool:
        return self.phase in (Phase.WAITING, Phase.PAINTING)

    @property
    def outdated(self) -> bool:
        """Whether something else has been chosen since the result was painted."""
        return self.result is not None and self.chosen != self.result.chosen

    def ask(self, run: Result) -> None:
        """Something is to be painted; what is under way is stopped, and kept."""
        self.end(stopped=True)
        self.run, self.beside = run, False
        self.phase, self.share = Phase.WAITING, 0.0
        self.line, self.notes = "Waiting for your turn", ()

    def take(self, progress: Progress) -> None:
        """Hear from the run under way."""
        assert self.run is not None
        self.run.take(progress)
        self.phase, self.share = Phase.PAINTING, progress.step / max(1, progress.total)
        self.line, self.notes = progress.status, self.run.notes

    def end(self, reason: str = "", *, stopped: bool = False) -> None:
        """The run is over, by itself, because it was stopped, or for a reason; what it has painted
        is kept.
        """
        run, self.run = self.run, None
        if run is None:
            return
        waited, self.share = self.phase is Phase.WAITING, None
        if run.painted is None:
            self.phase = Phase.FINISHED if self.result else Phase.IDLE
            left = "You have left the queue." if stopped and waited else "Nothing was painted."
            self.line, self.notes = left, tuple(filter(None, [reason]))
            return
        if stopped or reason:
            ended = "Stopped" if stopped else "Ended"
            run.status = f"{ended} at step {run.step}; the picture is kept."
            run.notes = (*run.notes, *filter(None, [reason]))
        self.phase = Phase.FINISHED
        self.results = (run, *self.results)[:RECENT]
        self.look_at(run)

    def look_at(self, result: Result) -> None:
        """Show a result of this visit; whatever can be done is done with it."""
        self.result, self.looking, self.beside = result, True, False
        self.line, self.notes = result.status, result.notes

    def choose(self, chosen: tuple[Any, ...]) -> bool:
        """Something may have been chosen; whether it is another choice than before."""
        changed, self.chosen = chosen != self.chosen, chosen
        if changed:
            self.looking = self.beside = False
        return changed


def painted(visit: Visit) -> Result:
    """The result that a visit is about. Raises BadInput where there is none."""
    if visit.result is None:
        raise BadInput("There is no painting yet: press Paint first.")
    return visit.result


# By their names, for as long as a page's state holds them: a reload of the page looks here.
visits: WeakValueDictionary[str, Visit] = WeakValueDictionary()

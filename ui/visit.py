"""The state of a page: the run under way, the results of this visit, and what is chosen now."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from weakref import WeakValueDictionary

from nst.errors import BadInput, NstError
from ui.pace import about
from ui.result import Result
from ui.run import Progress, run

WENT_ON = "Continued from an earlier result; a link to its settings paints it anew."
RECENT = 6  # results of a visit that are kept
Phase = StrEnum("Phase", "IDLE WAITING PAINTING FINISHED")  # where a visitor's run is


@dataclass(eq=False)
class Visit:
    """What one page is about; it is drawn from what stands here and from nothing else.

    name: a secret of this page, under which a reload finds its visit again. query: of the link it
    came by. results: the latest first. result: the one that the panel below the picture is about.
    looking: whether it is shown, whatever is chosen. sharing: whether the ways to share it are.
    run: what was asked for and is not over.
    growing: the result that goes on to the next size by itself. chosen: the values of the inputs.
    line, notes, share: what is said of it. wall: which stream of tiles is the latest.
    """

    name: str = ""
    query: str = ""
    results: tuple[Result, ...] = ()
    result: Result | None = None
    looking: bool = False
    sharing: bool = False
    run: Result | None = None
    growing: Result | None = None
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
        self.run, self.phase, self.share = run, Phase.WAITING, 0.0
        self.line, self.notes = "Waiting for your turn", ()

    def begin(self) -> None:
        """The run's turn has come."""
        self.phase, self.line = Phase.PAINTING, "Getting ready"

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
        run, grown, self.run, self.growing = self.run, self.growing, None, None
        if grown:
            self.line, self.notes, self.share = grown.status, grown.notes, None
        if run is None:
            return
        waited, self.share = self.phase is Phase.WAITING, None
        if run.painted is None:
            self.phase = Phase.FINISHED if self.result else Phase.IDLE
            self.line = "You have left the queue." if stopped and waited else "Nothing was painted."
            self.notes = (reason,) if reason else ()
            return
        if stopped or reason:
            ended = "Stopped" if stopped else "Ended"
            run.status = f"{ended} at step {run.step}; the picture is kept."
            run.notes = (*run.notes, reason) if reason else run.notes
        self.phase, self.results = Phase.FINISHED, (run, *self.results)[:RECENT]
        self.look_at(run)

    def look_at(self, result: Result) -> None:
        """Show a result of this visit; whatever can be done is done with it."""
        self.result, self.looking, self.sharing, self.growing = result, True, False, None
        self.line, self.notes, self.share = result.status, result.notes, None

    def choose(self, chosen: tuple[Any, ...]) -> bool:
        """Something may have been chosen; whether it is another choice than before."""
        changed, self.chosen = chosen != self.chosen, chosen
        self.looking = self.looking and not changed
        return changed


def painted(visit: Visit) -> Result:
    """The result that a visit is about. Raises BadInput where there is none."""
    if visit.result is None:
        raise BadInput("There is no painting yet: press Paint first.")
    return visit.result


def grow(
    visit: Visit, result: Result, seconds: float, wanted: Callable[[], bool]
) -> Iterator[bool]:
    """Let the result just painted go on to the next size in place, within so many seconds and for
    as long as it is wanted. Yields whenever there is a word to tell: whether there is a picture.
    """
    if (larger := result.next_print) is None:
        return
    job = result.job.enlarged(larger[1])
    given: dict[str, Any] = {"mask": job.mask, "start": result.painted, "deadline": seconds}
    going, visit.growing = run(job.photo, job.styles, job.shared.recipe, **given), result
    with suppress(NstError), closing(going) as told:
        for progress in told:
            if visit.growing is not result or visit.outdated or not wanted():
                break
            # The first steps at another size are rough.
            if progress.done or (progress.picture and 2 * progress.step > progress.total):
                if result.job is not job:
                    result.job, result.losses = job, []
                    result.remarks = (*result.remarks, WENT_ON)
                result.take(progress)
                if not progress.done:
                    result.status = "Done, {} × {}.".format(*progress.size)
            left = f", {about(progress.seconds_left)} left" if progress.seconds_left else ""
            visit.line = f"{result.status} Going on to {larger[1]} pixels{left}"
            visit.share = progress.step / max(1, progress.total)
            yield progress.picture is not None
    if visit.growing is result:
        visit.end()


# By their names, for as long as a page's state holds them: a reload of the page looks here.
visits: WeakValueDictionary[str, Visit] = WeakValueDictionary()

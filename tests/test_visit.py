"""A page's state: what is under way, what is kept, what is shown."""

import gc

import pytest
from PIL import Image

from nst.engine.losses import Losses
from nst.errors import NstError
from nst.recipe import Recipe
from ui.job import Job
from ui.links import Shared
from ui.result import Result
from ui.run import Progress
from ui.visit import RECENT, WENT_ON, Phase, Visit, grow, visits

PICTURE = Image.new("RGB", (48, 40), "teal")
LARGER = Image.new("RGB", (1024, 853), "navy")
LOSSES = Losses(0.5, 2.0, 0.0, 0.0, 2.5)
TOLD = Progress(3, 10, PICTURE.size, 1.0, "Painting", (), LOSSES, PICTURE)


def asked(*chosen) -> Result:
    return Result(Job(PICTURE, (PICTURE,), Shared(Recipe()), "Mosaic"), chosen)


def paint(visit: Visit, *chosen, **end) -> Result:
    """Ask for a painting, hear once from it, end it."""
    visit.choose(chosen)
    run = asked(*chosen)
    visit.ask(run)
    visit.take(TOLD)
    visit.end(**end)
    return run


@pytest.fixture
def growth(monkeypatch) -> list[Progress | NstError]:
    """What the engine tells of a run that goes on."""
    coming = [Progress(i, 4, LARGER.size, 1.0, f"{i}", picture=LARGER) for i in (1, 2, 3)]
    coming.append(Progress(4, 4, LARGER.size, 9.0, "Done in 9 s", picture=LARGER, done=True))

    def run(*pictures, **given):
        for progress in coming:
            if isinstance(progress, NstError):
                raise progress
            yield progress

    monkeypatch.setattr("ui.visit.run", run)
    return coming


def test_a_run_waits_paints_and_is_kept():
    visit, run = Visit(), asked()
    visit.ask(run)
    assert visit.busy
    assert visit.phase is Phase.WAITING
    visit.take(TOLD)
    assert (visit.phase, visit.share) == (Phase.PAINTING, 0.3)
    visit.end()
    assert (visit.phase, visit.result, visit.results) == (Phase.FINISHED, run, (run,))
    assert (visit.line, visit.share) == ("Painting", None)
    visit.end("The disk is full.")  # which is too late to undo it
    assert visit.line == "Painting"


def test_what_is_painted_survives_a_stop_and_a_failure():
    for end, line, notes in (
        ({"stopped": True}, "Stopped at step 3; the picture is kept.", ()),
        ({"reason": "No memory."}, "Ended at step 3; the picture is kept.", ("No memory.",)),
    ):
        visit = Visit()
        run = paint(visit, **end)
        assert (visit.result, visit.line, visit.notes) == (run, line, notes)


def test_until_a_run_has_a_picture_the_result_before_it_is_kept():
    visit = Visit()
    before = paint(visit)
    for stopped, line in ((True, "You have left the queue."), (False, "Nothing was painted.")):
        visit.ask(asked())
        visit.end(stopped=stopped)
        assert (visit.result, visit.phase, visit.line) == (before, Phase.FINISHED, line)


def test_asking_for_something_else_stops_what_is_under_way_and_keeps_it():
    visit, first, second = Visit(), asked(1), asked(2)
    visit.ask(first)
    visit.take(TOLD)
    visit.ask(second)
    assert (visit.results, visit.run) == ((first,), second)
    assert first.status.startswith("Stopped")


def test_the_last_results_are_kept_and_any_of_them_is_the_one_that_is_worked_with():
    visit = Visit()
    runs = [paint(visit, number) for number in range(RECENT + 2)]
    assert visit.results == tuple(runs[: -RECENT - 1 : -1])
    runs[3].status = "Done in 4 s."
    visit.look_at(runs[3])
    assert (visit.result, visit.line, visit.looking) == (runs[3], "Done in 4 s.", True)


def test_another_choice_ends_the_look_at_a_result_and_the_same_choice_does_not():
    visit = Visit()
    run = paint(visit, "mine.png", 50)
    assert not visit.choose(("mine.png", 50))
    assert (visit.looking, visit.outdated) == (True, False)
    assert visit.choose(("mine.png", 70))
    assert (visit.looking, visit.outdated) == (False, True)
    assert visit.result is run


def test_a_result_goes_on_to_the_next_size_in_place(growth):
    visit = Visit()
    result = paint(visit)
    visit.sharing = True
    told = []
    for _ in grow(visit, result, 60, lambda: True):
        told.append((visit.line.split(" Going on")[0], result.painted.size))
        assert not visit.busy
    assert [size for _, size in told] == [PICTURE.size] * 2 + [LARGER.size] * 2
    assert told[0][0] == "Painting"  # the last word on the picture that is there
    assert (visit.results, visit.line, visit.share) == ((result,), "Done in 9 s", None)
    assert result.job.shared.recipe.size == 1024
    assert WENT_ON in visit.notes
    assert visit.sharing  # whoever shares it meanwhile goes on
    paint(visit)
    assert not visit.sharing


def test_it_ends_when_it_is_unwanted_stopped_or_fails_and_keeps_what_is_there(growth):
    def stop(visit: Visit) -> None:
        visit.end(stopped=True)

    def choose(visit: Visit) -> None:
        visit.choose(("another",))

    def fail(visit: Visit) -> None:
        growth[:] = [growth[0], growth[1], NstError("No memory.")]

    unwanted: list[Visit] = []
    for end in (stop, choose, fail, unwanted.append):
        visit = Visit()
        result = paint(visit)
        going = grow(visit, result, 60, lambda: not unwanted)
        next(going)
        end(visit)
        list(going)
        assert (visit.line, result.painted.size) == ("Painting", PICTURE.size)
        assert (visit.growing, visit.share, result.job.shared.recipe.size) == (None, None, 512)


def test_a_visit_is_found_by_its_name_for_as_long_as_a_page_holds_it():
    visit = Visit()
    assert visits.setdefault("a" * 32, visit) is visit
    assert visits.setdefault("a" * 32, Visit()) is visit
    del visit
    gc.collect()
    assert "a" * 32 not in visits

"""A page's state: what is under way, what is kept, what is shown."""

import gc

import pytest
from PIL import Image

from nst.engine.losses import Losses
from nst.recipe import Recipe
from ui.job import Job
from ui.links import Shared
from ui.result import Result
from ui.run import Progress
from ui.visit import RECENT, Phase, Visit, visits

PICTURE = Image.new("RGB", (48, 40), "teal")
LOSSES = Losses(0.5, 2.0, 0.0, 0.0, 2.5)
TOLD = Progress(3, 10, PICTURE.size, 1.0, "Painting", (), LOSSES, PICTURE)


def asked(*chosen) -> Result:
    return Result(Job(PICTURE, (PICTURE,), Shared(Recipe()), "Mosaic"), chosen)


def paint(visit: Visit, *chosen, **end) -> Result:
    """Ask for a painting, hear once from it, end it."""
    run = asked(*chosen)
    visit.ask(run)
    visit.take(TOLD)
    visit.end(**end)
    return run


def test_a_run_waits_paints_and_is_kept():
    visit, run = Visit(), asked()
    visit.ask(run)
    assert visit.busy
    assert visit.phase is Phase.WAITING
    visit.take(TOLD)
    assert (visit.phase, visit.share) == (Phase.PAINTING, 0.3)
    visit.end()
    assert (visit.phase, visit.result, visit.results) == (Phase.FINISHED, run, (run,))
    assert visit.line == "Painting"
    assert visit.share is None


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ({"stopped": True}, "Stopped at step 3; the picture is kept."),
        ({"reason": "Memory ran out."}, "Ended at step 3; the picture is kept."),
    ],
)
def test_what_is_painted_survives_a_stop_and_a_failure(end, line):
    visit = Visit()
    run = paint(visit, **end)
    assert (visit.result, visit.line) == (run, line)
    assert visit.notes == tuple(filter(None, [end.get("reason")]))


def test_until_a_run_has_a_picture_the_result_before_it_is_kept():
    visit = Visit()
    before = paint(visit)
    for stopped, line in ((True, "You have left the queue."), (False, "Nothing was painted.")):
        visit.ask(asked())
        visit.end(stopped=stopped)
        assert visit.line == line
        assert (visit.result, visit.phase) == (before, Phase.FINISHED)


def test_asking_for_something_else_stops_what_is_under_way_and_keeps_it():
    visit, first, second = Visit(), asked(1), asked(2)
    visit.ask(first)
    visit.take(TOLD)
    visit.ask(second)
    assert (visit.results, visit.run) == ((first,), second)
    assert first.status.startswith("Stopped")


def test_what_fails_after_the_end_does_not_undo_it():
    visit = Visit()
    paint(visit)
    visit.end("The disk is full.")
    assert visit.line == "Painting"


def test_the_last_results_are_kept_and_any_of_them_is_the_one_that_is_worked_with():
    visit = Visit()
    runs = [paint(visit, number) for number in range(RECENT + 2)]
    assert visit.results == tuple(runs[: -RECENT - 1 : -1])
    runs[3].status = "Done in 4 s."
    visit.look_at(runs[3])
    assert (visit.result, visit.line, visit.looking) == (runs[3], "Done in 4 s.", True)


def test_another_choice_ends_the_look_at_a_result_and_the_same_choice_does_not():
    visit = Visit()
    visit.choose(("mine.png", 50))
    run = paint(visit, "mine.png", 50)
    assert not visit.choose(("mine.png", 50))
    assert visit.looking
    assert not visit.outdated
    assert visit.choose(("mine.png", 70))
    assert visit.outdated
    assert not visit.looking
    assert visit.result is run


def test_a_visit_is_found_by_its_name_for_as_long_as_a_page_holds_it():
    visit = Visit()
    assert visits.setdefault("a" * 32, visit) is visit
    assert visits.setdefault("a" * 32, Visit()) is visit
    del visit
    gc.collect()
    assert "a" * 32 not in visits

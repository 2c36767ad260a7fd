"""The life of a run as the page sees it, from the press of Paint to its end."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

from nst.errors import BadInput
from nst.recipe import Recipe
from ui.parts.links import Shared
from ui.runs.job import Job
from ui.runs.painting import Progress
from ui.runs.result import Result
from ui.runs.visit import RECENT, Past, Phase, Recents, Visit
from ui.tabs.paint import PaintTab

PICTURE = Image.new("RGB", (48, 40), "teal")
TOLD = Progress(3, 10, PICTURE.size, 1.0, "Painting", picture=PICTURE)
WAITS = Progress(0, 10, PICTURE.size, 0.0, "1 before you, about 40 s")


def result(**more) -> Result:
    return Result(Job(PICTURE, (PICTURE,), Shared(Recipe()), "Mosaic", ""), **more)


@pytest.fixture
def visit() -> Visit:
    """One that has a result already."""
    begun = Visit()
    begun.ask()
    begun.begin(result())
    begun.take(TOLD)
    begun.end()
    return begun


def test_what_is_refused_while_a_run_is_under_way_leaves_its_stop_alive():
    with gr.Blocks() as demo:
        tab = PaintTab(demo)
    visit = Visit()
    for busy in (False, True):
        told = tab._lost(visit)
        assert told[tab.stop]["interactive"] is busy
        assert told[tab.paint]["interactive"] is not busy
        if not busy:
            visit.ask()


def test_a_run_waits_paints_and_is_finished():
    visit, run = Visit(), result()
    seen = [visit.phase]
    visit.ask()
    seen.append(visit.phase)
    visit.begin(run)
    visit.take(WAITS)
    assert visit.line == "1 before you, about 40 s"
    visit.take(TOLD)
    seen.append(visit.phase)
    visit.end()
    seen.append(visit.phase)
    assert seen == [Phase.IDLE, Phase.WAITING, Phase.PAINTING, Phase.FINISHED]
    assert visit.result is run


def test_a_print_is_told_from_a_painting(visit):
    visit.ask()
    visit.begin(result(larger=True))
    visit.take(TOLD)
    assert visit.phase is Phase.PRINTING


def test_a_second_run_of_a_page_is_refused_and_leaves_the_first_alone(visit):
    run = result()
    visit.ask()
    visit.begin(run)
    with pytest.raises(BadInput, match="under way on this page already"):
        visit.ask()
    visit.take(TOLD)
    visit.end()
    assert visit.result is run


def test_a_run_that_nobody_listens_to_any_more_leaves_the_page_free():
    tab = SimpleNamespace(
        _render=lambda *_: {}, _going=lambda *_: iter([{}]), _fail=lambda visit, *_: visit.fail()
    )
    visit, asked = Visit(), lambda _: (result(), None)
    going = PaintTab._life(tab, asked)(None, visit, "")
    next(going)
    assert visit.busy
    going.close()
    assert not visit.busy


def test_until_a_run_has_a_picture_the_result_before_it_is_kept(visit):
    before = visit.result
    for end in (visit.end, visit.fail):
        visit.ask()
        visit.begin(result())
        visit.take(WAITS)
        visit.stop()
        end()
        assert visit.result is before
        assert visit.phase is Phase.FINISHED


def test_a_pair_painted_before_is_seen_until_there_is_a_result():
    visit = Visit(sample=("lion", "mosaic"))
    visit.ask()
    visit.begin(result())
    visit.take(WAITS)
    visit.end()
    assert visit.sample == ("lion", "mosaic")
    visit.ask()
    visit.begin(result())
    visit.take(TOLD)
    visit.end()
    assert visit.sample is None


def test_leaving_the_queue_is_said():
    visit = Visit()
    visit.ask()
    visit.begin(result())
    visit.take(WAITS)
    visit.stop()
    visit.end()
    assert visit.phase is Phase.IDLE
    assert "left the queue" in visit.line


def test_what_is_painted_survives_a_stop_and_a_failure():
    for word, phase in (("stop", Phase.STOPPED), ("fail", Phase.FAILED)):
        visit, run = Visit(), result()
        visit.ask()
        visit.begin(run)
        visit.take(TOLD)
        if word == "stop":
            visit.stop()
            visit.end()
        else:
            visit.fail("Memory ran out.")
            assert "Memory ran out." in visit.notes
        assert visit.phase is phase
        assert visit.result is run
        assert "the picture is kept" in visit.line


def test_what_fails_after_the_end_does_not_undo_it(visit):
    line = visit.line
    visit.fail("The disk is full.")
    assert (visit.phase, visit.line) == (Phase.FINISHED, line)


def test_paint_more_goes_on_from_the_photo_of_the_picture(visit):
    asked: list[dict] = []
    form = SimpleNamespace(job=lambda chosen, **given: asked.append(given) or visit.result.job)
    tab, mask = SimpleNamespace(form=form), {"layers": ["brushed on another photo"]}
    visit.result.chosen = ("mine.png", "mosaic")
    visit.result.job = replace(visit.result.job, mask=Image.new("L", PICTURE.size))
    run, _ = PaintTab._some_more(tab, visit, mask, "another.png", "ink-wash")
    assert run.chosen == ("mine.png", "ink-wash")
    assert asked[0]["mask"] is None
    assert run.job.mask is visit.result.job.mask is not None  # the part that was painted before
    PaintTab._some_more(tab, visit, mask, "mine.png", "ink-wash")
    assert asked[1]["mask"] is mask


def test_two_visits_without_a_name_do_not_share_their_results():
    names = []
    for name in ("", "", "a" * 32):
        tab = SimpleNamespace(
            _render=lambda *_: {},
            _going=lambda *_: iter([{}]),
            _fail=lambda visit, *_: visit.fail(),
        )
        visit = copy.deepcopy(Visit())  # as Gradio makes one for every session
        next(PaintTab._life(tab, lambda *_: (result(), None))(None, visit, name))
        names.append(visit.name)
    assert len(set(names)) == 3
    assert all(names)
    assert names[2] == "a" * 32


def test_a_new_run_leaves_what_was_looked_at(visit):
    visit.look_at(Past("", "", "", "", "", "", 1.0))
    visit.ask()
    assert visit.earlier is None


@pytest.fixture
def past(tmp_path) -> Past:
    for name in ("photo", "painting", "png", "thumb"):
        (tmp_path / name).write_bytes(b"picture")
    paths = {name: str(tmp_path / name) for name in ("photo", "painting", "png", "thumb")}
    return Past(title="Mosaic", link="", aspect=1.0, **paths)


def test_the_last_six_results_of_a_visit_are_found_again(past):
    recents = Recents(seconds=60)
    for number in range(RECENT + 2):
        recents.add("mine", replace(past, title=str(number)))
    assert [found.title for found in recents.of("mine")] == list("234567")
    assert recents.of("another") == ()


def test_results_are_kept_for_as_long_as_somebody_looks_at_them(past, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("ui.runs.visit.time.monotonic", lambda: clock[0])
    recents = Recents(seconds=60)
    recents.add("mine", past)
    for clock[0], found in ((50, (past,)), (100, (past,)), (150, (past,)), (211, ())):
        assert recents.of("mine") == found


@pytest.mark.parametrize("end", ["fails", "is left"])
def test_what_a_run_had_is_remembered_however_it_ends(end):
    with gr.Blocks() as demo:
        tab = PaintTab(demo)
    kept: list[Phase] = []
    tab._render = lambda *_: {}  # type: ignore[method-assign]
    tab._remember = lambda visit, _: kept.append(visit.phase)  # type: ignore[method-assign]

    def going(visit, asked, start, request):
        visit.begin(asked)
        visit.take(TOLD)
        yield {}
        raise BadInput("Memory ran out.")

    tab._going = going  # type: ignore[method-assign]
    visit = Visit()
    run = tab._life(lambda *_: (result(), None))(None, visit, "")
    next(run), next(run)
    list(run) if end == "fails" else run.close()
    assert visit.phase is Phase.FAILED
    assert kept == [Phase.FAILED]


def test_results_are_forgotten_with_the_visit_and_with_their_files(past, tmp_path):
    over = Recents(seconds=-1)
    over.add("mine", past)
    assert over.of("mine") == ()
    recents = Recents(seconds=60)
    recents.add("mine", past)
    (tmp_path / "png").unlink()
    assert recents.of("mine") == ()

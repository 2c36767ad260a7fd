"""How long a run should take, and how that is said."""

import pytest
from ui.runs import painting

from nst.engine.encoders import Encoder
from nst.pipeline import Pipeline
from nst.recipe import Recipe
from ui.inputs import best_quality
from ui.pace import Pace, about, clock

RECIPE = Recipe(encoder="compact", finish="off", steps=220, size=512)
SPENT = [("compact", 128, 100, 1.0), ("compact", 256, 70, 2.0), ("compact", 512, 50, 5.0)]


@pytest.fixture
def pace() -> Pace:
    learned = Pace()
    learned.learn(0.75, SPENT)
    return learned


def slower(factor: float) -> list:
    """What was spent, had it taken so many times as long."""
    return [(*what, factor * seconds) for *what, seconds in SPENT]


def tiny(name: str) -> Encoder:
    encoder = Encoder(name, ((4,), (6, 6), (8, 8, 8), (8, 8, 8), (8,)), "max")
    return encoder.requires_grad_(False)


@pytest.mark.parametrize("finisher", ["vgg19", ""])
def test_the_short_painting_at_the_start_times_every_network_that_would_paint(
    monkeypatch, finisher
):
    pipeline = Pipeline(tiny("compact"), finish=tiny(finisher) if finisher else None)
    known = Pace()
    monkeypatch.setattr(painting, "open_pipeline", lambda recipe: pipeline)
    monkeypatch.setattr(painting, "painted_by", lambda pipeline: "")
    monkeypatch.setattr(painting, "pace", known)
    monkeypatch.setattr("ui.pace.choose_encoder", lambda recipe: ("compact", ""))
    monkeypatch.setattr("ui.pace.choose_finish", lambda recipe, painter: (finisher, ""))
    learned, learn = [], known.learn
    monkeypatch.setattr(known, "learn", lambda *told: (learned.extend(told[1]), learn(*told)))
    painting.calibrate()
    assert known.expect(Recipe()) > 0
    last = {(network, side): steps for network, side, steps, _ in learned}
    if finisher:
        shares = {("compact", 128): 10, (finisher, 128): 10, ("compact", 256): 6}
        assert last == shares | {(finisher, 256): 6}
    else:
        assert last == {("compact", 128): 20, ("compact", 256): 12}


def test_nothing_is_expected_of_what_was_never_painted(pace):
    assert Pace().expect(RECIPE) is None
    assert pace.expect(RECIPE) is not None


def test_each_scale_is_known_by_itself(pace):
    expected = 0.0
    for (count, _), (*_, steps, seconds) in zip(RECIPE.schedule(), SPENT, strict=True):
        expected += seconds * count / steps
    assert pace.expect(RECIPE) == pytest.approx(expected)
    assert pace.expect(RECIPE, 0.375) == pytest.approx(expected / 2)


def test_what_is_left_shrinks_to_nothing(pace):
    left = [pace.expect(RECIPE, done=done) for done in range(0, 221, 20)]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0


def test_the_first_run_of_a_scale_counts_for_nothing_once_there_is_another(pace):
    pace.learn(0.75, slower(9))
    known = pace.expect(RECIPE)
    fresh = Pace()
    fresh.learn(0.75, slower(9))
    assert known == fresh.expect(RECIPE)


def test_a_few_steps_say_nothing_about_the_pace(pace):
    before = pace.expect(RECIPE)
    for _ in range(4):
        pace.learn(0.75, [("compact", 512, 3, 90.0)])
    assert pace.expect(RECIPE) == before


def test_the_steps_of_the_network_that_finishes_have_a_pace_of_their_own(pace, monkeypatch):
    alone = pace.expect(RECIPE)
    monkeypatch.setattr("ui.pace.choose_finish", lambda recipe, painter: ("vgg19", ""))
    assert pace.expect(RECIPE) is None
    pace.learn(0.75, [("vgg19", 256, 6, 6.0)])
    pixel = 1 / (0.75 * 256**2)
    counts = [count for count, _ in RECIPE.schedule()]
    expected = 0.0
    for count, (_, side, steps, seconds) in zip(counts, SPENT, strict=True):
        last = round(count / 4)
        expected += (count - last) * seconds / steps + last * pixel * 0.75 * side**2
    assert pace.expect(RECIPE) == pytest.approx(expected)
    ending = round(counts[-1] / 4)
    left = pace.expect(RECIPE, done=sum(counts) - ending)
    assert left == pytest.approx(ending * pixel * 0.75 * 512**2)
    assert left < expected
    assert alone < expected


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.02, "0.1 s"), (0.6, "0.6 s"), (12.3, "12 s"), (400, "7 min")]
)
def test_seconds_are_said_as_people_say_them(seconds, said):
    assert clock(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "about 1 s"), (6.4, "about 6 s"), (23, "about 25 s")]
)
def test_expected_seconds_have_no_more_digits_than_are_known(seconds, said):
    assert about(seconds) == said


@pytest.mark.parametrize(
    ("each", "size"), [(1e-7, 1024), (2e-6, 512), (1e-3, 512)], ids=["fast", "slower", "slow"]
)
def test_the_page_opens_at_the_best_quality_that_takes_a_moment_and_never_at_a_draft(
    monkeypatch, each, size
):
    known = Pace()
    known.learn(1.0, [("compact", 512, 100, 100 * each * 512**2)])
    monkeypatch.setattr("ui.inputs.pace", known)
    recipe = Recipe(encoder="compact", finish="off", steps=100)
    assert best_quality(recipe).size == size


def test_nothing_is_chosen_before_the_pace_is_known(monkeypatch):
    monkeypatch.setattr("ui.inputs.pace", Pace())
    assert best_quality(Recipe()) == Recipe()

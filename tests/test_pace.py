"""How long a run should take, and how that is said."""

import pytest

from nst.recipe import Recipe
from ui.controls import best_quality
from ui.pace import Pace, about, beyond_limits, clock

RECIPE = Recipe(encoder="compact", finish="off", steps=220, size=512)


@pytest.fixture
def pace() -> Pace:
    learned = Pace()
    learned.learn(RECIPE, 0.75, 0, 20.0)
    return learned


def test_what_was_learned_is_expected_and_more_work_takes_longer(pace):
    assert Pace().expect(RECIPE) is Pace().expect_all([RECIPE]) is None
    assert pace.expect(RECIPE) == pytest.approx(20)
    assert pace.expect_all([RECIPE, RECIPE]) == pytest.approx(40)
    assert pace.expect(RECIPE.replace(steps=440)) == pytest.approx(40, rel=0.1)
    assert 40 < pace.expect(RECIPE.replace(size=1024)) < 80
    assert 9 < pace.expect(RECIPE, 0.375) < 12
    assert pace.expect(RECIPE, after=512) < 20  # the coarse sizes are painted already


def test_later_runs_count_half_and_a_few_steps_nothing(pace):
    pace.learn(RECIPE, 0.75, 0, 10.0)
    assert pace.expect(RECIPE) == pytest.approx(15)
    pace.learn(RECIPE.replace(steps=3), 0.75, 0, 90.0)
    assert pace.expect(RECIPE) == pytest.approx(15)


def test_a_network_that_has_not_painted_is_taken_to_be_slower(pace, monkeypatch):
    monkeypatch.setattr("ui.pace.choose_finish", lambda recipe, painter: ("vgg19", ""))
    assert pace.expect(RECIPE) > 40


def test_seconds_are_said_as_people_say_them():
    for seconds, said in ((0.02, "0.1 s"), (0.6, "0.6 s"), (12.3, "12 s"), (400, "7 min")):
        assert clock(seconds) == said
    for seconds, said in ((0.2, "about 1 s"), (6.4, "about 6 s"), (23, "about 25 s")):
        assert about(seconds) == said


def test_the_page_opens_at_the_best_quality_that_takes_a_moment(monkeypatch):
    for seconds, size in ((2.0, 1024), (12.0, 512), (900.0, 512)):
        known = Pace()
        known.learn(RECIPE, 0.75, 0, seconds)
        monkeypatch.setattr("ui.controls.pace", known)
        assert best_quality(RECIPE).size == size
    monkeypatch.setattr("ui.controls.pace", Pace())
    assert best_quality(Recipe()) == Recipe()


def test_a_recipe_beyond_the_limits_says_what_it_costs_and_what_is_allowed(monkeypatch):
    monkeypatch.setattr("ui.pace.pace.expect", lambda recipe: recipe.steps * recipe.size * 1e-3)
    assert beyond_limits(Recipe(size=512, steps=100)) == ()
    (line,) = beyond_limits(Recipe(size=2048, steps=30_000))
    assert "30,000 steps at 2048 pixels would take about 1024 min" in line
    assert "a run ends after 5 min" in line
    (line,) = beyond_limits(Recipe(size=4096))
    assert "4096 pixels; here the long side may have at most 2048" in line
    monkeypatch.setattr("ui.pace.pace.expect", lambda recipe: None)
    assert beyond_limits(Recipe(size=2048, steps=30_000)) == ()

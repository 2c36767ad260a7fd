"""What a restored recipe would cost is said before Paint is pressed."""

import pytest

from nst.recipe import Recipe
from ui import pace as cost
from ui.pace import Pace, beyond_limits


@pytest.fixture(autouse=True)
def _paced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost.pace, "expect", lambda recipe: recipe.steps * recipe.size * 1e-3)


def test_a_pace_is_learned_from_runs_and_told_of_others():
    known, small = Pace(), Recipe(encoder="compact", finish="off", size=256, steps=100)
    assert known.expect(small) is None
    for seconds in (9.0, 2.0, 2.0):  # the first warms up
        known.learn(small, 0.75, 0, seconds)
    assert known.expect(small) == pytest.approx(2.0)
    assert known.expect(small.replace(steps=200)) == pytest.approx(4.0, rel=0.1)
    assert known.expect(small.replace(size=512)) > 3.0
    assert known.expect_all([small, small]) == pytest.approx(4.0)


def test_a_recipe_within_the_limits_needs_no_word():
    assert beyond_limits(Recipe(size=512, steps=100)) == ()


def test_a_recipe_that_takes_longer_than_a_run_may_says_what_it_costs_and_what_is_allowed():
    (line,) = beyond_limits(Recipe(size=2048, steps=30_000))
    assert "30,000 steps at 2048 pixels would take about 1024 min" in line
    assert "a run ends after 5 min" in line


def test_a_recipe_larger_than_allowed_says_how_large_it_may_be():
    (line,) = beyond_limits(Recipe(size=4096))
    assert "4096 pixels; here the long side may have at most 2048" in line


def test_nothing_is_said_of_a_pace_that_is_not_known(monkeypatch):
    monkeypatch.setattr(cost.pace, "expect", lambda recipe: None)
    assert beyond_limits(Recipe(size=2048, steps=30_000)) == ()

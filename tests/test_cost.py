"""What a restored recipe would cost is said before Paint is pressed."""

import pytest

from nst.recipe import Recipe
from ui.runs import cost
from ui.runs.cost import beyond_limits


@pytest.fixture(autouse=True)
def _paced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost.pace, "expect", lambda recipe: recipe.steps * recipe.size * 1e-3)


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

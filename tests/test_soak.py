"""The soak: visitors of every kind and an attacker, for a moment; and how it judges."""

import pytest

from bench.soak import Account, crowd, judged

SECOND = 1.0


def account(memory: int = 900_000_000) -> Account:
    samples = [(second * SECOND, memory, 10_000_000) for second in range(300)]
    return Account(pictures={0: {"a"}, 1: {"b"}}, delays=[0.1] * 100, samples=samples)


def test_all_promises_hold_when_everybody_gets_what_is_theirs():
    figures = judged(account(), {0: "a", 1: "b"}, 300, visitors=2)
    assert all(figures["held"].values())


def test_one_visitor_who_never_finishes_breaks_a_promise():
    held = judged(account(), {0: "a", 1: "b"}, 300, visitors=3)["held"]
    assert [promise for promise, kept in held.items() if not kept] == ["every visitor finishes"]


def test_memory_beyond_the_bound_breaks_a_promise():
    held = judged(account(3_100_000_000), {0: "a", 1: "b"}, 300, visitors=2)["held"]
    assert [promise for promise, kept in held.items() if not kept] == ["memory below 3 GB"]


@pytest.mark.slow
def test_visitors_finish_while_somebody_attacks(app, run_to_end):
    told = run_to_end(crowd(app, visitors=3, seconds=10))
    assert told.failures == []
    assert told.counts["finished"] > 0
    assert told.counts["attacks refused"] > 0
    assert all(told.counts[f"attacks: {way}"] for way in ("looks", "names", "runs", "stalled"))

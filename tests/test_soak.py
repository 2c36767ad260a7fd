"""The soak: visitors and a rude address for a moment, and how it judges them."""

import pytest

from bench.soak import Account, crowd, judged


def account(memory: int = 900_000_000) -> Account:
    samples = [(memory, 10_000_000)] * 300
    return Account(pictures={0: {"a"}, 1: {"b"}}, delays=[0.1] * 100, samples=samples)


def test_each_broken_promise_is_told():
    for told, alone, visitors, broken in (
        (account(), {0: "a", 1: "b"}, 2, []),
        (account(), {0: "a", 1: "b"}, 3, ["every visitor finishes"]),
        (account(), {0: "a", 1: "c"}, 2, ["every picture is its own seed's"]),
        (account(3_100_000_000), {0: "a", 1: "b"}, 2, ["memory below 3 GB"]),
    ):
        held = judged(told, alone, visitors)["held"]
        assert [promise for promise, kept in held.items() if not kept] == broken


@pytest.mark.slow
def test_visitors_finish_while_somebody_attacks(app, run_to_end):
    told, alone = run_to_end(crowd(app, visitors=3, seconds=10))
    assert told.failures == []
    assert told.pictures == {seed: {digest} for seed, digest in alone.items()} != {}
    assert told.counts["attacks refused"] > 0
    assert told.delays

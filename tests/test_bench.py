"""The benches: they run, they count right, and their peer is what it says."""

import json

import pytest
import torch
from small import initialised, painting
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench import judge, speed
from bench.contenders import open_vgg19, operations
from bench.race import Race
from bench.soak import Account, crowd, judged
from bench.textbook import STYLE, Textbook, same_objective
from nst.engine.encoders import Encoder
from nst.engine.objective import Objective
from nst.engine.stylize import stylize


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return initialised(Encoder("tiny", ((4, 4), (6, 6), (8,) * 4, (8,) * 4, (8,))), seed=1)


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    return painting("lily-pond", 64), painting("swirling-night", 64)


def test_operations_equal_torchs_own_count(encoder):
    for network in (open_vgg19(None), encoder):
        x = torch.rand(1, 3, 48, 64, requires_grad=True)
        with FlopCounterMode(display=False) as counter:
            network(x, {"relu5_1"})["relu5_1"].sum().backward()
        assert operations(network, "conv5_1", 48, 64) == counter.get_total_flops()
    assert operations(encoder, "conv1_2", 16, 32) == 4 * 9 * (3 * 4 + 4 * 4) * 16 * 32


def test_the_textbook_is_the_recipe_that_the_race_is_run_by(encoder, pair):
    content, style = pair
    loop, recipe = Textbook(encoder, *pair, style_weight=1e4), same_objective(encoder, 1e4)
    assert [len(layer.target) for layer in loop.styles] == [4, 6, 8, 8, 8]
    assert len(loop.styles) == len(STYLE)
    objective = Objective(encoder, recipe, content, [style])
    losses = []
    for ours in stylize(content, [style], recipe.replace(size=64, steps=5), encoder, every=0):
        theirs = float(objective.evaluate(loop.picture.detach())[0].total)
        assert ours.losses.total == pytest.approx(theirs, rel=1e-3)
        if not ours.done:
            losses.append(loop.step())
            assert losses[-1] == pytest.approx(theirs, rel=1e-4)
    assert losses == sorted(losses, reverse=True)
    assert 0 <= loop.picture.min() <= loop.picture.max() <= 1


def test_an_arrival_is_at_or_below_the_goal_and_counts_what_came_before(encoder, pair):
    found = Race(encoder, 1e4, *pair, steps=16).run()
    seconds, goal = found["seconds"], found["loss"]["textbook"]
    arrived = [name for name in seconds if seconds[name] is not None]
    assert {"textbook", "plain Adam"} <= set(arrived)
    for name in seconds:
        assert (found["loss"][name] <= goal) == (name in arrived)
        faster = found["times faster"][name]
        assert faster == (seconds["textbook"] / seconds[name] if name in arrived else None)


def test_a_painting_that_is_the_photo_in_the_photos_own_style_is_perfect(pair):
    vgg, (photo, style) = open_vgg19(None), pair
    assert judge.mark(vgg, photo, photo, photo) == pytest.approx((0,) * 5, abs=1e-5)
    marks = judge.mark(vgg, photo, photo, style)
    assert marks.content == 0
    assert marks.style > 0.01
    assert marks.noise > 0.01
    speckled = (style + 0.1 * torch.randn(style.shape)).clamp(0, 1)
    assert judge.noise(speckled, style) > 10 * judge.noise(style.flip(3), style)


@pytest.mark.slow
def test_the_quick_bench_runs_end_to_end(tmp_path, capsys):
    out = tmp_path / "speed.json"
    sections = ["steps", "memory", "paint", "race"]
    speed.main(["--quick", "--device", "cpu", "--json", str(out), "--only", *sections])
    found = json.loads(out.read_text())
    assert list(found) == ["machine", *sections]
    steps = found["steps"]
    assert all(seconds > 0 for seconds in steps["seconds a step"]["32"].values())
    assert steps["over the textbook's"]["32"][speed.TEXTBOOK] == 1
    assert set(steps["over the floor"]["32"]) == {speed.VGG, speed.VGG_FP32, speed.COMPACT}
    idle = found["memory"]["of which"][""]["nothing"]
    assert found["memory"]["peak memory, MB"]["32"][speed.TEXTBOOK] > idle > 0
    assert list(found["paint"]["textbook steps"]) == ["48 px", "64 px"]
    (race,) = found["race"].values()
    assert race["steps"]["textbook"] == 6
    assert "seconds a step" in capsys.readouterr().out


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

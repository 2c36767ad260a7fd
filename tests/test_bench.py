"""The speed bench: it runs, it counts right, and its peer is what it says."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench import speed
from bench.contenders import open_vgg19, operations
from bench.race import Race
from bench.textbook import STYLE, Textbook, same_objective
from nst.engine.encoders import Encoder
from nst.engine.objective import Objective
from nst.engine.stylize import stylize
from nst.pictures.images import fit, open_photo, to_tensor

STYLES = Path(__file__).resolve().parents[1] / "examples" / "styles"
BLOCKS = ((4, 4), (6, 6), (8,) * 4, (8,) * 4, (8,))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(1)
    encoder = Encoder("tiny", BLOCKS)
    for conv in encoder.convolutions.values():
        torch.nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return encoder.requires_grad_(False)


def picture(name: str, size: int = 64) -> Tensor:
    return to_tensor(fit(open_photo(STYLES / f"{name}.jpg"), size))


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    return picture("lily-pond"), picture("swirling-night")


@pytest.mark.parametrize("name", ["vgg19", "tiny"])
def test_operations_equal_torchs_own_count(name, encoder):
    network = open_vgg19(None) if name == "vgg19" else encoder
    x = torch.rand(1, 3, 48, 64, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        network(x, {"relu5_1"})["relu5_1"].sum().backward()
    assert operations(network, "conv5_1", 48, 64) == counter.get_total_flops()


def test_operations_end_at_the_deepest_layer(encoder):
    widths = 3 * 4 + 4 * 4
    assert operations(encoder, "conv1_2", 16, 32) == 2 * 2 * 9 * widths * 16 * 32


def test_the_textbooks_loss_falls(encoder, pair):
    loop = Textbook(encoder, *pair, style_weight=1e4)
    losses = [loop.step() for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]
    assert not torch.equal(loop.picture, pair[0])
    assert loop.picture.min() >= 0
    assert loop.picture.max() <= 1


def test_the_textbook_is_the_recipe_that_the_race_is_run_by(encoder, pair):
    content, style = pair
    loop, recipe = Textbook(encoder, *pair, style_weight=1e4), same_objective(encoder, 1e4)
    objective = Objective(encoder, recipe, content, [style])
    steps = stylize(content, [style], recipe.replace(size=64, steps=5), encoder, every=0)
    for ours in steps:
        theirs = float(objective.evaluate(loop.picture.detach())[0].total)
        assert ours.losses.total == pytest.approx(theirs, rel=1e-3)
        if not ours.done:
            assert loop.step() == pytest.approx(theirs, rel=1e-4)


def test_the_textbook_hears_the_layers_it_names(encoder, pair):
    loop = Textbook(encoder, *pair)
    assert len(loop.styles) == len(STYLE)
    assert [len(layer.target) for layer in loop.styles] == [4, 6, 8, 8, 8]
    assert loop.contents[0].target.shape[1:] == (8, 48 // 8, 64 // 8)


def test_an_arrival_is_at_or_below_the_goal_and_counts_what_came_before(encoder, pair):
    found = Race(encoder, 1e4, *pair, steps=24).result()
    goal = found["textbook"]
    arrived = {name: run for name, run in found["ours"].items() if run["seconds"] is not None}
    assert "plain Adam" in arrived
    for run in arrived.values():
        assert run["loss"] <= goal["loss"]
        assert run["times_faster"] == pytest.approx(goal["seconds"] / run["seconds"])
    for run in found["ours"].values():
        assert (run["seconds"] is None) == (run["times_faster"] is None)


def test_the_exponent_of_a_power_law_is_found():
    assert speed.exponent({s: 3e-6 * (s * s) ** 1.02 for s in (256, 512, 1024)}) == pytest.approx(
        1.02
    )
    assert speed.exponent({256: 1.0}) is None


def test_tasks_take_turns_and_the_first_round_does_not_count(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr(speed.time, "perf_counter", lambda: now[0])

    def task(name: str, seconds: list[float]):
        def run() -> None:
            now[0] += seconds[calls.count(name)]
            calls.append(name)

        return run

    tasks = {"a": task("a", [90, 1, 9, 2]), "b": task("b", [90, 4, 6, 5])}
    assert speed.alternate(tasks, 3) == {"a": 2, "b": 5}
    assert calls == ["a", "b"] * 4


@pytest.mark.slow
def test_the_quick_bench_runs_end_to_end(tmp_path, capsys):
    speed.main(["--quick", "--json", str(tmp_path / "speed.json")])
    found = json.loads((tmp_path / "speed.json").read_text())
    assert set(found) == {"machine", *speed.SECTIONS}
    steps = found["steps"]
    for size in ("32", "64"):
        assert all(seconds > 0 for seconds in steps["seconds"][size].values())
        assert steps["over_textbook"][size][speed.TEXTBOOK] == 1
        floor = steps["operations"][size][speed.VGG] / steps["matmul_rate"][size]["fp32"]
        over = steps["seconds"][size][speed.VGG_FP32] / floor
        assert steps["over_floor"][size][speed.VGG_FP32] == pytest.approx(over)
    assert set(steps["exponent"]) == set(steps["seconds"]["64"])
    assert found["memory"]["peak"]["64"][speed.TEXTBOOK] > found["memory"]["idle"] > 0
    (race,) = found["race"].values()
    assert race["textbook"]["steps"] == 6
    assert set(found["precision"]) == {"compact", "VGG-19"}
    assert found["precision"]["compact"]["ratio"] > 0
    assert set(found["paint"]["waits"]) == {"Draft", "Standard", "Fine"}
    assert "seconds a step" in capsys.readouterr().out

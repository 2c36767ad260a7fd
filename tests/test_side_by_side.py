"""What the Compare tab and How it works are made of, without a browser."""

from functools import partial

import gradio as gr
import pytest
from PIL import Image

from nst.compare import COMPARISONS, Painted
from nst.engine.losses import Losses
from nst.errors import BadInput, NstError
from nst.presets import load_presets
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe
from ui import published, series, wall
from ui.about import sources
from ui.controls import WORDS
from ui.curves import curves, overlay
from ui.job import Job
from ui.links import Shared
from ui.pace import pace
from ui.run import Progress
from ui.samples import SAMPLES
from ui.series import Panel, Stage, Tile, chosen_in, paint
from ui.side_by_side import SideBySide, differences, sized
from ui.sweep import SWEEPS, varied
from ui.wall import DRAFT, MOST, SIZES, Wall

PICTURE = Image.effect_noise((48, 32), 50).convert("RGB")
LION = str(SAMPLES["lion"].path)
PRESETS = [preset.id for preset in load_presets()[0]]


def plan_of(count: int, steps: int = 4) -> Stage:
    recipes = [Recipe(steps=steps, seed=seed) for seed in range(count)]
    jobs = [Job(PICTURE, (PICTURE,), Shared(recipe), "Your painting") for recipe in recipes]
    return Stage("Several", "photo.jpg", PICTURE, [(f"seed {i}", j) for i, j in enumerate(jobs)])


def report(step: int, recipe: Recipe) -> Progress:
    done = step == recipe.steps
    shown = Image.new("RGB", (48, 32), (recipe.seed, step, 0)) if step == 1 or done else None
    losses = Losses(1.0, 1.0, 0.0, 0.0, 2.0 / step)
    return Progress(
        step, recipe.steps, (48, 32), 1.0 * step, losses=losses, picture=shown, done=done
    )


@pytest.fixture
def ran(monkeypatch) -> list[int]:
    """Stands in for the engine: reports every step of a run, and remembers which ran."""
    seeds: list[int] = []

    def run(photo, styles, recipe, **given):
        seeds.append(recipe.seed)
        if recipe.seed == 7:
            raise NstError("There is not enough memory.")
        for step in range(1, recipe.steps + 1):
            yield report(step, recipe)

    monkeypatch.setattr(series, "run", run)
    return seeds


@pytest.fixture
def panel() -> Panel:
    with gr.Blocks():
        return Panel("wall", "Go", "Press Go.")


def test_tiles_come_one_by_one_with_what_paints_them_again(ran, panel):
    told = list(panel.play(plan_of(3)))
    counts = [len(one[panel.gallery]) for one in told if type(one.get(panel.gallery)) is list]
    assert counts == sorted(counts)
    last = told[-1]
    assert "Done: 3 paintings in 12 s." in last[panel.status]
    stage = last[panel.stage]
    assert [tile.title for tile in stage.tiles] == ["seed 0", "seed 1", "seed 2"]
    assert [tile.shared.recipe.seed for tile in stage.tiles] == [0, 1, 2]
    assert last[panel.sheet]["visible"]
    assert not stage.running


def test_a_stopped_series_keeps_what_is_finished_and_paints_no_more(ran, panel):
    showing = panel.play(plan_of(3))
    stage = next(showing)[panel.stage]
    assert stage.running
    for update in showing:
        if "2 of 3" in update[panel.status]:
            break
    showing.close()
    assert ran == [0, 1]
    assert not stage.running
    answer = panel._stop(stage)
    assert "Stopped: 1 painting kept" in answer[panel.status]
    assert [title for _, title in answer[panel.gallery]["value"]] == ["The photo", "seed 0"]
    assert "before the first" in panel._stop(plan_of(1))[panel.status]


def test_a_painting_that_fails_leaves_the_earlier_ones_and_says_why(ran, panel):
    *_, last = panel.play(plan_of(9, steps=1))
    assert "not enough memory" in last[panel.status]
    assert len(last[panel.stage].tiles) == 7
    showing = panel.play(Stage("One", None, PICTURE, plan_of(9).jobs[7:8]))
    next(showing)
    assert "not enough memory" in next(showing)[panel.status]
    with pytest.raises(NstError):
        next(showing)


def test_a_series_has_one_deadline_and_says_once_how_it_ended(ran, panel, monkeypatch):
    monkeypatch.setattr(series, "RUN_LIMITS", type(series.RUN_LIMITS)(deadline=1e-9))
    *_, last = panel.play(plan_of(3))
    assert last[panel.status].count("1 of 3 made in the 0.1 s that a run may take here.") == 1
    given = []
    monkeypatch.setattr(series, "run", lambda *given_, deadline, **_: given.append(deadline) or [])
    list(paint(plan_of(1)))
    assert given[0] <= 1e-9


def test_only_a_painting_that_is_there_can_be_chosen(panel):
    stage = plan_of(1)
    stage.tiles.append(Tile("one", Shared(Recipe()), PICTURE))

    def choose(index):
        return panel._choose(stage, gr.SelectData(panel.gallery, {"index": index, "value": None}))

    assert choose(1)[1] == "**one**"
    assert chosen_in(stage)[1].title == "one"
    for nothing in (0, 2):  # the photo, and what is still being painted
        choose(nothing)
        with pytest.raises(BadInput, match="tap one"):
            chosen_in(stage)
    for wrong in (-1, "1", None):
        with pytest.raises(gr.Error, match="no such picture"):
            choose(wrong)
    with pytest.raises(BadInput, match="tap one"):
        chosen_in(None)


def test_the_wall_has_every_preset_as_a_draft_and_opens_the_photo_once():
    jobs = [job for _, job in wall.plan(LION, PRESETS).jobs]
    for preset, job in zip(load_presets()[0], jobs, strict=True):
        assert job.shared.recipe == preset.recipe(get_recipe("default")).replace(size=DRAFT)
        assert (job.shared.style, job.shared.photo) == (preset.id, "lion")
        assert job.photo is jobs[0].photo


def test_a_wall_that_cannot_be_painted_says_why():
    for photo, names, settings, words in (
        (None, ["mosaic"], "", "no photo"),
        (LION, [], "", "choose one"),
        (LION, ["nonsense"], "", "no preset called 'nonsense'"),
        (LION, list(map(str, range(MOST + 1))), "", f"at most {MOST}"),
        (LION, ["mosaic"], "strength=900", "strength"),
        (LION, ["mosaic"], "brash=1", "brash"),
    ):
        with pytest.raises(BadInput, match=words):
            wall.plan(photo, names, settings)


def test_a_wall_gets_smaller_until_it_fits_a_run_and_says_before_what_is_left_out(monkeypatch):
    def takes(seconds: float) -> str:
        monkeypatch.setattr(pace, "expect", lambda recipe, *_: seconds * (recipe.size / 384) ** 2)
        return wall.expected(LION, PRESETS)

    assert takes(1.0) == f"13 drafts, about 15 s on this machine, {SIZES[0]} pixels."
    assert takes(25.0).endswith(f"{SIZES[1]} pixels.")
    words = takes(60.0)
    assert words.startswith("13 drafts, about 6 min on this machine, 256 pixels. A run ends after")
    assert words.endswith("the last ones may be left out: choose fewer.")
    assert wall.expected(LION, []) == "choose at least one painting."


@pytest.fixture
def hung() -> Wall:
    with gr.Blocks():
        return Wall(gr.Image())


def test_the_wall_opens_on_a_sample_in_every_preset_and_keeps_what_was_painted(hung):
    panel = hung.panel
    (shown,) = hung.open(LION, ["mosaic"], None)
    titles = [title for _, title in shown[panel.gallery]["value"]]
    assert titles == ["The photo", *(preset.title for preset in load_presets()[0])]
    assert "Lion in 13 paintings." in shown[panel.status]
    assert all(tile.shared.photo == "lion" for tile in shown[panel.stage].tiles)
    painted = plan_of(1)
    painted.file = LION
    assert [set(told) for told in hung.open(LION, ["mosaic"], painted)] == [{panel.status}]
    painted.file, painted.running = "another.jpg", True
    assert [set(told) for told in hung.open(LION, ["mosaic"], painted)] == [{panel.status}]
    painted.running = False
    assert "Lion in 13" in next(hung.open(LION, ["mosaic"], painted))[panel.status]
    with pytest.raises(gr.Error, match="can be read"):
        next(hung.open(__file__, ["mosaic"], None))


def test_ones_own_photo_is_shown_at_once_in_every_preset_until_something_else_is(hung, tmp_path):
    own, panel = str(tmp_path / "own.png"), hung.panel
    PICTURE.save(own)
    first, *tiles = hung.open(own, ["mosaic"], None)
    stage = first[panel.stage]
    assert "Your photo in every painting" in first[panel.status]
    assert first[panel.gallery]["allow_preview"] is False  # a tap goes to Paint
    assert [len(told[panel.gallery]) for told in tiles] == list(range(2, 15))
    assert [tile.shared.style for tile in stage.tiles] == PRESETS
    assert len({tile.picture.tobytes() for tile in stage.tiles}) == 13
    coming = hung.open(own, ["mosaic"], None)
    stage = next(coming)[panel.stage]
    next(coming)
    next(hung.open(LION, ["mosaic"], stage))
    assert list(coming) == []
    assert len(stage.tiles) == 1


def test_a_sweep_changes_its_setting_and_nothing_else():
    for name, (_, values) in SWEEPS.items():
        assert len({recipe for _, recipe in varied(name, values, Recipe())}) == 5
    base = get_recipe("lodaya").replace(size=64, seed=7)
    (_, low), (title, high) = varied("strength", "10, 90", base)
    assert low.differences(high) == {"strength": (10, 90)}
    assert base.differences(high) == {"strength": (50, 90)}
    assert title == "Strength 90"
    assert {recipe.start for _, recipe in varied("noise_ratio", "0, 1", Recipe())} == {"blend"}
    assert {recipe.size for _, recipe in varied("brush", "1, 2", Recipe(size=1024))} == {DRAFT}


def test_a_sweep_that_cannot_be_painted_says_why():
    for name, values, words in (
        ("strength", "10", "1 values"),
        ("strength", ", ".join(map(str, range(9))), "9 values"),
        ("strength", "10, many", "many"),
        ("strength", "10, 900", "900"),
        ("encoder", "a, b", "'encoder' cannot be compared"),
        ("strength", None, "0 values"),
    ):
        with pytest.raises(BadInput, match=words):
            varied(name, values, Recipe())


def test_only_what_differs_is_told_of_two_paintings():
    a = Shared(Recipe(strength=30, colours="photo"), "lion", "mosaic")
    b = Shared(Recipe(strength=70), "lion", "charcoal")
    assert differences(a, b) == [
        ("Painting", "Mosaic", "Charcoal"),
        ("Strength", "30", "70"),
        ("Colours", WORDS["photo"], WORDS["style"]),
    ]
    assert differences(a, a) == []


def test_two_of_other_sizes_meet_at_the_larger_and_another_aspect_is_cropped():
    def sizes(*pair: tuple[int, int]) -> list[tuple[int, int]]:
        tiles = tuple(Tile("", Shared(Recipe()), Image.new("RGB", size)) for size in pair)
        return [picture.size for picture in sized(tiles)]

    assert sizes((48, 32), (96, 64)) == sizes((96, 64), (48, 32)) == [(96, 64)] * 2
    assert sizes((48, 32), (32, 48)) == [(48, 32)] * 2


def test_the_first_is_set_on_the_left_and_every_other_beside_it():
    with gr.Blocks():
        beside = SideBySide()
    one, two, three = (Tile(name, Shared(Recipe()), PICTURE) for name in ("one", "two", "three"))
    pair = beside.add(None, one)[beside.pair]
    assert pair == (one,)
    pair = beside.add(pair, two)[beside.pair]
    assert beside.add(pair, three)[beside.pair] == (one, three)


def falling(by: float) -> list[tuple[int, Losses[float]]]:
    return [(step, Losses(0.0, 1.0, 0.0, 0.0, by / step)) for step in range(1, 9)]


def test_curves_are_shares_of_the_highest_and_never_break():
    drawing = overlay({"VGG-16": falling(1e12), "<b>": falling(9e12)})
    assert drawing.count("<polyline") == 2
    assert "VGG-16 2.78%, &lt;b&gt; 25%" in drawing
    assert "<b>" not in drawing
    assert "content" not in curves(falling(1.0))
    nothing = [(step, Losses(0.0, 0.0, 0.0, 0.0, 0.0)) for step in range(3)]
    assert overlay({}) == overlay({"a": falling(1.0)[:2]}) == curves([]) == curves(nothing) == ""


def test_a_comparison_fits_the_time_given_or_is_small_and_short(monkeypatch):
    monkeypatch.setattr(published, "needs", lambda name: "")

    def offered(each: float, budget: float = 60.0) -> list[str]:
        monkeypatch.setattr(pace, "expect", lambda recipe, *_: recipe.steps * recipe.size * each)
        return [published.card(name, budget, LION) for name in COMPARISONS]

    assert "2 paintings, all 450 steps, 512 pixels: about" in offered(1e-5)[0]
    assert "all 450 steps, 256 pixels: about 45 s here" in offered(2e-4)[0]
    assert "600 of the authors' 30,000 steps, 128 pixels" in offered(5e-4)[2]
    longer = offered(5e-4, series.RUN_LIMITS.deadline)[2]
    assert "3,000 of the authors' 30,000 steps" in longer
    monkeypatch.setattr(pace, "expect", lambda recipe, *_: None)
    assert "20 of the authors' 450 steps, 256 pixels." in published.card("ratios", 60.0, LION)
    with pytest.raises(BadInput, match="no such time"):
        published.affordable("ratios", 1e9, LION)


def test_networks_that_are_not_here_are_not_compared(monkeypatch):
    monkeypatch.setattr(published, "needs", lambda name: "VGG-16 is not on this machine")
    assert "not on this machine" in published.card("networks", 60.0, LION)


def test_losses_are_told_in_ratios_and_words():
    painted = [
        Painted(f"<{by:g}>", Recipe(), PICTURE, falling(by)[-1][1], 3.0, tuple(falling(by)))
        for by in (1e12, 1e12, 3e12, 2e14)
    ]
    told = published.below(False, painted)
    for words in ("the same", "3.00 times", "200 times", "&lt;1e+12&gt; ends at the lowest"):
        assert words in told
    assert "All end at about the same" in published.verdict(painted[:2])
    assert published.below(True, painted).count("<polyline") == 1


def test_how_it_works_names_every_published_recipe_with_its_source():
    listed = sources()
    for name, entry in RECIPES.items():
        assert (f"| **{name}** |" in listed) == (name != "default")
        assert name == "default" or entry.source in listed
        assert entry.ours not in listed


def test_one_panel_shows_one_run_at_a_time_and_a_refusal_leaves_what_is_there(ran, panel):
    handler = panel._handler(partial(wall.plan, LION))
    busy = Stage("Several", None, PICTURE, running=True)
    with pytest.raises(gr.Error, match="stop it first"):
        next(handler(busy, ["mosaic"]))
    idle = plan_of(1)
    idle.tiles.append(Tile("one", Shared(Recipe()), PICTURE))
    refused = handler(idle, [])
    assert set(next(refused)) == {panel.status, panel.stop}
    with pytest.raises(gr.Error, match="choose one"):
        next(refused)
    assert len(idle.tiles) == 1

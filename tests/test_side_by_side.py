"""What the Compare tab and How it works are made of, without a browser."""

from functools import partial
from types import SimpleNamespace

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
from ui.job import open_job
from ui.links import Shared
from ui.pace import pace
from ui.samples import SAMPLES
from ui.series import DRAFT, Panel, Stage, Tile, chosen_in, planned
from ui.side_by_side import SideBySide, differences, sized
from ui.sweep import SWEEPS, varied

PICTURE = Image.effect_noise((48, 32), 50).convert("RGB")
LION = str(SAMPLES["lion"].path)
PRESETS = [preset.id for preset in load_presets()[0]]


def tile(title: str = "one", picture: Image.Image = PICTURE) -> Tile:
    return Tile(title, Shared(Recipe()), picture)


def plan_of(*seeds: int, steps: int = 4) -> Stage:
    asked = open_job(LION, load_presets()[0][0], Recipe())
    recipes = [(f"seed {seed}", Recipe(steps=steps, seed=seed)) for seed in seeds]
    return planned("Several", LION, asked, recipes)


def report(step: int, recipe: Recipe) -> SimpleNamespace:
    """What stands for a step of a run."""
    done = step == recipe.steps
    shown = Image.new("RGB", (48, 32), (recipe.seed, step, 0)) if step == 1 or done else None
    told = {"step": step, "total": recipe.steps, "seconds": 1.0 * step, "picture": shown}
    losses = Losses(1.0, 1.0, 0.0, 0.0, 2.0 / step)
    return SimpleNamespace(**told, losses=losses, notes=(), substitutes="", done=done)


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
        return Panel("wall", "Press Go.", "Go")


def test_tiles_come_one_by_one_with_what_paints_them_again(ran, panel):
    told = list(panel.play(plan_of(0, 1, 2)))
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
    showing = panel.play(plan_of(0, 1, 2))
    stage = next(showing)[panel.stage]
    assert stage.running
    for update in showing:
        if "2 of 3" in update[panel.status]:
            break
    showing.close()
    assert ran == [0, 1]
    assert not stage.running
    answer = panel.stopped(stage)
    assert "Stopped: 1 painting kept" in answer[panel.status]
    assert [title for _, title in answer[panel.gallery]["value"]] == ["The photo", "seed 0"]
    assert "before the first" in panel.stopped(plan_of(1))[panel.status]


def test_a_painting_that_fails_leaves_the_earlier_ones_and_says_why(ran, panel):
    for seeds, kept in (((5, 6, 7, 8), 2), ((7,), 0)):
        *_, last = panel.play(plan_of(*seeds, steps=1))
        assert "not enough memory" in last[panel.status]
        assert len(last[panel.stage].tiles) == kept
        assert last[panel.stop]["interactive"] is False


def test_a_series_has_one_deadline_and_says_once_how_it_ended(ran, panel, monkeypatch):
    monkeypatch.setattr(series, "RUN_LIMITS", type(series.RUN_LIMITS)(deadline=1e-9))
    *_, last = panel.play(plan_of(0, 1, 2))
    assert last[panel.status].count("1 of 3 made in the 0.1 s that a run may take here.") == 1


def test_only_a_painting_that_is_there_can_be_chosen(panel):
    stage = Stage("Several", LION, PICTURE, tiles=[tile()])

    def choose(index):
        return panel.choose(stage, gr.SelectData(panel.gallery, {"index": index, "value": None}))

    assert choose(1)[1] == "**one**"
    assert chosen_in(stage).title == "one"
    for nothing in (0, 2):  # the photo, and what is still being painted
        choose(nothing)
        with pytest.raises(BadInput, match="tap one"):
            chosen_in(stage)
    for wrong in (-1, "1", None):
        with pytest.raises(gr.Error, match="no such picture"):
            choose(wrong)
    with pytest.raises(BadInput, match="tap one"):
        chosen_in(None)


def test_one_panel_shows_one_run_at_a_time_and_a_refusal_leaves_what_is_there(ran, panel):
    start = partial(panel.start, partial(wall.plan, LION))
    with pytest.raises(gr.Error, match="stop it first"):
        next(start(Stage("Several", None, PICTURE, running=True), ["mosaic"]))
    with pytest.raises(gr.Error, match="choose one"):
        next(start(None, []))


def test_the_wall_has_every_preset_as_a_draft_and_opens_the_photo_once():
    jobs = wall.plan(LION, PRESETS).jobs
    for preset, job in zip(load_presets()[0], jobs, strict=True):
        assert job.shared.recipe == preset.recipe(get_recipe("default")).replace(size=DRAFT)
        assert (job.title, job.shared.style, job.shared.photo) == (preset.title, preset.id, "lion")
        assert job.photo is jobs[0].photo


def test_what_cannot_be_painted_says_why():
    wrong = {
        (None, ("mosaic",), ""): "no photo",
        (LION, (), ""): "choose one",
        (LION, ("nonsense",), ""): "no preset called 'nonsense'",
        (LION, tuple(map(str, range(wall.MOST + 1))), ""): f"at most {wall.MOST}",
        (LION, ("mosaic",), "strength=900"): "strength",
        (LION, ("mosaic",), "brash=1"): "brash",
    }
    for given, words in wrong.items():
        with pytest.raises(BadInput, match=words):
            wall.plan(*given)
    wrong = {
        ("strength", "10"): "1 values",
        ("strength", ", ".join(map(str, range(9)))): "9 values",
        ("strength", "10, 900"): "900",
        ("encoder", "a, b"): "'encoder' cannot be compared",
    }
    for given, words in wrong.items():
        with pytest.raises(BadInput, match=words):
            varied(*given, Recipe())


def test_a_wall_says_before_what_it_takes_and_whether_all_of_it_fits_a_run(monkeypatch):
    def takes(seconds: float) -> str:
        monkeypatch.setattr(pace, "expect", lambda recipe, *_: seconds)
        return wall.takes(PRESETS)

    assert takes(1.0) == f"13 drafts, about 15 s on this machine, {DRAFT} pixels."
    words = takes(30.0)
    assert words.startswith(f"13 drafts, about 6 min on this machine, {DRAFT} pixels. A run ends")
    assert words.endswith("the last ones may be left out: choose fewer.")
    assert wall.takes([]) == "choose at least one painting."


def test_the_wall_opens_on_a_sample_in_every_preset_and_keeps_what_was_painted(panel):
    opening = partial(wall.opening, panel, True, LION, ["mosaic"])
    first, *_, last = opening(None)
    titles = [title for _, title in last[panel.gallery]]
    assert titles == ["The photo", *(preset.title for preset in load_presets()[0])]
    assert "Lion in every painting." in first[panel.status]
    assert all(tile.shared.photo == "lion" for tile in first[panel.stage].tiles)
    for kept in (Stage("", LION, PICTURE), Stage("", "another.jpg", PICTURE, running=True)):
        assert [set(told) for told in opening(kept)] == [{panel.status}]
    assert "Lion in every" in next(opening(Stage("", "another.jpg", PICTURE)))[panel.status]
    with pytest.raises(gr.Error, match="can be read"):
        next(wall.opening(panel, True, __file__, ["mosaic"], None))
    assert [set(told) for told in wall.opening(panel, False, LION, [], None)] == [{panel.status}]


def test_ones_own_photo_is_shown_at_once_in_every_preset(panel, tmp_path):
    own = str(tmp_path / "own.png")
    PICTURE.save(own)
    first, *tiles = wall.opening(panel, True, own, ["mosaic"], None)
    stage = first[panel.stage]
    assert "Your photo in every painting" in first[panel.status]
    assert len(tiles) == 13
    assert [tile.shared.style for tile in stage.tiles] == PRESETS
    assert {tile.shared.recipe.size for tile in stage.tiles} == {wall.PREVIEW}
    assert len({tile.picture.tobytes() for tile in stage.tiles}) == 13


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
        tiles = tuple(tile("", Image.new("RGB", size)) for size in pair)
        return [picture.size for picture in sized(tiles)]

    assert sizes((48, 32), (96, 64)) == sizes((96, 64), (48, 32)) == [(96, 64)] * 2
    assert sizes((48, 32), (32, 48)) == [(48, 32)] * 2


def test_the_first_is_set_on_the_left_and_every_other_beside_it():
    with gr.Blocks():
        beside = SideBySide()
    one, two, three = map(tile, ("one", "<two>", "three"))
    first = beside.add(None, one)
    assert first[beside.pair] == (one,)
    second = beside.add((one,), two)
    assert "&lt;two&gt;" in second[beside.about]
    assert "the same settings" in second[beside.about]
    assert beside.add((one, two), three)[beside.pair] == (one, three)


def falling(by: float) -> list[tuple[int, Losses[float]]]:
    return [(step, Losses(0.0, 1.0, 0.0, 0.0, by / step)) for step in range(1, 9)]


def test_curves_are_shares_of_the_highest_of_what_was_measured_and_never_break():
    drawing = overlay({"VGG-16": falling(1e12), "<b>": falling(9e12)})
    assert drawing.count("<polyline") == 2
    assert "VGG-16 2.78%, &lt;b&gt; 25%" in drawing
    assert "<b>" not in drawing
    assert "style" in curves(falling(1.0))
    assert "content" not in curves(falling(1.0))  # which was not weighed
    steep = [(step, Losses(1e9, 2e-4 / step, 1e-4, 0, 1e9)) for step in (1, 1000)]
    same = [(5, Losses(1, 1, 1, 1, 1)), (5, Losses(1, 1, 1, 1, 1))]
    assert all("nan" not in curves(each) for each in (steep, same))
    nothing = [(step, Losses(0.0, 0.0, 0.0, 0.0, 0.0)) for step in range(3)]
    assert overlay({}) == overlay({"a": falling(1.0)[:2]}) == curves([]) == curves(nothing) == ""


def test_a_comparison_fits_the_time_given_or_is_small_and_short(monkeypatch):
    monkeypatch.setattr(published, "needs", lambda name: "")

    def offered(each: float, budget: float = 60.0) -> list[str]:
        monkeypatch.setattr(pace, "expect", lambda recipe, *_: recipe.steps * recipe.size * each)
        return [published.card(name, budget) for name in COMPARISONS]

    assert "2 paintings, all 450 steps, 512 pixels: about" in offered(1e-5)[0]
    assert "all 450 steps, 256 pixels: about 45 s here" in offered(2e-4)[0]
    assert "600 of the authors' 30,000 steps, 128 pixels" in offered(5e-4)[2]
    longer = offered(5e-4, series.RUN_LIMITS.deadline)[2]
    assert "3,000 of the authors' 30,000 steps" in longer
    monkeypatch.setattr(pace, "expect", lambda recipe, *_: None)
    assert "20 of the authors' 450 steps, 256 pixels." in published.card("ratios", 60.0)
    with pytest.raises(BadInput, match="no such time"):
        published.affordable("ratios", 1e9)
    monkeypatch.setattr(published, "needs", lambda name: "VGG-16 is not on this machine")
    assert "not on this machine" in published.card("networks", 60.0)


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

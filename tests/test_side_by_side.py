"""What the Compare tab and How it works are made of, without a browser."""

import re
from dataclasses import replace

import gradio as gr
import pytest
from PIL import Image

from nst import compare as comparing
from nst.compare import COMPARISONS
from nst.engine.losses import Losses
from nst.errors import BadInput, NstError
from nst.presets import load_presets
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe
from ui.controls import WORDS
from ui.curves import overlay
from ui.links import Shared
from ui.samples import SAMPLES
from ui.runs import job as ordering
from ui.job import Job
from ui.pace import pace
from ui.run import Progress
from ui.server.visitors import Visitor
from ui.tabs import tiles
from ui.tabs.about import _recipes, figures
from ui.tabs.authors import Authors, _card
from ui.inputs import InputPanel
from ui.tabs.panel import Panel, Stage, _handler, taken
from ui.tabs.side_by_side import SideBySide, _sized, differences
from ui.tabs.style_grid import DRAFT, MOST, StyleGrid, plan
from ui.tabs.sweep import SWEEPS, varied
from ui.tabs.tiles import Plan, Tile, View, paint_all, sheet_of

PICTURE = Image.effect_noise((48, 32), 50).convert("RGB")
SOMEBODY = Visitor("here", "one")
LION = str(SAMPLES["lion"].path)


def job(recipe: Recipe) -> Job:
    return Job(PICTURE, (PICTURE,), Shared(recipe), "In a style of my own", "")


def plan_of(count: int, steps: int = 4) -> Plan:
    recipes = [Recipe(steps=steps, seed=seed) for seed in range(count)]
    return Plan("Four", "photo.jpg", tuple((f"seed {r.seed}", job(r)) for r in recipes))


def report(step: int, recipe: Recipe) -> Progress:
    done = step == recipe.steps
    shown = Image.new("RGB", (48, 32), (recipe.seed, step, 0)) if step == 1 or done else None
    return Progress(step, recipe.steps, (48, 32), 1.0 * step, f"Step {step}", (), None, shown)


@pytest.fixture
def painter(monkeypatch):
    """Stands in for the engine: reports every step of a run, and remembers which ran."""
    ran = []

    def run(photo, styles, recipe, **given):
        ran.append(recipe.seed)
        for step in range(1, recipe.steps + 1):
            yield report(step, recipe)

    monkeypatch.setattr(tiles, "run", run)
    return ran


def test_tiles_come_one_by_one_and_keep_their_order(painter):
    views = list(paint_all(plan_of(3), SOMEBODY))
    counts = [len(view.tiles) for view in views]
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3}
    assert [tile.title for tile in views[-1].tiles] == ["seed 0", "seed 1", "seed 2"]
    assert [tile.picture.getpixel((0, 0)) for tile in views[-1].tiles] == [
        (0, 4, 0),
        (1, 4, 0),
        (2, 4, 0),
    ]


def test_the_share_done_only_grows_and_ends_as_none(painter):
    shares = [view.share for view in paint_all(plan_of(3), SOMEBODY)]
    assert shares[-1] is None
    assert shares[:-1] == sorted(shares[:-1])
    assert shares[-2] == 1.0


def test_closing_leaves_the_other_paintings_unpainted(painter):
    views = paint_all(plan_of(3), SOMEBODY)
    next(views)
    views.close()
    assert painter == [0]


def test_a_series_has_one_deadline_for_all_its_paintings(monkeypatch):
    given = []

    def run(photo, styles, recipe, *, deadline, **others):
        given.append(deadline)
        yield replace(report(recipe.steps, recipe), seconds=100.0)

    monkeypatch.setattr(tiles, "run", run)
    monkeypatch.setattr(tiles, "RUN_LIMITS", type(tiles.RUN_LIMITS)(deadline=250))
    last = list(paint_all(plan_of(4), SOMEBODY))[-1]
    assert given == [250, 150, 50]
    assert last.line.startswith("Ended after 3 of 4")


def test_a_series_tells_how_long_it_waits_and_does_not_count_that(monkeypatch):
    def run(photo, styles, recipe, **given):
        yield replace(report(0, recipe), status="1 before you, about 40 s", seconds=0.0)
        yield report(recipe.steps, recipe)

    monkeypatch.setattr(tiles, "run", run)
    first, *_ = paint_all(plan_of(2), SOMEBODY)
    assert first.line == "1 of 2: 1 before you, about 40 s"
    assert first.share == 0


def test_past_the_deadline_the_series_ends_with_what_is_there(painter, monkeypatch):
    monkeypatch.setattr(tiles, "RUN_LIMITS", type(tiles.RUN_LIMITS)(deadline=1e-9))
    last = list(paint_all(plan_of(3), SOMEBODY))[-1]
    assert [tile.title for tile in last.tiles] == ["seed 0"]
    assert last.line.startswith("Ended after 1 of 3")
    assert last.share is None


def test_a_later_painting_that_fails_leaves_the_earlier_ones(monkeypatch):
    def run(photo, styles, recipe, **given):
        if recipe.seed == 1:
            raise NstError("There is not enough memory.")
        yield report(recipe.steps, recipe)

    monkeypatch.setattr(tiles, "run", run)
    last = list(paint_all(plan_of(3), SOMEBODY))[-1]
    assert len(last.tiles) == 1
    assert last.line == "There is not enough memory."


def test_a_first_painting_that_fails_says_why(monkeypatch):
    def run(photo, styles, recipe, **given):
        raise BadInput("The size is 9999 pixels.")

    monkeypatch.setattr(tiles, "run", run)
    with pytest.raises(BadInput, match="9999"):
        list(paint_all(plan_of(2), SOMEBODY))


def test_a_contact_sheet_has_the_photo_and_every_painting():
    def sheet(count: int) -> Image.Image:
        tile = Tile("a", Shared(Recipe()), PICTURE)
        return sheet_of(View("Sheet", PICTURE, "photo.jpg", (tile,) * count))

    assert sheet(3).width > sheet(2).width
    assert sheet(7).height > sheet(3).height


def test_the_wall_has_every_preset_as_a_draft_with_its_own_settings():
    presets = load_presets()[0]
    wall = plan(LION, [preset.id for preset in presets])
    assert [title for title, _ in wall.jobs] == [preset.title for preset in presets]
    for preset, (_, one) in zip(presets, wall.jobs, strict=True):
        assert one.shared.recipe == preset.recipe(get_recipe("default")).replace(size=DRAFT)
        assert (one.shared.style, one.shared.photo) == (preset.id, "lion")


def test_the_wall_opens_the_photo_once(monkeypatch):
    opened = []
    original = ordering.open_photo
    monkeypatch.setattr(
        ordering, "open_photo", lambda path, *rest: opened.append(path) or original(path, *rest)
    )
    plan(LION, [preset.id for preset in load_presets()[0][:3]])
    assert opened.count(LION) == 1


@pytest.mark.parametrize(
    ("names", "settings", "words"),
    [
        ([], "", "choose one"),
        (["nonsense"], "", "no preset called 'nonsense'"),
        ([str(i) for i in range(MOST + 1)], "", f"at most {MOST}"),
        (["mosaic"], "strength=900", "strength"),
        (["mosaic"], "brash=1", "brash"),
    ],
)
def test_a_wall_that_cannot_be_painted_says_why(names, settings, words):
    with pytest.raises(BadInput, match=words):
        plan(LION, names, settings)


def test_a_wall_without_a_photo_says_so():
    with pytest.raises(BadInput, match="no photo"):
        plan(None, ["mosaic"])


@pytest.mark.parametrize("name", SWEEPS)
def test_every_sweep_offers_five_different_recipes(name):
    recipes = [recipe for _, recipe in varied(name, SWEEPS[name][1], Recipe())]
    assert len(recipes) == 5
    assert len(set(recipes)) == 5


def test_a_sweep_changes_its_setting_and_nothing_else():
    base = get_recipe("lodaya").replace(size=64, seed=7)
    (_, low), (title, high) = varied("strength", "10, 90", base)
    assert low.differences(high) == {"strength": (10, 90)}
    assert base.differences(high) == {"strength": (50, 90)}
    assert title == "Strength 90"


def test_a_sweep_of_noise_starts_from_a_blend():
    assert {recipe.start for _, recipe in varied("noise_ratio", "0, 1", Recipe())} == {"blend"}


def test_a_sweep_is_of_drafts():
    assert {recipe.size for _, recipe in varied("brush", "1, 2", Recipe(size=1024))} == {DRAFT}
    assert {recipe.size for _, recipe in varied("brush", "1, 2", Recipe(size=64))} == {64}


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("strength", "10", "1 values"),
        ("strength", ", ".join(map(str, range(9))), "9 values"),
        ("strength", "10, many", "many"),
        ("strength", "10, 900", "900"),
        ("encoder", "a, b", "'encoder' cannot be compared"),
        ("strength", None, "0 values"),
    ],
)
def test_a_sweep_that_cannot_be_painted_says_why(name, values, words):
    with pytest.raises(BadInput, match=words):
        varied(name, values, Recipe())


def test_only_what_differs_is_told_of_a_and_b():
    a = Shared(Recipe(strength=30, colours="photo"), "lion", "mosaic")
    b = Shared(Recipe(strength=70), "lion", "charcoal")
    assert differences(a, b) == [
        ("Painting", "Mosaic", "Charcoal"),
        ("Strength", "30", "70"),
        ("Colours", WORDS["photo"], WORDS["style"]),
    ]
    assert differences(a, a) == []


def test_two_of_other_sizes_meet_at_the_larger():
    small, large = Image.new("RGB", (48, 32)), Image.new("RGB", (96, 64))
    for pair in ((small, large), (large, small)):
        tiles = tuple(Tile("one", Shared(Recipe()), picture) for picture in pair)
        assert [picture.size for picture in _sized(tiles)] == [(96, 64)] * 2


def test_one_of_another_aspect_is_cropped_to_the_left_one():
    tall = Tile("right", Shared(Recipe()), Image.new("RGB", (32, 48)))
    wide = Tile("left", Shared(Recipe()), Image.new("RGB", (48, 32)))
    left, right = _sized((wide, tall))
    assert left.size == right.size
    assert left.width > left.height


def test_the_first_is_set_on_the_left_and_every_other_beside_it():
    with gr.Blocks():
        beside = SideBySide()
    one, two, three = (Tile(name, Shared(Recipe()), PICTURE) for name in ("one", "two", "three"))
    pair = beside.add(None, one)[beside.pair]
    assert pair == (one,)
    pair = beside.add(pair, two)[beside.pair]
    assert pair == (one, two)
    assert beside.add(pair, three)[beside.pair] == (one, three)


def test_the_overlay_draws_a_line_for_every_run_on_one_axis():
    falling = [(step, Losses(1.0, 1.0, 0.0, 0.0, 100.0 / step)) for step in range(1, 9)]
    higher = [(step, Losses(1.0, 1.0, 0.0, 0.0, 900.0 / step)) for step in range(1, 9)]
    drawing = overlay([("VGG-16", falling), ("VGG-19", higher)])
    lines = re.findall(r'polyline class="line-\d" points="([^"]+)"', drawing)
    ends = [float(line.split()[-1].split(",")[1]) for line in lines]
    assert len(lines) == 2
    assert ends[1] < ends[0]  # the higher loss ends higher up
    assert "VGG-16 12.5; VGG-19 112" in drawing


def test_the_overlay_escapes_names_and_is_empty_without_points():
    points = [(step, Losses(0.0, 0.0, 0.0, 0.0, float(step))) for step in range(1, 5)]
    assert "<b>" not in overlay([("<b>", points)])
    assert overlay([]) == overlay([("a", points[:1])]) == ""


def test_a_comparison_of_networks_that_are_not_here_is_not_offered(monkeypatch):
    here: set[str] = set()
    monkeypatch.setattr(comparing, "is_cached", lambda name: name in here)
    assert "not on this machine, so there is nothing to compare" in _card(
        "networks", "small", "all", 0.75
    )
    with gr.Blocks():
        authors = Authors(InputPanel())

    def offers() -> list[bool]:
        return [update["visible"] for update in authors.expect("small", "all", LION)[4:]]

    assert offers() == [False, True, True, True, True, False, False, False]
    here.update(("vgg16", "vgg19"))
    assert offers() == [True] * 4 + [False] * 4


def test_a_card_says_how_much_there_is_to_paint(monkeypatch):
    monkeypatch.setattr(comparing, "is_cached", lambda name: True)
    monkeypatch.setattr(pace, "expect", lambda recipe, aspect=0.75: recipe.steps / 100)
    assert "2 paintings, 900 steps at 256 px: about 9 s here." in _card(
        "networks", "small", "all", 0.75
    )
    assert "1 painting, 3,000 steps at 512 px: about 30 s here." in _card(
        "frames", "own", "tenth", 0.75
    )


def test_a_card_warns_of_what_a_run_may_not_take(monkeypatch):
    monkeypatch.setattr(comparing, "is_cached", lambda name: True)
    monkeypatch.setattr(pace, "expect", lambda recipe, aspect=0.75: 1e5)
    for name in COMPARISONS:
        assert "it will end early" in _card(name, "small", "all", 0.75)


def test_time_that_is_not_known_is_not_made_up(monkeypatch):
    monkeypatch.setattr(pace, "expect", lambda recipe, aspect=0.75: None)
    assert pace.expect_all([get_recipe("lodaya")]) is None
    assert "told when it starts" in _card("ratios", "small", "all", 0.75)


def test_the_figures_are_those_of_the_bench_word_for_word(tmp_path):
    file = tmp_path / "README.md"
    file.write_text("# Bench\n<!-- figures -->\n| CPU | 3 s |\n<!-- /figures -->\nmore\n")
    assert figures(file) == "| CPU | 3 s |"
    file.write_text("# Bench\n")
    assert "no measured figures" in figures(file)
    assert "no measured figures" in figures(tmp_path / "none.md")


def test_how_it_works_names_every_recipe_with_its_source():
    listed = _recipes()
    for name, entry in RECIPES.items():
        if name != "default":
            assert f"| **{name}** |" in listed
        assert entry.source.split(",")[0] in listed


def test_a_stop_is_told_by_the_run_itself_and_nothing_comes_after(painter):
    with gr.Blocks():
        panel = Panel("wall", "Go", "Press Go.")
    stage = panel._begin(None)[panel.stage]
    showing = panel.play(stage, paint_all(plan_of(3), SOMEBODY))
    next(showing)
    for update in showing:
        if "2 of 3" in update[panel.status]:
            break
    panel._stop(stage)
    (answer,) = showing
    assert "1 painting is kept" in answer[panel.status]
    assert [title for _, title in answer[panel.gallery]["value"]] == ["The photo", "seed 0"]
    assert not stage.running


@pytest.mark.parametrize("heard", [1, 2])
def test_a_stop_before_the_first_picture_says_so(painter, heard):
    with gr.Blocks():
        panel = Panel("wall", "Go", "Press Go.")
    stage = panel._begin(None)[panel.stage]
    showing = panel.play(stage, paint_all(plan_of(3), SOMEBODY))
    for _ in range(heard):
        next(showing)
    panel._stop(stage)
    (answer,) = showing
    assert "before the first picture" in answer[panel.status]


def test_what_ends_a_run_is_said_where_its_progress_was(monkeypatch):
    def run(photo, styles, recipe, **given):
        raise NstError("There is not enough memory.")
        yield

    monkeypatch.setattr(tiles, "run", run)
    with gr.Blocks():
        panel = Panel("wall", "Go", "Press Go.")
    showing = panel.play(Stage(running=True), paint_all(plan_of(2), SOMEBODY))
    next(showing)
    assert "not enough memory" in next(showing)[panel.status]
    with pytest.raises(NstError):
        next(showing)


def test_one_panel_shows_one_run_at_a_time(painter):
    with gr.Blocks():
        panel = Panel("authors", "Go", "Press Go.")
    handler = _handler(panel, lambda visitor: paint_all(plan_of(2), visitor))
    stage = panel._begin(None)[panel.stage]
    with pytest.raises(gr.Error, match="stop it first"):
        panel._begin(stage)
    list(handler(None, stage))
    with pytest.raises(gr.Error, match="press the button"):
        next(handler(None, stage))
    assert panel._begin(stage)[panel.stage] is not stage


def test_what_is_painted_stays_when_the_next_is_refused(painter):
    with gr.Blocks():
        panel = Panel("wall", "Go", "Press Go.")
    stage = panel._begin(None)[panel.stage]
    list(_handler(panel, lambda visitor: paint_all(plan_of(2), visitor))(None, stage))
    stage.chosen = stage.view.tiles[0]
    again = panel._begin(stage)[panel.stage]
    panel._over(again)
    assert taken(again) == (stage.view, stage.chosen)
    assert len(again.files) == 3
    again = panel._begin(again)[panel.stage]
    assert "Getting ready" in next(panel.play(again, paint_all(plan_of(1), SOMEBODY)))[panel.status]
    assert again.view is None


def test_what_cannot_begin_leaves_the_panel_free():
    with gr.Blocks():
        panel = Panel("sweep", "Go", "Press Go.")

    def refused(visitor):
        raise BadInput("There are 0 values.")

    stage = panel._begin(None)[panel.stage]
    with pytest.raises(gr.Error, match="0 values"):
        next(_handler(panel, refused)(None, stage))
    assert not stage.running


def test_a_painting_of_ones_own_is_carried_to_the_paint_tab():
    with gr.Blocks():
        form = InputPanel()
    assert form.files(["photo.png", "", "own.png", "", 0.4]) == ("photo.png", "own.png")
    assert form.files(["photo.png", "mosaic", "own.png", "", 0.4]) == ("photo.png", None)
    assert form.show_own(LION)[form.own] == LION
    assert form.show_own(LION)[form.style_id] == ""


def test_another_painting_can_be_chosen_while_a_setting_is_out_of_range():
    with gr.Blocks():
        form = InputPanel()
    values = [component.value for component in form.controls.inputs]
    values[1 + list(form.controls.of).index("steps")] = None
    mosaic = next(p for p in form.presets if p.id == "mosaic")
    shown = form._change_style(None, mosaic, frozenset(), values)
    assert shown[form.style_id] == "mosaic"
    assert "Mosaic" in shown[form.manner]


@pytest.fixture
def grid():
    with gr.Blocks():
        return StyleGrid(gr.Image())


def test_a_sample_is_shown_in_every_preset_before_anything_is_painted(grid):
    shown = grid.open(LION, ["mosaic"], None)
    titles = [title for _, title in shown[grid.panel.gallery]["value"]]
    assert titles == ["The photo", *(preset.title for preset in load_presets()[0])]
    assert "Lion in 13 paintings, painted before." in shown[grid.panel.status]
    assert all(tile.shared.photo == "lion" for tile in shown[grid.panel.stage].view.tiles)


def test_a_photo_of_ones_own_is_told_whose_paintings_are_shown(grid, tmp_path):
    PICTURE.save(tmp_path / "own.png")
    shown = grid.open(str(tmp_path / "own.png"), ["mosaic"], None)
    assert "see your own photo so" in shown[grid.panel.status]


def test_what_was_painted_from_this_photo_is_not_replaced_by_what_was_painted_before(grid):
    panel = grid.panel
    tile = Tile("mine", Shared(Recipe(), "lion", "mosaic"), PICTURE)
    stage = panel.show(View("mine", PICTURE, LION, (tile,)), [])[panel.stage]
    assert set(grid.open(LION, ["mosaic"], stage)) == {panel.status}
    tower = str(SAMPLES["tower"].path)
    assert "Tower in 13" in grid.open(tower, ["mosaic"], stage)[panel.status]
    stage.running = True
    assert set(grid.open(tower, ["mosaic"], stage)) == {panel.status}


def test_nothing_can_be_done_before_a_picture_is_chosen():
    with pytest.raises(BadInput, match="choose one"):
        taken(None)

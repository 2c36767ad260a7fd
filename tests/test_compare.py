"""The comparisons that the published systems' authors made, run with a painter that takes no time
and once with the real one."""

import numpy as np
import pytest
from PIL import Image

from nst import compare as module
from nst.compare import COMPARISONS, ComparisonProgress, Progress, compare, scaled, table
from nst.engine.losses import Losses
from nst.errors import BadInput, WeightsUnavailable
from nst.recipe import Recipe

PHOTO = Image.effect_noise((96, 64), 60).convert("RGB")
STYLE = Image.effect_noise((64, 64), 90).convert("RGB")


class Painter:
    """Shows a picture at every step it keeps, and the first and last; a step takes 2 s."""

    def __init__(self, notes: tuple[str, ...] = (), each: float = 2.0) -> None:
        self.asked: list[Recipe] = []
        self.notes, self.each = notes, each

    def __call__(self, photo: Image.Image, style: Image.Image, recipe: Recipe):
        self.asked.append(recipe)
        for step in range(1, recipe.steps + 1):
            due = step in (1, recipe.steps, *recipe.keep_at)
            grey = Image.new("RGB", photo.size, (step % 256,) * 3)
            losses = Losses(1.0, 2.0 / step, 0.0, 0.0, 1 + 2.0 / step)
            shown = (losses, grey) if due else (None, None)
            yield Progress(step, self.each * step, *shown, self.notes)
        yield Progress(recipe.steps, self.each * step, losses, grey, self.notes, done=True)


def run(name: str, painter: Painter | None = None, **given) -> list[ComparisonProgress]:
    return list(compare(name, PHOTO, STYLE, painter=painter or Painter(), **given))


def test_ghorpades_networks_differ_in_nothing_but_the_network():
    (_, first), (_, second) = COMPARISONS["networks"].recipes
    assert first.differences(second) == {"encoder": ("vgg16", "vgg19")}
    assert first.steps == second.steps == 450


def test_ghorpades_ratios_are_the_papers():
    recipes = [recipe for _, recipe in COMPARISONS["ratios"].recipes]
    ratios = [recipe.content_weight / recipe.style_weight for recipe in recipes]
    assert ratios == pytest.approx([1e-3, 1e-4])


def test_the_posts_noise_ratios_are_those_it_shows():
    recipes = [recipe for _, recipe in COMPARISONS["noise"].recipes]
    assert [recipe.noise_ratio for recipe in recipes] == [0, 0.3, 0.6, 1.0]
    assert {recipe.start for recipe in recipes} == {"blend"}


def test_every_painting_of_a_comparison_is_finished_and_laid_on_the_sheet():
    last = run("noise", steps=6)[-1]
    assert [run.caption for run in last.runs] == [caption for caption, _ in scaled("noise")]
    assert last.done == last.total == 24
    assert last.sheet is not None
    assert last.sheet.width > last.sheet.height / 2


def test_the_strip_has_the_frames_of_the_readme():
    last = run("frames", Painter(each=0.001))[-1]
    assert [run.caption for run in last.runs] == [
        "step 3,000",
        "step 9,000",
        "step 17,000",
        "step 23,000",
        "step 30,000",
    ]
    assert [run.recipe.steps for run in last.runs] == [3000, 9000, 17000, 23000, 30000]
    assert [run.picture.getpixel((0, 0))[0] for run in last.runs] == [
        step % 256 for step in (3000, 9000, 17000, 23000, 30000)
    ]


def test_kept_frames_move_in_proportion_when_there_are_fewer_steps():
    (_, recipe), *_ = scaled("frames", steps=300)
    assert recipe.keep_at == (30, 90, 170, 230, 300)


def test_another_size_and_steps_change_nothing_else_of_the_recipes():
    for (_, small), (_, own) in zip(
        scaled("networks", 128, 45), COMPARISONS["networks"].recipes, strict=True
    ):
        assert small.differences(own).keys() <= {"size", "steps", "keep_at", "keep_every"}
        assert (small.size, small.steps) == (128, 45)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"size": 0}])
def test_a_size_or_steps_of_nothing_are_refused(wrong):
    with pytest.raises(BadInput, match=f"{next(iter(wrong))} is 0"):
        scaled("frames", **wrong)


def test_it_says_how_long_it_will_take_before_it_paints():
    painter = Painter()
    told = next(compare("ratios", PHOTO, STYLE, painter=painter)).line
    assert told == "2 paintings, 900 steps at 512 px: about 30 min here."
    assert [recipe.steps for recipe in painter.asked] == [module.TRIAL]


def test_time_that_is_known_is_told_without_a_trial():
    painter = Painter()
    turns = compare("frames", PHOTO, STYLE, steps=30, painter=painter, expected=61.0)
    assert next(turns).line == "1 painting, 30 steps at 512 px: about 61 s here."
    assert painter.asked == []


@pytest.mark.parametrize(
    ("here", "words"),
    [((), "VGG-16 and VGG-19 are not on this machine"), (("vgg19",), "VGG-16 is not on this")],
)
def test_networks_are_not_compared_where_one_would_stand_in_for_the_other(monkeypatch, here, words):
    monkeypatch.setattr(module, "is_cached", lambda name: name in here)
    painter = Painter()
    with pytest.raises(BadInput, match=words):
        run("networks", painter, steps=5)
    assert painter.asked == []
    assert run("noise", painter, steps=5)[-1].sheet is not None


def test_networks_that_cannot_be_fetched_are_said_before_anything_is_painted(monkeypatch):
    def nowhere(recipe, *, strict):
        raise WeightsUnavailable("The Hub cannot be reached.")

    monkeypatch.setattr(module, "is_cached", lambda name: False)
    monkeypatch.setattr(module, "open_pipeline", nowhere)
    with pytest.raises(WeightsUnavailable, match="cannot be reached"):
        next(compare("networks", PHOTO, STYLE))


def test_networks_that_are_here_are_compared(monkeypatch):
    monkeypatch.setattr(module, "is_cached", lambda name: True)
    assert module.needs("networks") == ""
    assert [run.caption for run in run("networks", steps=5)[-1].runs] == ["VGG-16", "VGG-19"]


def test_a_note_is_told_once():
    turns = run("noise", Painter(("The compact encoder stands in.",)), steps=5)
    assert [turn.line for turn in turns].count("The compact encoder stands in.") == 1


def test_past_its_deadline_it_ends_with_what_is_there():
    turns = run("noise", steps=50, expected=1, deadline=0.0)
    assert turns[-1].sheet is not None
    assert [run.caption for run in turns[-1].runs] == ["noise ratio 0"]
    assert any(turn.line.startswith("Ended after 1 of 200 steps") for turn in turns)


def test_curves_run_from_the_first_step_to_the_last():
    for done in run("ratios", steps=9)[-1].runs:
        assert [step for step, _ in done.curve] == [1, 9, 9]


def test_the_table_has_every_final_loss_and_the_seconds():
    head, *rows = table(run("ratios", steps=4)[-1].runs)
    assert head == ("", "content", "style", "total", "seconds")
    assert rows == [
        ("content : style 1e-3", "1", "0.5", "1.5", "8.0"),
        ("content : style 1e-4", "1", "0.5", "1.5", "8.0"),
    ]


def test_a_comparison_that_does_not_exist_is_refused_by_name():
    with pytest.raises(BadInput, match=r"'vgg'; choose from networks, noise, frames, ratios"):
        next(compare("vgg", PHOTO, STYLE))


def test_a_size_out_of_range_is_refused():
    with pytest.raises(BadInput, match="4096"):
        next(compare("noise", PHOTO, STYLE, size=9999, painter=Painter()))


def test_weights_that_cannot_be_had_are_tried_for_once_and_replaced_visibly(monkeypatch):
    tries = []
    real = module.open_pipeline

    def without_a_network(recipe, *, strict=False):
        if strict:
            tries.append(recipe.encoder)
            raise WeightsUnavailable("The Hub cannot be reached.")
        return real(recipe)

    monkeypatch.setattr(module, "open_pipeline", without_a_network)
    turns = list(compare("noise", PHOTO, STYLE, size=96, steps=5))
    assert tries == ["vgg19"]
    lines = [turn.line for turn in turns]
    assert lines.count("The Hub cannot be reached.") == 1
    assert any("stands in for VGG-19" in line for line in lines)
    pictures = [np.asarray(run.picture, float) for run in turns[-1].runs]
    photo = np.asarray(PHOTO, float)
    distances = [np.abs(picture - photo).mean() for picture in pictures]
    assert distances == sorted(distances)

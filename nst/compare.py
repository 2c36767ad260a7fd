"""The comparisons that the published systems' authors made, for anyone to make again."""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from nst.keepsakes import contact_sheet
from nst.published import named
from nst.recipe import Recipe
from nst.studio import Studio, open_studio
from nst.stylize import Step

__all__ = ["COMPARISONS", "Comparison", "Run", "Turn", "compare"]


@dataclass(frozen=True)
class Comparison:
    """Recipes to paint side by side, or the kept frames of one."""

    title: str
    about: str
    recipes: tuple[tuple[str, Recipe], ...]
    frames: bool = False


def _noise(ratio: float) -> tuple[str, Recipe]:
    return f"noise ratio {ratio:g}", named("five-minute").but(noise_ratio=ratio)


def _ratio(exponent: int) -> tuple[str, Recipe]:
    recipe = named("ghorpade-vgg19").but(style_weight=10.0**exponent)
    return f"content : style 1e-{exponent}", recipe


COMPARISONS = {
    "networks": Comparison(
        "VGG-16 against VGG-19",
        "Ghorpade et al.: both converge alike, VGG-16 to a lower loss; VGG-19 keeps more content.",
        (("VGG-16", named("ghorpade-vgg16")), ("VGG-19", named("ghorpade-vgg19"))),
    ),
    "noise": Comparison(
        "From the photo to pure noise",
        "The five-minute post: a start near the photo needs fewer steps.",
        tuple(_noise(ratio) for ratio in (0.0, 0.3, 0.6, 1.0)),
    ),
    "frames": Comparison(
        "From 3,000 to 30,000 steps",
        "The Keras README: best near 17,000, more abstract later.",
        (("keras-tv", named("keras-tv")),),
        frames=True,
    ),
    "ratios": Comparison(
        "Content to style, 1e-3 and 1e-4",
        "Ghorpade et al.: a smaller ratio gives more of the painting.",
        (_ratio(3), _ratio(4)),
    ),
}


@dataclass(frozen=True)
class Run:
    """A finished painting of a comparison. curve: (step, total loss) pairs."""

    caption: str
    recipe: Recipe
    picture: Image.Image
    losses: tuple[float, float, float, float]
    seconds: float
    curve: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Turn:
    """How far a comparison is. line: something to tell; sheet: with the last turn."""

    done: int
    total: int
    line: str = ""
    picture: Image.Image | None = None
    runs: tuple[Run, ...] = ()
    sheet: Image.Image | None = None


def compare(
    name: str,
    photo: Image.Image,
    style: Image.Image,
    size: int | None = None,
    steps: int | None = None,
    strict: bool = False,
) -> Iterator[Turn]:
    """Paint all runs of a comparison, one after the other, and lay them side by side.

    size, steps: instead of the recipes' own; kept frames move in proportion to the steps.
    """
    comparison = COMPARISONS[name]
    recipes = [(caption, _scaled(recipe, size, steps)) for caption, recipe in comparison.recipes]
    total = sum(recipe.steps for _, recipe in recipes)
    runs: list[Run] = []
    done = 0
    for caption, recipe in recipes:
        studio = open_studio(recipe, strict=strict)
        for line in filter(None, (studio.reason, studio.stand_ins(recipe))):
            yield Turn(done, total, line)
        for turn in _one(studio, photo, style, caption, recipe, comparison.frames):
            runs += turn.runs
            yield Turn(done + turn.done, total, turn.line, turn.picture, tuple(runs))
        done += recipe.steps
    tiles = [(photo, "the photo"), *((run.picture, _caption(run)) for run in runs)]
    sheet = contact_sheet(tiles, columns=min(3, len(tiles)), title=comparison.title)
    yield Turn(total, total, table(runs), runs[-1].picture, tuple(runs), sheet)


def _scaled(recipe: Recipe, size: int | None, steps: int | None) -> Recipe:
    factor = 1 if steps is None else steps / recipe.steps
    return recipe.but(
        size=size or recipe.size,
        steps=steps or recipe.steps,
        keep_at=tuple(max(1, round(at * factor)) for at in recipe.keep_at),
        keep_every=0,
    )


def _one(
    studio: Studio,
    photo: Image.Image,
    style: Image.Image,
    caption: str,
    recipe: Recipe,
    frames: bool,
) -> Iterator[Turn]:
    curve: list[tuple[int, float]] = []
    estimated = False
    for step in studio.paint(photo, [style], recipe, every=1.0):
        line = ""
        if step.step >= 3 and not estimated:
            line, estimated = f"{caption}: about {_clock(step.seconds_left)} for this one.", True
        if step.losses is None:
            if line:
                yield Turn(step.step, recipe.steps, line)
            continue
        curve.append((step.step, step.losses[3]))
        picture = studio.picture(step, photo)
        runs: tuple[Run, ...] = ()
        if (frames and step.kept) or (not frames and step.done):
            runs = (
                _run(f"step {step.step:,}" if frames else caption, recipe, picture, step, curve),
            )
        yield Turn(step.step, recipe.steps, line, picture, runs)


def _run(caption: str, recipe: Recipe, picture: Image.Image, step: Step, curve: list) -> Run:
    assert step.losses is not None
    return Run(caption, recipe, picture, step.losses, step.seconds, tuple(curve))


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _caption(run: Run) -> str:
    return f"{run.caption}: loss {run.losses[3]:.3g}, {_clock(run.seconds)}"


def table(runs: list[Run]) -> str:
    """Final losses and seconds, a line a run."""
    rows = [("", "content", "style", "total", "seconds")]
    for run in runs:
        content, style, _, total = run.losses
        numbers = (f"{content:.4g}", f"{style:.4g}", f"{total:.4g}", f"{run.seconds:.1f}")
        rows.append((run.caption, *numbers))
    return "\n".join(f"{row[0]:28}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows)

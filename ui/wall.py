"""The wall: one photo in every painting, at once or properly painted; and `/wall` for programs."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.instant import instant_painter
from nst.pictures.images import fit, open_photo
from nst.presets import load_presets, preset_of
from nst.recipe import Recipe
from ui.events import PAINTS, QUICK
from ui.job import Job, open_job
from ui.links import Shared, read_settings
from ui.messages import status_html, user_errors
from ui.pace import clock
from ui.photo_box import PhotoBox
from ui.result import jpeg
from ui.samples import OPENING, SAMPLES, painted_before, sample_id
from ui.series import TILE, Panel, Stage, Tile, cost, ending, fits, paint, sheet_of
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS

SIZES = (384, 320, 256)  # of a draft, in pixels: the largest at which all of them fit a run
DRAFT = SIZES[0]
INSTANT = 256  # pixels of a preview
MOST = 24  # paintings at once

ABOUT = """One photo in several paintings, each as a draft of {size} pixels.

photo: a picture. presets: ids separated by commas; empty for all of {presets}.
recipe: settings as a query string that every painting gets, such as "strength=60"; empty for the
presets' own. Yields (pictures with titles so far, contact sheet at the end, facts).
"""


class Wall:
    """Which paintings, and the panel that shows them; it opens on what needs no run."""

    def __init__(self, photo: gr.Image) -> None:
        choices = [(preset.title, preset.id) for preset in load_presets()[0]]
        everything = [name for _, name in choices]
        with gr.Accordion("Which paintings", open=False):
            self.names = gr.CheckboxGroup(
                choices, value=everything, show_select_all=True, elem_id="wall-presets"
            )
        self.panel = Panel("wall", "Paint them all", "One photo in many paintings.")
        inputs = [photo, self.names]
        self.panel.wire({self.panel.go: self.plan}, inputs)
        self.names.input(
            lambda *given: status_html(expected(*given)), inputs, self.panel.status, **QUICK
        )

    def open(
        self, photo: str | None, names: Sequence[str], stage: Stage | None
    ) -> Iterator[dict[Any, Any]]:
        """Updates that show a sample as it was painted before, or one's own photo tile by tile.

        What is there of the same photo stays, and so does what is under way.
        """
        if stage and (stage.running or stage.file == photo):
            yield {self.panel.status: gr.skip()}
            return
        if stage:
            stage.left = True
        sample = sample_id(photo)
        own = photo if photo and not sample else None
        shown = SAMPLES[sample or OPENING[0]]
        with user_errors():
            picture = fit(open_photo(own or shown.path), TILE, enlarge=False)
        stage = Stage("The wall", photo, picture, instant=bool(own))
        takes = f"Paint them all: {expected(photo, names)}"
        if own is None:
            stage.tiles += sample_tiles(shown.id)
            line = f"{shown.title} in {len(stage.tiles)} paintings. Tap one to enlarge it."
            yield from self.panel.show(stage, (), line, takes)
        else:
            line = "Your photo in every painting, as quick previews. Tap one to take it to Paint."
            yield from self.panel.show(stage, instant_tiles(own), line, takes)

    def plan(self, photo: str | None, names: Sequence[str]) -> Stage:
        """The paintings chosen, at the largest size at which they fit a run."""
        return plan(photo, names, size=size_of(photo, names))


def instant_tiles(photo: str) -> Iterator[Tile]:
    """A photo's file in every preset by the instant painter, one after the other."""
    opened, sample = open_photo(photo), sample_id(photo)
    for preset in load_presets()[0]:
        recipe = preset.recipe(Recipe())
        painter = instant_painter(
            [open_photo(preset.path)], recipe.replace(size=INSTANT), [preset.id]
        )
        yield Tile(preset.title, Shared(recipe, sample, preset.id), painter(opened))


@cache
def sample_tiles(sample: str) -> Sequence[Tile]:
    """A sample photo in all presets that it was painted in before."""
    return [
        Tile(preset.title, Shared(preset.recipe(Recipe()), sample, preset.id), open_photo(path))
        for preset in load_presets()[0]
        if (path := painted_before(sample, preset.id)) is not None
    ]


def drafts(names: Sequence[str], size: int) -> list[Recipe]:
    """The presets' own recipes at the size of a draft."""
    presets = filter(None, map(preset_of, names))
    return [preset.recipe(Recipe()).replace(size=size) for preset in presets]


def size_of(photo: str | None, names: Sequence[str]) -> int:
    """The largest size at which all of them fit a run, or the smallest there is."""
    fitting = (s for s in SIZES if fits(drafts(names, s), photo, RUN_LIMITS.deadline))
    return next(fitting, SIZES[-1])


def expected(photo: str | None, names: Sequence[str]) -> str:
    """How many drafts there will be, how long they should take, and whether all of them fit."""
    size = size_of(photo, names)
    recipes = drafts(names, size)
    if not recipes:
        return "choose at least one painting."
    line = f"{cost(recipes, photo)}, {size} pixels."
    if not fits(recipes, photo, RUN_LIMITS.deadline):
        most = clock(RUN_LIMITS.deadline)
        line += f" A run ends after {most}, so the last ones may be left out: choose fewer."
    return line


def plan(photo: str | None, names: Sequence[str], settings: str = "", size: int = DRAFT) -> Stage:
    """The wall's paintings. Raises BadInput for a name that is none, or too many of them."""
    if not names:
        raise BadInput("No painting is chosen: choose one at least.")
    if len(names) > MOST:
        raise BadInput(f"{len(names)} paintings were asked for; at most {MOST} can be made.")
    jobs: list[tuple[str, Job]] = []
    for name in dict.fromkeys(names):
        preset = preset_of(name)
        if preset is None:
            raise BadInput(f"There is no preset called {str(name)[:40]!r}.")
        recipe = read_settings(f"size={size}&{settings}", preset)
        # The photo is opened once for all of them.
        again = jobs[0][1] if jobs else None
        jobs.append((preset.title, open_job(photo, preset, recipe, again=again)))
    return Stage("In many paintings", photo, jobs[0][1].photo, jobs)


def build_endpoint() -> None:
    """Put `/wall` into the current `gr.Blocks`; nothing of it can be seen."""
    with gr.Row(visible=False):
        photo, presets = PhotoBox(label="photo"), gr.Textbox("", label="presets")
        recipe = gr.Textbox("", label="recipe")
        pictures, sheet = gr.Gallery(label="pictures", format="png"), gr.File(label="sheet")
        facts, button = gr.JSON(label="facts"), gr.Button()
    known = [preset.id for preset in load_presets()[0]]

    def wall(
        photo: str | None, presets: str = "", recipe: str = ""
    ) -> Iterator[tuple[list[tuple[str, str]], str | None, dict[str, Any]]]:
        with user_errors():
            names = [name.strip() for name in str(presets or "").split(",") if name.strip()]
            planned = plan(photo, names or known, str(recipe or ""))
            ids = [job.shared.style for _, job in planned.jobs]
            files: list[tuple[str, str]] = []
            for now in paint(planned):
                for one in now.painted[len(files) :]:
                    name = f"wall-{ids[len(files)]}.jpg"
                    files.append((keep_file(pictures, jpeg(one.picture, 92), name), one.title))
                status = f"{now.title}: step {now.step.step} of {now.step.total}"
                told = {"painted": ids[: len(files)], "done": False, "status": status}
                told |= {"notes": list(now.step.notes), "deadline": RUN_LIMITS.deadline}
                yield files, None, told
            tiles = [(one.picture, one.title) for one in now.painted]
            made = sheet_of(planned.heading, planned.photo, tiles)
            told |= {"done": True, "status": ending(now, len(ids))}
            yield files, keep_file(sheet, made, "wall.jpg"), told

    about_it = ABOUT.format(size=DRAFT, presets=", ".join(known))
    inputs, outputs = [photo, presets, recipe], [pictures, sheet, facts]
    button.click(wall, inputs, outputs, api_name="wall", api_description=about_it, **PAINTS)

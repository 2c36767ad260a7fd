"""The wall: one photo in every painting, at once or properly painted; and `/wall` for programs."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.pictures.images import fit, open_photo
from nst.presets import load_presets, preset_of
from nst.recipe import Recipe
from ui.events import AT_ONCE, PAINTS, QUICK
from ui.instant import instant_wall
from ui.job import Job, open_job
from ui.links import Shared, read_settings
from ui.messages import status_html, user_errors
from ui.pace import clock
from ui.photo_box import PhotoBox
from ui.result import jpeg
from ui.samples import OPENING, SAMPLES, sample_id
from ui.series import DRAFT, TILE, Panel, Stage, Tile, cost, ending, fits, paint, sheet_of
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS

PREVIEW = 256  # pixels
MOST = 24  # paintings at once

ABOUT = """One photo in several paintings, each as a draft of {size} pixels.

photo: a picture. presets: ids separated by commas; empty for all of {presets}.
recipe: settings as a query string that every painting gets, such as "strength=60"; empty for the
presets' own. Yields (pictures with titles so far, contact sheet at the end, facts).
"""


def build(photo: gr.Image, tab: gr.Tab) -> Panel:
    """Lay it out in the current context. photo: the page's. tab: the one that Compare is."""
    choices = [(preset.title, preset.id) for preset in load_presets()[0]]
    every = [name for _, name in choices]
    with gr.Accordion("Which paintings", open=False):
        names = gr.CheckboxGroup(choices, value=every, show_select_all=True, elem_id="wall-presets")
    panel = Panel("wall", "One photo in many paintings.", "Paint them all")
    latest: dict[str, Any] = {"trigger_mode": "always_last", **AT_ONCE}
    inputs = [photo, names]
    opens = [
        event(partial(opening, panel, seen), [*inputs, panel.stage], panel.shown, **latest)
        for event, seen in ((tab.select, True), (photo.change, False))
    ]
    panel.wire({panel.go: plan}, inputs, *opens)
    names.input(lambda names: status_html(takes(names)), names, panel.status, **QUICK)
    return panel


def opening(
    panel: Panel, seen: bool, photo: str | None, names: Sequence[str], before: Stage | None
) -> Iterator[dict[Any, Any]]:
    """Updates that show a sample as it was painted before, or a photo painted at once.

    What is there of the same photo stays, and so does what is under way. seen: the tab comes in
    sight now; before that there is nothing to show.
    """
    stays = (before.running or before.file == photo) if before else not seen
    if stays:
        yield {panel.status: gr.skip()}
        return
    name = sample_id(photo) if photo else OPENING[0]
    file = photo or str(SAMPLES[OPENING[0]].path)
    line = "Your photo in every painting, as quick previews. Tap one to enlarge it."
    if name:
        line = f"{SAMPLES[name].title} in every painting. Tap one to enlarge it."
    with user_errors():
        stage = Stage("The wall", photo, fit(open_photo(file), TILE, enlarge=False))
        told = f"Paint them all: {takes(names)}"
        yield panel.finished(stage, line, told)
        for preset, picture in instant_wall(file, TILE if name else PREVIEW):
            recipe = preset.recipe(Recipe())
            recipe = recipe if name else recipe.replace(size=PREVIEW)
            yield panel.add(stage, Tile(preset.title, Shared(recipe, name, preset.id), picture))


def takes(names: Sequence[str]) -> str:
    """How many drafts there will be, how long they should take, and whether all of them fit."""
    presets = filter(None, map(preset_of, names))
    recipes = [preset.recipe(Recipe()).replace(size=DRAFT) for preset in presets]
    if not recipes:
        return "choose at least one painting."
    line = f"{cost(recipes)}, {DRAFT} pixels."
    if not fits(recipes, RUN_LIMITS.deadline):
        most = clock(RUN_LIMITS.deadline)
        line += f" A run ends after {most}, so the last ones may be left out: choose fewer."
    return line


def plan(photo: str | None, names: Sequence[str], settings: str = "") -> Stage:
    """The wall's paintings. Raises BadInput for a name that is none, or too many of them."""
    if not names:
        raise BadInput("No painting is chosen: choose one at least.")
    if len(names) > MOST:
        raise BadInput(f"{len(names)} paintings were asked for; at most {MOST} can be made.")
    jobs: list[Job] = []
    for name in dict.fromkeys(names):
        preset = preset_of(name)
        if preset is None:
            raise BadInput(f"There is no preset called {str(name)[:40]!r}.")
        recipe = read_settings(f"size={DRAFT}&{settings}", preset)
        # The photo is opened once for all of them.
        jobs.append(open_job(photo, preset, recipe, again=jobs[0] if jobs else None))
    return Stage("In many paintings", photo, jobs[0].photo, jobs)


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
            stage = plan(photo, names or known, str(recipe or ""))
            ids = [job.shared.style for job in stage.jobs]
            files: list[tuple[str, str]] = []
            for now in paint(stage):
                for one in now.painted[len(files) :]:
                    name = f"wall-{ids[len(files)]}.jpg"
                    files.append((keep_file(pictures, jpeg(one.picture, 92), name), one.title))
                told = {
                    "painted": ids[: len(files)],
                    "done": False,
                    "status": f"{now.title}: step {now.step.step} of {now.step.total}",
                    "notes": list(now.step.notes),
                    "deadline": RUN_LIMITS.deadline,
                }
                yield files, None, told
            told |= {"done": True, "status": ending(stage, now)}
            yield files, keep_file(sheet, sheet_of(stage, now.painted), "wall.jpg"), told

    button.click(
        wall,
        [photo, presets, recipe],
        [pictures, sheet, facts],
        api_name="wall",
        api_description=ABOUT.format(size=DRAFT, presets=", ".join(known)),
        **PAINTS,
    )

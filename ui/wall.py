"""The wall: one photo in every painting, painted before or as drafts; and `/wall` for programs."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.pictures.images import open_photo
from nst.presets import Preset, load_presets, preset_of
from nst.recipe import Recipe
from ui.events import PAINTS, QUICK
from ui.job import Job, open_job
from ui.links import Shared, read_settings
from ui.messages import status_html, user_errors
from ui.pace import clock
from ui.photo_box import PhotoBox
from ui.result import jpeg
from ui.samples import OPENING, SAMPLES, painted_before, sample_id
from ui.series import Panel, Plan, Stage, Tile, cost, ending, fits, paint, sheet_of
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS

SIZES = (384, 320, 256)  # of a draft, in pixels: the largest at which all of them fit a run
DRAFT = SIZES[0]
MOST = 24  # paintings at once

ABOUT = """One photo in several paintings, each as a draft of {size} pixels.

photo: a picture. presets: ids separated by commas; empty for all of {presets}.
recipe: settings as a query string that every painting gets, such as "strength=60"; empty for the
presets' own. Yields (pictures with titles so far, contact sheet at the end, facts).
"""


class Wall:
    """Which paintings, and the panel that shows them; it opens on what was painted before."""

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

    def open(self, photo: str | None, names: Sequence[str], stage: Stage | None) -> dict:
        """Updates that show the photo at once in every painting, or else a sample painted before.

        What this visitor painted from the same photo stays, and so does what is under way.
        """
        if stage and (stage.running or (stage.plan.jobs and stage.plan.photo == photo)):
            return {self.panel.status: gr.skip()}
        takes = f"Paint them all: {expected(photo, names)}"
        sample = sample_id(photo)
        if photo and not sample and (tiles := instant_tiles(photo)):
            line, file = f"Your photo in {len(tiles)} paintings, as quick previews.", photo
        else:
            shown = SAMPLES[sample or OPENING[0]]
            tiles, file = sample_tiles(shown.id), str(shown.path)
            line = f"{shown.title} in {len(tiles)} paintings. Tap one to enlarge it."
            if sample is None:
                line = f"Example: {line} Paint them all to see your own photo like this."
        return self.panel.show(Plan("The wall", None), open_photo(file), tiles, line, takes)

    def plan(self, photo: str | None, names: Sequence[str]) -> Plan:
        """The paintings chosen, at the largest size at which they fit a run."""
        return plan(photo, names, size=fitting(photo, names)[2])


def instant_tiles(photo: str) -> Sequence[Tile]:
    """The photo in every preset within a second: the place for a painter that can do that."""
    return ()


@cache
def sample_tiles(sample: str) -> Sequence[Tile]:
    """A sample photo in all presets that it was painted in before."""
    return [
        Tile(preset.title, Shared(preset.recipe(Recipe()), sample, preset.id), open_photo(path))
        for preset in load_presets()[0]
        if (path := painted_before(sample, preset.id)) is not None
    ]


def fitting(photo: str | None, names: Sequence[str]) -> tuple[list[Preset], list[Preset], int]:
    """The presets that a run is long enough for, those that it is not, and their size."""
    presets = [preset for name in names if (preset := preset_of(name))]
    counts = [len(presets)] * len(SIZES) + list(range(len(presets) - 1, 0, -1))
    sizes = [*SIZES, *SIZES[-1:] * len(presets)]
    count = size = 0
    for count, size in zip(counts, sizes, strict=False):
        if fits(drafts(presets[:count], size), photo, RUN_LIMITS.deadline):
            break
    return presets[:count], presets[count:], size


def drafts(presets: Sequence[Preset], size: int) -> list[Recipe]:
    """The presets' own recipes at the size of a draft."""
    return [preset.recipe(Recipe()).replace(size=size) for preset in presets]


def expected(photo: str | None, names: Sequence[str]) -> str:
    """How many drafts there will be, how long they should take, and which do not fit."""
    presets, late, size = fitting(photo, names)
    if not presets:
        return "choose at least one painting."
    line = f"{cost(drafts([*presets, *late], size), photo)}, {size} pixels."
    if late:
        most = clock(RUN_LIMITS.deadline)
        line += f" A run ends after {most}: {late[0].title} and what follows may be left out."
    return line


def plan(photo: str | None, names: Sequence[str], settings: str = "", size: int = DRAFT) -> Plan:
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
    return Plan("In many paintings", photo, jobs)


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
            made = sheet_of(planned.heading, planned.jobs[0][1].photo, tiles)
            told |= {"done": True, "status": ending(now, len(ids))}
            yield files, keep_file(sheet, made, "wall.jpg"), told

    about_it = ABOUT.format(size=DRAFT, presets=", ".join(known))
    inputs, outputs = [photo, presets, recipe], [pictures, sheet, facts]
    button.click(wall, inputs, outputs, api_name="wall", api_description=about_it, **PAINTS)

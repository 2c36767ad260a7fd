"""One photo in every painting there is: painted before, or as drafts; and `/wall` for programs."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.pictures.images import fit, open_photo
from nst.presets import load_presets, preset_of
from nst.recipe import Recipe
from ui.controls import QUALITIES
from ui.events import PAINTS, QUICK
from ui.job import Job, open_job
from ui.links import Shared, read_settings
from ui.messages import status_html, user_errors
from ui.pace import drafts
from ui.photo_box import PhotoBox
from ui.result import jpeg
from ui.samples import OPENING, SAMPLES, painted_before, sample_id
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS
from ui.server.visitors import Visitor, visitor_of
from ui.tabs.panel import Panel, Stage
from ui.tabs.tiles import TILE, Plan, Tile, View, Views, paint_all, sheet_of

__all__ = ["DRAFT", "StyleGrid", "build_endpoint"]

DRAFT = QUALITIES["Draft"]
MOST = 24  # paintings at once

ABOUT = """One photo in several paintings, each as a draft of {size} pixels.

photo: a picture. presets: ids separated by commas; empty for all of {presets}.
recipe: settings as a query string that every painting gets, such as "strength=60"; empty for the
presets' own. Yields (pictures with titles so far, contact sheet at the end, facts).
"""


class StyleGrid:
    """Which paintings, and the panel that shows them; it opens on what was painted before."""

    def __init__(self, photo: gr.Image) -> None:
        presets = load_presets()[0]
        with gr.Accordion("Which paintings", open=False):
            self.names = gr.CheckboxGroup(
                [(preset.title, preset.id) for preset in presets],
                value=[preset.id for preset in presets],
                show_select_all=True,
                label="All of them",
                elem_id="wall-presets",
            )
        self.panel = Panel("wall", "Paint them all", "One photo in many paintings.")
        self.panel.wire([photo, self.names], (self.panel.go, self._views))
        self.names.input(
            lambda names: status_html(expected(names)), self.names, self.panel.status, **QUICK
        )

    def open(self, photo: str | None, names: Sequence[str], stage: Stage | None) -> dict:
        """Updates that show the photo, if it is a sample, as it was painted before; else a sample.

        What this visitor painted from the same photo stays, and so does what is under way.
        """
        sample, view = sample_id(photo), stage.view if stage else None
        if stage and (stage.running or (view and _own(view) == (sample or photo))):
            return {self.panel.status: gr.skip()}
        shown = SAMPLES[sample or OPENING[0]]
        tiles, files = _painted(shown.id)
        line = f"{shown.title} in {len(tiles)} paintings, painted before."
        note = "Choose one to paint it at full quality, or to set it side by side with another."
        if sample is None:
            line += " Paint them all to see your own photo so."
            note = "Choose one to paint your photo in its manner."
        photograph = fit(open_photo(shown.path), TILE)
        notes = (note, f"All as drafts: {expected(names)}")
        view = View(shown.title, photograph, "", tiles, line=line, notes=notes, ahead=True)
        return self.panel.show(view, files)

    def _views(self, visitor: Visitor, photo: str | None, names: Sequence[str]) -> Views:
        return paint_all(plan(photo, names or ()), visitor)


def _own(view: View) -> str | None:
    """What this visitor painted a view of: a sample's id or a file. None for what was here."""
    return None if view.ahead else sample_id(view.photo_file) or view.photo_file


@cache
def _painted(sample: str) -> tuple[tuple[Tile, ...], tuple[Path, ...]]:
    """The sample in all presets that it was painted in before, and the pictures' files."""
    found = [
        (preset, path)
        for preset in load_presets()[0]
        if (path := painted_before(sample, preset.id)) is not None
    ]
    tiles = [
        Tile(preset.title, Shared(preset.recipe(Recipe()), sample, preset.id), open_photo(path))
        for preset, path in found
    ]
    return tuple(tiles), tuple(path for _, path in found)


def expected(names: Sequence[str] | None) -> str:
    """What drafts of these presets would take here."""
    chosen = [preset for name in names or () if (preset := preset_of(name))]
    if not chosen:
        return "choose at least one painting."
    return drafts([preset.recipe(Recipe()).replace(size=DRAFT) for preset in chosen])


def plan(photo: str | None, names: Sequence[str], settings: str = "") -> Plan:
    """The grid's paintings. Raises BadInput for a name that is none, or too many of them."""
    if not names:
        raise BadInput("No painting is chosen: choose one at least.")
    if len(names) > MOST:
        raise BadInput(
            f"{len(names)} paintings were asked for; at once there may be at most {MOST}."
        )
    jobs: list[tuple[str, Job]] = []
    for name in dict.fromkeys(names):
        preset = preset_of(name)
        if preset is None:
            raise BadInput(f"There is no preset called {str(name)[:40]!r}.")
        recipe = read_settings(f"size={DRAFT}&{settings}", preset)
        # The photo is opened once for all of them.
        again = jobs[0][1] if jobs else None
        jobs.append((preset.title, open_job(photo, preset, recipe, again=again)))
    return Plan("In many paintings", str(photo), tuple(jobs))


def build_endpoint() -> None:
    """Put `/wall` into the current `gr.Blocks`; nothing of it can be seen."""
    with gr.Row(visible=False):
        photo = PhotoBox(label="photo")
        presets = gr.Textbox("", label="presets")
        recipe = gr.Textbox("", label="recipe")
        pictures = gr.Gallery(label="pictures", format="png")
        sheet = gr.File(label="sheet")
        facts = gr.JSON(label="facts")
        button = gr.Button()

    def wall(
        request: gr.Request, photo: str | None, presets: str = "", recipe: str = ""
    ) -> Iterator[tuple[list[tuple[str, str]], str | None, dict[str, Any]]]:
        with user_errors():
            known = [preset.id for preset in load_presets()[0]]
            names = [name.strip() for name in str(presets or "").split(",") if name.strip()]
            files: list[tuple[str, str]] = []
            chosen = plan(photo, names or known, str(recipe or ""))
            for view in paint_all(chosen, visitor_of(request)):
                for tile in view.tiles[len(files) :]:
                    name = f"wall-{tile.shared.style}.jpg"
                    files.append((keep_file(pictures, jpeg(tile.picture, 92), name), tile.title))
                yield files, None, _facts(view)
            yield files, keep_file(sheet, jpeg(sheet_of(view), 90), "wall.jpg"), _facts(view)

    button.click(
        wall,
        [photo, presets, recipe],
        [pictures, sheet, facts],
        api_name="wall",
        api_description=ABOUT.format(
            size=DRAFT, presets=", ".join(p.id for p in load_presets()[0])
        ),
        **PAINTS,
    )


def _facts(view: View) -> dict[str, Any]:
    return {
        "painted": [tile.shared.style for tile in view.tiles],
        "done": view.share is None,
        "status": view.line,
        "notes": list(view.notes),
        "deadline": RUN_LIMITS.deadline,
    }

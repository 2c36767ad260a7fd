"""The Compare tab: one photo in every style, A against B, one setting in several values, and the
comparisons that the authors of the published systems made."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from nst.pictures.images import fit, open_photo
from nst.published import RECIPES
from ui.parts.photo_box import PhotoBox
from ui.parts.samples import SAMPLES
from ui.runs.events import QUICK
from ui.runs.messages import sentences, telling
from ui.tabs.authors import Authors
from ui.tabs.paint import PaintTab
from ui.tabs.side_by_side import Pinned, Pins
from ui.tabs.style_grid import Wall
from ui.tabs.sweep import Sweep
from ui.tabs.tiles import Panel, Tile

__all__ = ["CompareTab", "build"]

LOADED = "Its settings are here, at full quality. Press Paint."


def build(paint: PaintTab, tabs: gr.Tabs, tab: gr.Tab) -> "CompareTab":
    """Lay out the tab inside the current context and wire it to the Paint tab.

    tabs: the page's, to go to the Paint tab. tab: the one this is in.
    """
    return CompareTab(paint, tabs, tab)


class CompareTab:
    """The photo, and four ways to compare."""

    def __init__(self, paint: PaintTab, tabs: gr.Tabs, tab: gr.Tab) -> None:
        self.paint, self.tabs = paint, tabs
        with gr.Row(elem_id="compare-photo-row") as self.photo_row:
            self.photo = PhotoBox(
                str(SAMPLES["lion"].path), label="Photo", show_label=False,
                sources=["upload", "webcam", "clipboard"], height=170,
                elem_id="compare-photo", buttons=[], min_width=180, scale=1,
            )  # fmt: skip
            self.samples = gr.Gallery(
                [(fit(open_photo(sample.path), 224), sample.title) for sample in SAMPLES.values()],
                label="Samples", show_label=False, columns=4, format="jpeg", allow_preview=False,
                interactive=False, object_fit="cover", elem_id="compare-samples",
                elem_classes="thumbs", selected_index=0, buttons=[], min_width=180, scale=2,
            )  # fmt: skip
        with gr.Tabs(elem_classes="ways"):
            with gr.Tab("Style wall", id="wall") as wall_tab:
                self.wall = Wall(paint.choice.photo)
            with gr.Tab("Sweep", id="sweep") as sweep_tab:
                self.sweep = Sweep(paint.choice)
            with gr.Tab("A and B", id="ab") as ab_tab:
                self.pins = Pins()
            with gr.Tab("Authors", id="authors") as authors_tab:
                self.authors = Authors(paint.choice)
        with paint.after:
            self.pins.add_buttons(paint.result)
        self._wire_photo()
        for panel in (self.wall.panel, self.sweep.panel, self.authors.panel):
            self._wire_choice(panel)
        self._wire_tabs(tab, wall_tab, sweep_tab, ab_tab, authors_tab)

    def _wire_photo(self) -> None:
        """One photo for both tabs: what is chosen in either is shown in the other."""
        choice = self.paint.choice
        self.photo.input(lambda photo: photo, self.photo, choice.photo, **QUICK)
        self.samples.select(choice.pick_sample, None, choice.photo, **QUICK)
        choice.photo.change(
            lambda photo: (photo, choice.mark_sample(photo)),
            choice.photo, [self.photo, self.samples], **QUICK,
        )  # fmt: skip

    def _wire_choice(self, panel: Panel) -> None:
        outputs = [*self.paint.choice.restored, self.tabs, *self.pins.shown, panel.status]
        panel.gallery.select(
            _choice(self, panel), [panel.stage, panel.action, self.pins.pinned], outputs, **QUICK
        ).success(None, None, None, js="() => nst.toTop()", **QUICK)

    def _wire_tabs(
        self, tab: gr.Tab, wall: gr.Tab, sweep: gr.Tab, ab: gr.Tab, authors: gr.Tab
    ) -> None:
        walls = (self.wall.expect, self.wall.names, self.wall.panel.status)
        sweeps = (self.sweep.expect, self.sweep.inputs, self.sweep.panel.status)
        cards = (
            self.authors.expect,
            [self.authors.size, self.authors.steps, self.paint.choice.photo],
            list(self.authors.cards.values()),
        )
        for handler, inputs, outputs in (walls, sweeps, cards):
            tab.select(handler, inputs, outputs, **QUICK)
        ab.select(lambda: gr.update(visible=False), None, self.photo_row, **QUICK)
        for way in (wall, sweep, authors):
            way.select(lambda: gr.update(visible=True), None, self.photo_row, **QUICK)

    def _load(self, photo: str, tile: Tile) -> dict[Any, Any]:
        """Updates that bring a tile to the Paint tab, at the size its recipe has by itself."""
        size = RECIPES[tile.shared.recipe.name].recipe.size
        shared = replace(tile.shared, recipe=tile.shared.recipe.replace(size=size))
        choice = self.paint.choice
        values: Sequence[Any] = choice.restore(shared, f"{tile.title}. {LOADED}")
        updates = dict(zip(choice.restored, values, strict=True))
        return updates | {choice.photo: photo, self.tabs: gr.Tabs(selected="paint")}


def _choice(tab: CompareTab, panel: Panel) -> Any:
    def choose(
        event: gr.SelectData, stage: Any, action: str, pinned: Pinned | None
    ) -> dict[Any, Any]:
        with sentences():
            tile = panel.chosen(stage, event)
            if tile is None:
                return {tab.pins.pinned: gr.skip()}
            if action in ("A", "B"):
                other = "B" if action == "A" else "A"
                then = "See A and B." if other in (pinned or {}) else f"Pin another as {other}."
                told = telling(f"{tile.title} is pinned as {action}. {then}")
                return tab.pins.pin(pinned, action, tile) | {panel.status: told}
            return tab._load(stage.scene.photo_file, tile)

    return choose

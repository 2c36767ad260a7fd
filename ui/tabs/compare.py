"""The Compare tab: one photo in every painting, one setting in several values, two paintings side
by side, and the comparisons that the authors of the published systems made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.pictures.images import fit, open_photo
from nst.published import RECIPES
from ui.events import DECODES, QUICK
from ui.messages import user_errors
from ui.paint import PaintTab
from ui.photo_box import PhotoBox
from ui.result_panel import painted
from ui.samples import OPENING, SAMPLES
from ui.tabs.authors import Authors
from ui.tabs.panel import Panel, Stage, taken
from ui.tabs.side_by_side import Pair, SideBySide, tile_of
from ui.tabs.style_grid import StyleGrid
from ui.tabs.sweep import Sweep
from ui.tabs.tiles import Tile
from ui.visit import Visit

__all__ = ["CompareTab"]


class CompareTab:
    """The photo, and four ways to compare.

    tabs: the page's, to go to the Paint tab. tab: the one this is in.
    """

    def __init__(self, paint: PaintTab, tabs: gr.Tabs, tab: gr.Tab) -> None:
        self.paint, self.tabs = paint, tabs
        with gr.Row(elem_id="compare-photo-row") as self.photo_row:
            # A click or a drop on it brings another, as on the photo of the Paint tab.
            self.photo = PhotoBox(
                str(SAMPLES[OPENING[0]].path), label="Photo", show_label=False, height=170,
                interactive=False, elem_id="compare-photo", buttons=[], min_width=180, scale=1,
            )  # fmt: skip
            self.samples = gr.Gallery(
                [(fit(open_photo(sample.path), 224), sample.title) for sample in SAMPLES.values()],
                label="Samples", show_label=False, columns=4, format="jpeg", allow_preview=False,
                interactive=False, object_fit="cover", elem_id="compare-samples",
                elem_classes="thumbs", selected_index=0, buttons=[], min_width=180, scale=2,
            )  # fmt: skip
        self.refusal = gr.HTML(visible=False, elem_classes="hint", padding=False)
        with gr.Tabs(elem_classes="ways") as self.ways:
            with gr.Tab("Paintings", id="grid") as grid_tab:
                self.grid = StyleGrid(paint.form.photo)
            with gr.Tab("Settings", id="sweep") as sweep_tab:
                self.sweep = Sweep(paint.form)
            with gr.Tab("Side by side", id="pair") as pair_tab:
                self.beside = SideBySide()
            with gr.Tab("Published", id="published") as authors_tab:
                self.authors = Authors(paint.form)
        with paint.panel.more:
            self._add_button()
        self._wire_photo()
        for panel in (self.grid.panel, self.sweep.panel, self.authors.panel):
            self._wire_chosen(panel)
        self._wire_tabs(tab, pair_tab, grid_tab, sweep_tab, authors_tab)
        sweep = self.sweep
        sweep_tab.select(
            sweep.open, [sweep.panel.stage, *sweep.inputs], sweep.panel.status, **QUICK
        )

    def _add_button(self) -> None:
        button = gr.Button("Set side by side", min_width=90, elem_id="pair-result")
        self._wire_pair(button, lambda visit: tile_of(painted(visit)), self.paint.visit)

    def _wire_photo(self) -> None:
        """One photo for both tabs: what is chosen in either is shown in the other."""
        form, grid = self.paint.form, self.grid
        self.samples.select(form.pick_sample, None, form.photo, **QUICK)
        form.photo.change(
            lambda photo: (photo, form.mark_sample(photo)),
            form.photo, [self.photo, self.samples], **QUICK,
        ).then(
            grid.open, [form.photo, grid.names, grid.panel.stage], grid.panel.shown, **QUICK
        )  # fmt: skip
        form.refusal.change(
            lambda refusal: gr.update(value=refusal, visible=bool(refusal)),
            form.refusal, self.refusal, **QUICK,
        )  # fmt: skip

    def _wire_chosen(self, panel: Panel) -> None:
        """What can be done with the picture that was chosen in a panel."""
        form, stage = self.paint.form, panel.stage
        painting = [*form.restored, form.own, self.tabs]
        panel.paint.click(self._paint, [stage, self.paint.visit], painting, **DECODES).success(
            None, None, None, js="() => nst.paint()", **QUICK
        )
        self._wire_pair(panel.compare, lambda stage: taken(stage)[1], stage)

    def _wire_pair(self, button: gr.Button, tile: Callable[[Any], Tile], state: gr.State) -> None:
        """Let a button show the tile of a state beside the one before, and go there with two."""

        def add(pair: Pair, value: Any) -> dict[Any, Any]:
            with user_errors():
                updates = self.beside.add(pair, tile(value))
            if len(updates[self.beside.pair]) == 2:
                updates |= {
                    self.tabs: gr.Tabs(selected="compare"),
                    self.ways: gr.Tabs(selected="pair"),
                }
            return updates

        outputs = [*self.beside.shown, self.tabs, self.ways]
        button.click(add, [self.beside.pair, state], outputs, **DECODES).success(
            None, None, None, js=f"() => nst.added('#{button.elem_id}')", **QUICK
        )

    def _wire_tabs(self, tab: gr.Tab, pair: gr.Tab, *others: gr.Tab) -> None:
        grid, authors, photo = self.grid, self.authors, self.paint.form.photo
        tab.select(grid.open, [photo, grid.names, grid.panel.stage], grid.panel.shown, **QUICK)
        for shown in (tab, others[-1]):
            shown.select(
                authors.expect, [authors.size, authors.steps, photo], authors.offered, **QUICK
            )
        pair.select(lambda: gr.update(visible=False), None, self.photo_row, **QUICK)
        for other in others:
            other.select(lambda: gr.update(visible=True), None, self.photo_row, **QUICK)

    def _paint(self, stage: Stage | None, visit: Visit) -> dict[Any, Any]:
        """Updates that bring the chosen tile to the Paint tab, at its recipe's own size."""
        with user_errors():
            view, tile = taken(stage)
            if visit.busy:
                raise BadInput("Something is being painted in the Paint tab: stop it first.")
            recipe = tile.shared.recipe.replace(size=RECIPES[tile.shared.recipe.name].recipe.size)
            # What was painted before is painted now from the photo that is in the box.
            photo = None if view.ahead else tile.shared.photo
            form = self.paint.form
            updates = form.restore(replace(tile.shared, recipe=recipe, photo=photo), tile.title)
            if photo is None and not view.ahead:
                updates[form.photo] = view.photo_file
            if view.own_file:
                updates |= form.show_own(view.own_file)
            return updates | {self.tabs: gr.Tabs(selected="paint")}

"""The Compare tab: one photo in every painting, one setting in several values, two paintings side
by side, and the comparisons that the authors of the published systems made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.pictures.images import fit, open_photo
from nst.published import RECIPES
from ui.events import AT_ONCE, DECODES, QUICK
from ui.messages import user_errors
from ui.paint import PaintTab
from ui.photo_box import PhotoBox
from ui.published import Published
from ui.samples import OPENING, SAMPLES
from ui.series import Panel, Stage, Tile, chosen_in
from ui.side_by_side import Pair, SideBySide, tile_of
from ui.sweep import Sweep
from ui.visit import Visit, painted
from ui.wall import Wall

# An enlarged tile is put away when something is done with it.
PUT_AWAY = """document.querySelectorAll('.tiles .preview').forEach((tile) => tile.dispatchEvent(
  new KeyboardEvent('keydown', { code: 'Escape', key: 'Escape', bubbles: true })));"""


class CompareTab:
    """The photo, and four ways to compare.

    tabs: the page's, to go to the Paint tab. tab: the one this is in.
    """

    def __init__(self, paint: PaintTab, tabs: gr.Tabs, tab: gr.Tab) -> None:
        self.paint, self.tabs = paint, tabs
        with gr.Row(elem_id="compare-photo-row") as self.photo_row:
            # A tap or a drop on it brings another, as on the photo of the Paint tab.
            looks: dict[str, Any] = {"show_label": False, "interactive": False, "buttons": []}
            sample = str(SAMPLES[OPENING[0]].path)
            self.photo = PhotoBox(sample, height=170, elem_id="compare-photo", **looks)
            self.samples = gr.Gallery(
                [(fit(open_photo(sample.path), 224), sample.title) for sample in SAMPLES.values()],
                columns=4,
                format="jpeg",
                allow_preview=False,
                object_fit="cover",
                selected_index=0,
                elem_id="compare-samples",
                elem_classes="thumbs",
                **looks,
            )
        self.refusal = gr.HTML(visible=False, elem_classes="hint")
        with gr.Tabs(elem_classes="ways") as self.ways:
            with gr.Tab("Wall", id="wall") as wall_tab:
                self.wall = Wall(paint.form.photo)
            with gr.Tab("Settings", id="sweep") as sweep_tab:
                sweep = Sweep(paint.form)
            with gr.Tab("Side by side", id="pair") as pair_tab:
                self.beside = SideBySide()
            with gr.Tab("Published", id="published") as published_tab:
                published = Published(paint.form)
        with paint.panel.more:
            button = gr.Button("Set side by side", min_width=90, elem_id="pair-result")
        self._wire_pair(button, lambda visit: tile_of(painted(visit)), paint.visit)
        self._wire_photo(tab)
        for panel in (self.wall.panel, sweep.panel, published.panel):
            self._wire_chosen(panel)
        inputs = [sweep.panel.stage, *sweep.inputs]
        sweep_tab.select(sweep.open, inputs, sweep.panel.status, **DECODES)
        published.wire(tab.select, published_tab.select)
        for way in (wall_tab, sweep_tab, pair_tab, published_tab):
            shown = gr.update(visible=way is not pair_tab)
            way.select(lambda shown=shown: shown, None, self.photo_row, **QUICK)

    def _wire_photo(self, tab: gr.Tab) -> None:
        """One photo for both tabs: what is chosen in either is shown in the other."""
        form, wall = self.paint.form, self.wall
        self.samples.select(form.pick_sample, None, form.photo, **QUICK)
        form.photo.change(
            lambda photo: (photo, form.mark_sample(photo), gr.update(visible=False)),
            form.photo,
            [self.photo, self.samples, self.refusal],
            **QUICK,
        )
        inputs = [form.photo, wall.names, wall.panel.stage]
        shown = [form.photo.change, tab.select]
        gr.on(shown, wall.open, inputs, wall.panel.shown, trigger_mode="always_last", **AT_ONCE)
        form.refusal.change(
            lambda refusal: gr.update(value=refusal, visible=bool(refusal)),
            form.refusal,
            self.refusal,
            **QUICK,
        )

    def _wire_chosen(self, panel: Panel) -> None:
        """What can be done with the picture that was chosen in a panel."""
        given = [panel.stage, self.paint.visit]
        painting = [*self.paint.form.restored, self.paint.form.own, self.tabs]
        panel.paint.click(self._paint, given, painting, **DECODES).success(
            None, None, None, js=f"() => {{ {PUT_AWAY} nst.paint(); }}", **QUICK
        )
        self._wire_pair(panel.pair, lambda stage: chosen_in(stage)[1], panel.stage)
        if panel is self.wall.panel:
            js = "() => document.querySelector('#wall-tiles').offsetParent || scrollTo(0, 0)"
            panel.tapped.then(self._tapped, given, painting, **DECODES).success(
                None, None, None, js=js, **QUICK
            )

    def _wire_pair(self, button: gr.Button, tile: Callable[[Any], Tile], state: gr.State) -> None:
        """Let a button show the tile of a state beside the one before, and go there with two."""

        def add(pair: Pair, value: Any) -> dict[Any, Any]:
            with user_errors():
                updates = self.beside.add(pair, tile(value))
            if len(updates[self.beside.pair]) == 2:
                updates[self.tabs] = gr.Tabs(selected="compare")
                updates[self.ways] = gr.Tabs(selected="pair")
            return updates

        outputs = [*self.beside.shown, self.tabs, self.ways]
        button.click(add, [self.beside.pair, state], outputs, **DECODES).success(
            None, None, None, js=f"() => nst.added('#{button.elem_id}')", **QUICK
        )

    def _tapped(self, stage: Stage | None, visit: Visit) -> dict[Any, Any]:
        """A preview that was tapped goes to the Paint tab; another tile was only enlarged."""
        if stage is None or not stage.instant or stage.chosen is None:
            return gr.skip()
        return self._paint(stage, visit)

    def _paint(self, stage: Stage | None, visit: Visit) -> dict[Any, Any]:
        """Updates that bring the chosen tile to the Paint tab, at its recipe's own size."""
        with user_errors():
            stage, tile = chosen_in(stage)
            if visit.busy:
                raise BadInput("Something is being painted in the Paint tab: stop it first.")
            recipe = tile.shared.recipe.replace(size=RECIPES[tile.shared.recipe.name].recipe.size)
            form = self.paint.form
            # What was painted before is painted now from the photo that is in the box.
            photo = tile.shared.photo if stage.jobs else None
            updates = form.restore(replace(tile.shared, recipe=recipe, photo=photo), tile.title)
            if stage.jobs and photo is None:
                updates[form.photo] = stage.file
            if stage.own:
                updates |= form.show_own(stage.own)
            return updates | {self.tabs: gr.Tabs(selected="paint")}

"""The Compare tab: one photo in every painting, one setting in several values, two paintings side
by side, and the comparisons that the authors of the published systems made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from nst.pictures.images import fit, open_photo
from nst.published import RECIPES
from ui import published, sweep, wall
from ui.events import DECODES, QUICK
from ui.messages import user_errors
from ui.paint import PaintTab
from ui.photo_box import PhotoBox, thumbs
from ui.samples import OPENING, SAMPLES
from ui.series import Stage, Tile, chosen_in
from ui.side_by_side import Pair, SideBySide, tile_of
from ui.visit import painted

# An enlarged tile is put away, and the Paint tab paints.
PAINT = """() => {
  document.querySelectorAll('.tiles .preview').forEach((tile) => tile.dispatchEvent(
    new KeyboardEvent('keydown', { code: 'Escape', key: 'Escape', bubbles: true })));
  nst.paint();
}"""


def build(paint: PaintTab, tabs: gr.Tabs, tab: gr.Tab) -> None:
    """Lay it out in the current context, which is `tab`. tabs: the page's."""
    form = paint.form
    with gr.Row(elem_id="compare-photo-row"):
        # A tap or a drop on it brings another, as on the photo of the Paint tab.
        looks: dict[str, Any] = {"show_label": False, "interactive": False, "buttons": []}
        first = str(SAMPLES[OPENING[0]].path)
        photo = PhotoBox(first, height=170, elem_id="compare-photo", **looks)
        tiles = [(fit(open_photo(sample.path), 224), sample.title) for sample in SAMPLES.values()]
        samples = thumbs(tiles, "Samples", 4, selected=0, elem_id="compare-samples")
    refusal = gr.HTML(elem_classes="hint", padding=False)
    with gr.Tabs(elem_classes="ways") as ways:
        with gr.Tab("Wall", id="wall"):
            panels = [wall.build(form.photo, tab)]
        with gr.Tab("Settings", id="sweep") as way:
            panels.append(sweep.build(form, way))
        with gr.Tab("Side by side", id="pair"):
            beside = SideBySide()
        with gr.Tab("Published", id="published") as way:
            panels.append(published.build(form, tab.select, way.select))
    with paint.panel.more:
        button = gr.Button("Set side by side", min_width=90, elem_id="pair-result")

    # One photo for both tabs: what is chosen in either is shown in the other.
    samples.select(form.pick_sample, None, form.photo, **QUICK)
    form.photo.change(
        lambda path: (path, form.mark_sample(path)), form.photo, [photo, samples], **QUICK
    )
    form.refusal.change(None, form.refusal, refusal, js="(told) => told", **QUICK)

    def pairing(button: gr.Button, state: gr.State, tile_in: Callable[[Any], Tile]) -> None:
        """Let a button show the tile of a state beside the one before, and go there with two."""

        def add(pair: Pair, value: Any) -> dict[Any, Any]:
            with user_errors():
                updates = beside.add(pair, tile_in(value))
            if len(updates[beside.pair]) == 2:
                updates |= {tabs: gr.Tabs(selected="compare"), ways: gr.Tabs(selected="pair")}
            return updates

        button.click(add, [beside.pair, state], [*beside.shown, tabs, ways], **DECODES).success(
            None, None, None, js=f"() => nst.added('#{button.elem_id}')", **QUICK
        )

    def take(stage: Stage | None) -> dict[Any, Any]:
        """Bring the chosen tile to the Paint tab, at its recipe's own size."""
        with user_errors():
            tile = chosen_in(stage)
            assert stage is not None
            recipe = tile.shared.recipe
            recipe = recipe.replace(size=RECIPES[recipe.name].recipe.size)
            updates = form.restore(replace(tile.shared, recipe=recipe), tile.title)
            if stage.file:
                updates[form.photo] = stage.file
            if stage.own:
                updates |= form.show_own(stage.own)
            return updates | {tabs: gr.Tabs(selected="paint")}

    pairing(button, paint.visit, lambda visit: tile_of(painted(visit)))
    for panel in panels:
        pairing(panel.pair, panel.stage, chosen_in)
        panel.paint.click(take, panel.stage, [*form.restored, form.own, tabs], **DECODES).success(
            None, None, None, js=PAINT, **QUICK
        )

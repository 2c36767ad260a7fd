"""The sweep: one setting in five values, everything else as the Paint tab has it."""

from dataclasses import replace
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.recipe import STYLE_LAYERS, Recipe, parse_value
from ui.controls import LABELS
from ui.events import QUICK
from ui.inputs import InputPanel
from ui.messages import status_html
from ui.pace import drafts
from ui.server.visitors import Visitor
from ui.tabs.panel import Panel, Stage
from ui.tabs.style_grid import DRAFT
from ui.tabs.tiles import Plan, Views, paint_all

__all__ = ["SWEEPS", "Sweep", "varied"]

# {setting: (what to look for, values worth comparing)}
SWEEPS = {
    "strength": ("From a hint of paint to nearly no photo.", "10, 30, 50, 70, 90"),
    "brush": ("Strokes from fine to broad.", "0.5, 0.75, 1, 1.5, 2"),
    "tv_weight": ("Less grain, and then less of everything.", "0, 0.5, 2, 8, 32"),
    "noise_ratio": ("Starts from photo (0) to noise (1).", "0, 0.25, 0.5, 0.75, 1"),
    "steps": ("The same painting, left earlier or later.", "20, 60, 120, 240, 480"),
    "learning_rate": ("Small steps or bold ones.", "0.005, 0.01, 0.03, 0.06, 0.12"),
    "content_layer": (
        "What of the photo is kept: edges, or only what is where.",
        "relu1_2, relu2_2, relu3_2, relu4_2, relu5_1",
    ),
    "style_layers": (
        "What a painting is to each layer alone: grain, strokes, shapes.",
        "relu1_1, relu2_1, relu3_1, relu4_1, relu5_1",
    ),
}
MOST = 8


class Sweep:
    """The setting, its values, and the panel that shows them."""

    def __init__(self, form: InputPanel) -> None:
        self.form = form
        gr.Markdown(
            "One setting in several values, as drafts. Photo, painting and all other settings are "
            "those of the Paint tab.",
            elem_classes="hint",
        )
        with gr.Row():
            self.setting = gr.Dropdown(
                [(LABELS[name][0], name) for name in SWEEPS],
                value="strength",
                label="Setting",
                elem_id="sweep-setting",
                info=SWEEPS["strength"][0],
            )
            self.values = gr.Textbox(
                SWEEPS["strength"][1],
                label="Values",
                elem_id="sweep-values",
                info=f"Separated by commas, at most {MOST}.",
            )
        self.panel = Panel("sweep", "Paint them all", "Five drafts, one for each value.")
        self.inputs = [self.setting, self.values, *form.inputs]
        self.panel.wire(self.inputs, (self.panel.go, self._views))
        self.setting.input(
            lambda name: (gr.update(info=SWEEPS[name][0]), SWEEPS[name][1]),
            self.setting,
            [self.setting, self.values],
            **QUICK,
        )
        self.values.change(self.expect, self.inputs, self.panel.status, **QUICK)

    def open(self, stage: Stage | None, *values: Any) -> Any:
        """What it would take, unless something was painted here."""
        return gr.skip() if stage and stage.view else self.expect(*values)

    def expect(self, name: str, values: str, *chosen: Any) -> str:
        """What the sweep would take, for the status line; or what is wrong with it."""
        try:
            base = self.form.controls.recipe(chosen[len(self.form.pictures) :])
            recipes = varied(name, values, base)
        except BadInput as error:
            return status_html(str(error))
        return status_html(drafts([recipe for _, recipe in recipes]))

    def _views(self, visitor: Visitor, name: str, values: str, *chosen: Any) -> Views:
        asked = self.form.job(chosen)
        jobs = tuple(
            (title, replace(asked, shared=replace(asked.shared, recipe=recipe)))
            for title, recipe in varied(name, values, asked.shared.recipe)
        )
        heading = f"{LABELS[name][0]}: {asked.title}"
        photo, own = self.form.files(chosen)
        return paint_all(Plan(heading, photo, jobs, own), visitor)


def varied(name: str, values: str, base: Recipe) -> list[tuple[str, Recipe]]:
    """(title, recipe) for every value, as drafts. Raises BadInput for a value out of range.

    A setting that has no effect otherwise brings along what it needs: noise in a blended start.
    """
    if name not in SWEEPS:
        raise BadInput(
            f"{str(name)[:40]!r} cannot be compared in several values; choose from "
            f"{', '.join(SWEEPS)}."
        )
    texts = [text.strip() for text in str(values or "").split(",") if text.strip()]
    if not 2 <= len(texts) <= MOST:
        raise BadInput(f"There are {len(texts)} values; there may be from 2 to {MOST}.")
    base = base.replace(size=min(base.size, DRAFT))
    if name == "noise_ratio":
        base = base.replace(start="blend", noise_amplitude=127.5)
    if name == "style_layers":
        base = base.replace(style_layers=STYLE_LAYERS[:1], style_layer_weights=(1.0,))
    return [
        (f"{LABELS[name][0]} {text}", base.replace(**{name: parse_value(name, text)}))
        for text in texts
    ]

"""The sweep: one setting in several values, everything else as the Paint tab has it."""

from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.recipe import STYLE_LAYERS, Recipe, parse_value
from ui.controls import LABELS
from ui.events import DECODES, QUICK
from ui.inputs import InputPanel
from ui.messages import status_html
from ui.series import Panel, Stage, cost, planned
from ui.wall import DRAFT

LAYERS = "relu1_{0}, relu2_{0}, relu3_{0}, relu4_{0}, relu5_1"
# {setting: (what to look for, values worth comparing)}
SWEEPS = {
    "strength": ("From a hint of paint to hardly any photo.", "10, 30, 50, 70, 90"),
    "brush": ("Strokes from fine to broad.", "0.5, 0.75, 1, 1.5, 2"),
    "tv_weight": ("Less grain, then less of everything.", "0, 0.5, 2, 8, 32"),
    "noise_ratio": ("Starting from the photo (0) or from noise (1).", "0, 0.25, 0.5, 0.75, 1"),
    "steps": ("The same painting, stopped earlier or later.", "20, 60, 120, 240, 480"),
    "learning_rate": ("Small steps or bold ones.", "0.005, 0.01, 0.03, 0.06, 0.12"),
    "content_layer": ("Every edge of the photo, or only what is where.", LAYERS.format(2)),
    "style_layers": ("What each layer alone sees: grain, strokes, shapes.", LAYERS.format(1)),
}
# What a setting has no effect without.
NEEDS: dict[str, dict[str, Any]] = {
    "noise_ratio": {"start": "blend", "noise_amplitude": 127.5},
    "style_layers": {"style_layers": STYLE_LAYERS[:1], "style_layer_weights": (1.0,)},
}
MOST = 8


class Sweep:
    """The setting, its values, and the panel that shows them."""

    def __init__(self, form: InputPanel) -> None:
        self.form = form
        hint = "One setting in several values. Everything else is as the Paint tab has it."
        gr.Markdown(hint, elem_classes="hint")
        names = [(LABELS[name][0], name) for name in SWEEPS]
        info, values = SWEEPS["strength"]
        separated = f"Separated by commas, at most {MOST}."
        with gr.Row():
            self.setting = gr.Dropdown(
                names, value="strength", label="Setting", info=info, elem_id="sweep-setting"
            )
            self.values = gr.Textbox(values, label="Values", info=separated, elem_id="sweep-values")
        self.panel = Panel("sweep", "Paint them all", "Five drafts, one for each value.")
        self.inputs = [self.setting, self.values, *form.inputs]
        self.panel.wire({self.panel.go: self.plan}, self.inputs)
        self.setting.input(
            lambda name: (gr.update(info=SWEEPS[name][0]), SWEEPS[name][1]),
            self.setting,
            [self.setting, self.values],
            **QUICK,
        )
        self.values.change(self.expect, self.inputs, self.panel.status, **DECODES)

    def open(self, stage: Stage | None, *values: Any) -> Any:
        """What it would take, unless something was painted here."""
        return gr.skip() if stage else self.expect(*values)

    def expect(self, *values: Any) -> str:
        """What the sweep would take, for the status line; or what is wrong with it."""
        try:
            stage = self.plan(*values)
        except BadInput as error:
            return status_html(str(error))
        recipes = [job.shared.recipe for _, job in stage.jobs]
        return status_html(f"{cost(recipes, stage.file)}.")

    def plan(self, name: str, values: str, *chosen: Any) -> Stage:
        """A painting for each value. Raises BadInput for whatever cannot be used."""
        asked = self.form.job(chosen)
        recipes = varied(name, values, asked.shared.recipe)
        photo, own = self.form.files(chosen)
        return planned(f"{LABELS[name][0]}: {asked.title}", photo, asked, recipes, own=own)


def varied(name: str, values: str, base: Recipe) -> list[tuple[str, Recipe]]:
    """(title, recipe) for every value, as drafts. Raises BadInput for a value out of range.

    A setting that has no effect otherwise brings along what it needs: noise in a blended start.
    """
    if name not in SWEEPS:
        known = ", ".join(SWEEPS)
        raise BadInput(f"{str(name)[:40]!r} cannot be compared; choose from {known}.")
    texts = [text.strip() for text in str(values or "").split(",") if text.strip()]
    if not 2 <= len(texts) <= MOST:
        raise BadInput(f"There are {len(texts)} values; there may be from 2 to {MOST}.")
    base = base.replace(size=min(base.size, DRAFT), **NEEDS.get(name, {}))
    label = LABELS[name][0]
    return [(f"{label} {text}", base.replace(**{name: parse_value(name, text)})) for text in texts]

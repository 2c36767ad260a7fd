"""The sweep: one setting in several values, everything else as the Paint tab has it."""

from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.recipe import STYLE_LAYERS, Recipe, parse_value
from ui.controls import LABELS
from ui.events import DECODES, QUICK
from ui.inputs import InputPanel
from ui.messages import status_html
from ui.series import DRAFT, Panel, Stage, cost, planned

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


def build(form: InputPanel, tab: gr.Tab) -> Panel:
    """Lay it out in the current context, which is `tab`. form: of the Paint tab."""
    hint = "One setting in several values. Everything else is as the Paint tab has it."
    gr.Markdown(hint, elem_classes="hint")
    names = [(LABELS[name][0], name) for name in SWEEPS]
    info, usual = SWEEPS["strength"]
    with gr.Row():
        setting = gr.Dropdown(
            names, value="strength", label="Setting", info=info, elem_id="sweep-setting"
        )
        values = gr.Textbox(
            usual,
            label="Values",
            info=f"Separated by commas, at most {MOST}.",
            elem_id="sweep-values",
        )
    panel = Panel("sweep", "Five drafts, one for each value.", "Paint them all")
    inputs = [setting, values, *form.inputs]

    def plan(name: str, values: str, *chosen: Any) -> Stage:
        asked = form.job(chosen)
        recipes = varied(name, values, asked.shared.recipe)
        photo, own = form.files(chosen)
        return planned(f"{LABELS[name][0]}: {asked.title}", photo, asked, recipes, own=own)

    def expect(stage: Stage | None, *given: Any) -> Any:
        """What it would take, or what is wrong with it."""
        if stage and stage.running:
            return gr.skip()
        try:
            stage = plan(*given)
        except BadInput as error:
            return status_html(str(error))
        return status_html(f"{cost([job.shared.recipe for job in stage.jobs])}.")

    panel.wire({panel.go: plan}, inputs)
    chosen = [setting, values]
    setting.input(
        lambda name: (gr.update(info=SWEEPS[name][0]), SWEEPS[name][1]), setting, chosen, **QUICK
    )
    latest: dict[str, Any] = {"trigger_mode": "always_last", **DECODES}
    gr.on([tab.select, values.change], expect, [panel.stage, *inputs], panel.status, **latest)
    return panel


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

"""A control for every setting of a recipe: the controls are the recipe, nothing is hidden.

Settings and their limits come from `Recipe`; here they only get words and a place.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import gradio as gr

from nst.presets import Preset
from nst.published import RECIPES, get_recipe
from nst.recipe import STYLE_LAYERS, Recipe, bounds, choices, parse_value
from ui.pace import about, pace

TITLES = {
    "finish": "Finishing network",
    "size": "Long side, pixels",
    "brush": "Brush size",
    "local_weight": "Local statistics",
    "tv_weight": "Smoothness",
    "tv_form": "Smoothness formula",
    "start": "Start from",
}
ABOUT = {
    "strength": "Higher: more painting, less photo.",
    "colours": "",
    "style_layer_weights": "one for each layer, separated by commas",
}
SETTINGS = {name: it for name, it in Recipe.model_fields.items() if name not in ("name", "mix")}
# {setting: (label, what it does)}
LABELS: dict[str, tuple[str, Any]] = {
    name: (TITLES.get(name, name.replace("_", " ").capitalize()), ABOUT.get(name, it.description))
    for name, it in SETTINGS.items()
}
ADVANCED = (
    "encoder pooling finish finish_share size steps seed brush tv_weight start noise_ratio "
    "learning_rate content_layer style_layers style_layer_weights"
).split()
WORDS = {
    "auto": "Choose for me",
    "vgg16": "VGG-16",
    "vgg19": "VGG-19",
    "own": "The encoder's own",
    "lbfgs": "L-BFGS",
    "content": "The photo",
    "recoloured": "Photo, recoloured",
    "blend": "Photo and noise",
    "style": "The painting's",
    "photo": "The photo's",
    "palette": "Blend of both",
}
QUALITIES = {"Draft": 384, "Standard": 512, "Fine": 1024}
SLIDERS = {"strength": 1, "brush": 0.05, "noise_ratio": 0.05}
A_MOMENT = 15.0  # seconds that a visitor gladly waits


class Controls:
    """The components, by setting, and the way between them and a `Recipe`.

    recipe: what they show at first. inputs: the menu of recipes, then every control. remarks: what
    `remark` sets. Build it inside a `gr.Blocks`.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.of: dict[str, gr.components.Component] = {}
        self._add(recipe, ("strength", "colours"))
        self.quality = gr.Radio(
            list(QUALITIES.items()), value=recipe.size, label="Quality", elem_id="quality"
        )
        # A line of text that can be pressed: it is there only when there is something to say.
        self.suggestion = gr.Button(
            visible=False, size="sm", elem_id="suggestion", elem_classes="quiet-button"
        )
        with gr.Accordion("Advanced", open=False, elem_id="advanced"):
            self.menu = gr.Dropdown(
                [(entry.title, name) for name, entry in RECIPES.items()],
                value=recipe.name,
                label="Recipe",
                info="Published systems run here with their own formulas.",
                elem_id="recipe",
            )
            self.changed = gr.Markdown(elem_id="changed", elem_classes="hint")
            with gr.Row():
                self._add(recipe, ADVANCED)
            with gr.Accordion("Formulas and constants", open=False), gr.Row():
                self._add(recipe, [name for name in LABELS if name not in self.of])
        self.inputs = [self.menu, *self.of.values()]
        self.remarks = [self.quality, self.changed, self.suggestion]

    def _add(self, recipe: Recipe, names: Iterable[str]) -> None:
        for name in names:
            self.of[name] = _component(name, getattr(recipe, name))

    def recipe(self, values: Sequence[Any]) -> Recipe:
        """The recipe that `inputs` hold. Raises BadInput for anything out of range."""
        name, *settings = values
        given = dict(zip(self.of, settings, strict=True))
        for key, part in self.of.items():
            if isinstance(part, gr.Textbox):
                given[key] = parse_value(key, str(given[key] or "").replace(" ", ""))
        return Recipe(name=get_recipe(str(name)).name, **given)

    def show(self, recipe: Recipe) -> dict[Any, Any]:
        """Updates of `inputs` that show a recipe."""
        shown = {part: _shown(getattr(recipe, name)) for name, part in self.of.items()}
        return {self.menu: recipe.name, **shown}

    def remark(self, recipe: Recipe, preset: Preset | None) -> dict[Any, Any]:
        """What each quality takes, what the recipe is and was, and what suits the painting."""
        offer = suggestion(recipe, preset)
        return {
            self.quality: gr.update(choices=qualities(recipe), value=recipe.size),
            self.changed: departures(recipe, preset),
            self.suggestion: gr.update(value=offer, visible=bool(offer)),
        }


def usual(recipe: Recipe, preset: Preset | None) -> Recipe:
    """The recipe of that name as a painting sets it (None: one of a visitor's own); what a visitor
    sets for a picture stays as it is.
    """
    base = get_recipe(recipe.name)
    visitors = ("seed", "mix", "size") if recipe.name == "default" else ("seed", "mix")
    kept = {name: getattr(recipe, name) for name in visitors}
    return (preset.recipe(base) if preset else base).replace(**kept)


def follow(recipe: Recipe, before: Preset | None, now: Preset | None) -> Recipe:
    """The recipe when another painting is chosen: it sets what the visitor has not touched."""
    touched = recipe.differences(usual(recipe, before))
    return usual(recipe, now).replace(**{name: getattr(recipe, name) for name in touched})


def suggestion(recipe: Recipe, preset: Preset | None) -> str:
    """The offer of what suits a painting and is not set; "" where there is nothing to offer."""
    other = usual(recipe, preset).differences(recipe)
    suits = ("strength", "colours", *preset.tuned) if preset and recipe.name == "default" else ()
    words = [
        f"{_label(key)} ({_word(other[key][0])})" for key in dict.fromkeys(suits) if key in other
    ]
    return f"Use this painting's usual {', '.join(words)}" if words else ""


def departures(recipe: Recipe, preset: Preset | None) -> str:
    """What the recipe is, and which controls have left it: "lodaya, changed: size"."""
    entry = RECIPES[recipe.name]
    changed = ", ".join(map(_label, recipe.differences(usual(recipe, preset))))
    lead = f"**{entry.title}, changed: {changed}.** " if changed else ""
    return lead + entry.about + ("" if recipe.name == "default" else f" {entry.source}")


def qualities(recipe: Recipe) -> list[tuple[str, int]]:
    """The quality menu with the seconds each should take; a size of its own is in it as well."""
    own = {} if recipe.size in QUALITIES.values() else {f"{recipe.size} px": recipe.size}
    labels = []
    for name, size in (QUALITIES | own).items():
        seconds = pace.expect(recipe.replace(size=size))
        labels.append((f"{name}, {about(seconds)}" if seconds else name, size))
    return labels


def best_quality(recipe: Recipe) -> Recipe:
    """The recipe at the best quality that this machine paints in a moment."""
    sizes = [size for size in QUALITIES.values() if size >= recipe.size]
    known = [(size, pace.expect(recipe.replace(size=size))) for size in sizes]
    quick = [size for size, seconds in known if seconds and seconds <= A_MOMENT]
    return recipe.replace(size=max(quick, default=recipe.size))


def _component(name: str, default: Any) -> gr.components.Component:
    label, info = LABELS[name]
    looks: dict[str, Any] = {"label": label, "info": info[:1].upper() + info[1:] or None}
    looks |= {"min_width": 220, "elem_id": name.replace("_", "-")}
    options = [(_named(choice), choice) for choice in choices(name)]
    if name == "colours":
        return gr.Radio(options, value=default, **looks)
    if name in SLIDERS:
        return gr.Slider(*bounds(name), default, step=SLIDERS[name], buttons=[], **looks)
    if name == "content_layer":
        layers = [*STYLE_LAYERS, "relu4_2", "relu4_3", "relu5_2", "conv4_2"]
        return gr.Dropdown(sorted(layers), value=default, allow_custom_value=True, **looks)
    if options and isinstance(default, str):
        return gr.Dropdown(options, value=default, **looks)
    if isinstance(default, tuple):
        return gr.Textbox(_shown(default), **looks)
    return gr.Number(default, precision=0 if isinstance(default, int) else None, **looks)


def _shown(value: Any) -> Any:
    """A setting's value as its component's."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _named(choice: Any) -> str:
    return WORDS.get(choice, str(choice).capitalize())


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else _named(value).lower()


def _label(name: str) -> str:
    return LABELS[name][0].lower()

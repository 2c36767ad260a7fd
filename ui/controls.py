"""A control for every setting of a recipe: the controls are the recipe, nothing is hidden.

Settings and their limits come from `Recipe`; here they only get words and a place.
"""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from nst.presets import Preset
from nst.published import RECIPES, get_recipe
from nst.recipe import STYLE_LAYERS, Recipe, bounds, choices, parse_value
from ui.pace import about, pace

# {setting: (label, what it does)}
LABELS = {
    "strength": ("Strength", "Higher: more painting, less photo."),
    "colours": ("Colours", ""),
    "encoder": ("Encoder", ""),
    "pooling": ("Pooling", ""),
    "finish": ("Finishing network", "It takes the last steps of each size."),
    "finish_share": ("Share of the steps it takes", ""),
    "pooling_offsets": ("Pooling offsets", ""),
    "size": ("Long side, pixels", ""),
    "steps": ("Steps", ""),
    "seed": ("Seed", ""),
    "brush": ("Brush size", ""),
    "local_weight": ("Local statistics", "They keep speckles out."),
    "local_octaves": ("Octaves of local statistics", ""),
    "tv_weight": ("Smoothness", ""),
    "start": ("Start from", ""),
    "noise_ratio": ("Share of noise", ""),
    "learning_rate": ("Learning rate", ""),
    "content_layer": ("Content layer", ""),
    "style_layers": ("Style layers", "Shallow ones bring strokes, deep ones large shapes."),
    "style_layer_weights": ("Style layer weights", "One for each layer, separated by commas."),
    "content_form": ("Content formula", ""),
    "content_weight": ("Content weight, alpha", ""),
    "style_form": ("Style formula", ""),
    "style_weight": ("Style weight, beta", ""),
    "tv_form": ("Smoothness formula", ""),
    "input_range": ("Pixels run from 0 to", ""),
    "scales": ("Scales, coarse to fine", ""),
    "optimiser": ("Optimiser", ""),
    "final_rate": ("Rate falls to", ""),
    "beta1": ("Adam's beta 1", ""),
    "beta2": ("Adam's beta 2", ""),
    "epsilon": ("Adam's epsilon", ""),
    "noise_amplitude": ("Noise amplitude", ""),
    "keep_every": ("Keep every n-th frame", ""),
    "keep_at": ("Keep frames at", ""),
}
ADVANCED = (
    "encoder pooling finish finish_share size steps seed brush tv_weight start noise_ratio "
    "learning_rate content_layer style_layers style_layer_weights"
).split()
WORDS = {
    "auto": "Choose for me",
    "off": "The encoder itself",
    "vgg16": "VGG-16",
    "vgg19": "VGG-19",
    "own": "The encoder's own",
    "lbfgs": "L-BFGS",
    "content": "The photo",
    "recoloured": "Photo, recoloured",
    "blend": "Photo and noise",
    "gatys": "Gatys et al.",
    "half-sum": "Half the sum",
    "quarter-mean": "A quarter of the mean",
    "style": "The painting's",
    "photo": "The photo's",
    "palette": "Blend of both",
}
QUALITIES = {"Draft": 384, "Standard": 512, "Fine": 1024}
SLIDERS = {"strength": 1, "brush": 0.05, "noise_ratio": 0.05}
A_MOMENT = 15.0  # seconds that a visitor gladly waits
# What a visitor sets for a picture is no departure from the project's own recipe.
THEIRS = frozenset({"size", "seed", "mix"})


class Controls:
    """The components, by setting, and the way between them and a `Recipe`.

    recipe: what they show at first. Build it with `main()` and `advanced()` inside a `gr.Blocks`,
    in that order.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._first = recipe
        self.of: dict[str, gr.components.Component] = {}

    def main(self) -> None:
        """Strength, colours and quality: what everyone sees."""
        self._add("strength")
        self._add("colours")
        self.quality = gr.Radio(
            list(QUALITIES.items()), value=512, label="Quality", elem_id="quality"
        )
        # A line of text that can be pressed: it is there only when there is something to say.
        self.suggestion = gr.Button(
            visible=False, size="sm", elem_id="suggestion", elem_classes="quiet-button"
        )

    def advanced(self) -> None:
        """The recipe menu and every other setting."""
        self.menu = gr.Dropdown(
            [(entry.title, name) for name, entry in RECIPES.items()],
            value="default",
            label="Recipe",
            info="Published systems run here with their own formulas.",
            elem_id="recipe",
        )
        self.changed = gr.Markdown(RECIPES["default"].about, elem_id="changed", elem_classes="hint")
        self._rows(ADVANCED)
        with gr.Accordion("Formulas and constants", open=False):
            self._rows([name for name in LABELS if name not in self.of])

    def _rows(self, names: Sequence[str]) -> None:
        for i in range(0, len(names), 2):
            with gr.Row():
                for name in names[i : i + 2]:
                    self._add(name)

    def _add(self, name: str) -> None:
        self.of[name] = _component(name, getattr(self._first, name), *LABELS[name])

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What handlers take to know the recipe: the menu, then every control."""
        return [self.menu, *self.of.values()]

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `show` sets."""
        return [*self.inputs, *self.remarks]

    @property
    def remarks(self) -> list[gr.components.Component]:
        """What `remark` sets: the qualities, what was changed, what is suggested."""
        return [self.quality, self.changed, self.suggestion]

    def recipe(self, values: Sequence[Any], mix: tuple[float, ...] = ()) -> Recipe:
        """The recipe that `inputs` hold. Raises BadInput for anything out of range."""
        name, *settings = values
        given = {key: _given(key, v) for key, v in zip(self.of, settings, strict=True)}
        return Recipe(name=get_recipe(str(name)).name, mix=mix, **given)

    def show(self, recipe: Recipe, preset: Preset | None) -> dict[Any, Any]:
        """Updates of `outputs` that show a recipe."""
        shown = {part: _shown(key, getattr(recipe, key)) for key, part in self.of.items()}
        return {self.menu: recipe.name, **shown, **self.remark(recipe, preset)}

    def remark(self, recipe: Recipe, preset: Preset | None) -> dict[Any, Any]:
        """Updates of `remarks`."""
        words = suggestion(recipe, preset)
        return {
            self.quality: gr.update(choices=qualities(recipe), value=recipe.size),
            self.changed: departures(recipe, preset),
            self.suggestion: gr.update(value=words, visible=bool(words)),
        }


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


def follow(recipe: Recipe, before: Preset | None, now: Preset | None) -> Recipe:
    """The recipe when another painting is chosen: it sets what the visitor has not touched.

    A published recipe is tuned for no painting.
    """
    if recipe.name != "default":
        return recipe
    touched = recipe.differences(usual(recipe, before))
    return usual(recipe, now).replace(**{key: getattr(recipe, key) for key in touched})


def usual(recipe: Recipe, preset: Preset | None) -> Recipe:
    """The project's own recipe for a painting (None: one of a visitor's own), for the picture that
    the visitor wants.
    """
    own = preset.recipe(Recipe()) if preset else Recipe()
    return own.replace(**{key: getattr(recipe, key) for key in THEIRS})


def suggestion(recipe: Recipe, preset: Preset | None) -> str:
    """The offer of what suits a painting and is not set; "" where there is nothing to offer."""
    if preset is None or recipe.name != "default":
        return ""
    other = usual(recipe, preset).differences(recipe)
    words = [
        f"{_label(key)} ({_word(other[key][0])})"
        for key in dict.fromkeys(("strength", "colours", *preset.tuned))
        if key in other
    ]
    return f"Use this painting's usual {', '.join(words)}" if words else ""


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else _named(value).lower()


def _named(choice: str) -> str:
    return WORDS.get(choice, choice.capitalize())


def _component(name: str, default: Any, label: str, info: str) -> gr.components.Component:
    given: dict[str, Any] = {
        "label": label,
        "info": info or None,
        "elem_id": name.replace("_", "-"),
        "min_width": 100,
    }
    if name == "colours":
        return gr.Radio([(_named(c), c) for c in choices(name)], value=default, **given)
    if name in SLIDERS:
        low, high = bounds(name)
        return gr.Slider(low, high, default, step=SLIDERS[name], buttons=[], **given)
    if name in ("style_layer_weights", "keep_at"):
        return gr.Textbox(_shown(name, default), **given)
    if name in ("style_layers", "content_layer"):
        known = sorted({*STYLE_LAYERS, "relu4_2", "relu4_3", "relu5_2", "conv4_2"})
        many = name == "style_layers"
        return gr.Dropdown(
            known, value=_shown(name, default), multiselect=many, allow_custom_value=True, **given
        )
    if isinstance(default, str):
        return gr.Dropdown([(_named(c), c) for c in choices(name)], value=default, **given)
    return gr.Number(default, precision=0 if isinstance(default, int) else None, **given)


def _given(name: str, value: Any) -> Any:
    """A component's value as the setting's."""
    if name in ("style_layer_weights", "keep_at"):
        return parse_value(name, str(value or "").replace(" ", ""))
    return value


def _shown(name: str, value: Any) -> Any:
    """A setting's value as its component's."""
    if name in ("style_layer_weights", "keep_at"):
        return ", ".join(str(item) for item in value)
    return list(value) if isinstance(value, tuple) else value


def departures(recipe: Recipe, preset: Preset | None) -> str:
    """What the recipe is, and which controls have left it: "lodaya, changed: size"."""
    entry = RECIPES[recipe.name]
    base = preset.recipe(entry.recipe) if preset else entry.recipe
    ignored = THEIRS if recipe.name == "default" else {"seed", "mix"}
    changed = [_label(key) for key in recipe.differences(base) if key not in ignored]
    about = entry.about if recipe.name == "default" else f"{entry.about} {entry.source}"
    if not changed:
        return about
    return f"**{entry.title}, changed: {', '.join(changed)}.** {about}"


def _label(name: str) -> str:
    return LABELS[name][0].lower()

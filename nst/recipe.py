"""Every setting of a painting, in one frozen and checked model.

The command line, the app's controls, links and the text inside a PNG are all derived from it.
"""

import json
import math
import re
import reprlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from nst.errors import BadInput

LINK_VERSION = "1"
LONGEST_QUERY = 4096
COARSEST = 128  # px: the composition is decided at this size, by the deepest layer's field of view
BUSIEST = 512  # px: the size at which strokes form and most steps are taken

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
RATES = {"adam": 0.04, "lbfgs": 1.0}  # each optimiser's own learning rate

# Spellings in links and pictures made by earlier versions.
FORMER_NAMES = {"house": "default"}
FORMER_SETTINGS = {"grids": "pooling_offsets", "sketch": "finish"}


def layer_name(name: str) -> str:
    """A VGG layer's name in this project's spelling: `block4_conv2` is `relu4_2`. BadInput."""
    if keras := re.fullmatch(r"block([1-5])_conv([1-4])", name):
        return f"relu{keras[1]}_{keras[2]}"
    if re.fullmatch(r"(conv|relu)[1-5]_[1-4]", name):
        return name
    raise BadInput(
        f"There is no layer called {name[:40]!r}; "
        "layers are named like relu4_2, conv4_2 or block4_conv2."
    )


def _plain(value: Any) -> int | float:
    """NumPy's numbers as Python's; texts and truth values, which pydantic would take, refused."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    return value


def _recipe_name(name: str) -> str:
    if not name.replace("-", "_").isidentifier():
        raise ValueError("not a name")
    return FORMER_NAMES.get(name, name)


Whole = Annotated[int, BeforeValidator(_plain)]
Number = Annotated[float, BeforeValidator(_plain)]
Name = Annotated[str, Field(strict=True, max_length=32), AfterValidator(_recipe_name)]
Layer = Annotated[str, Field(strict=True), AfterValidator(lambda name: layer_name(name) and name)]
Layers = Annotated[tuple[Layer, ...], Field(max_length=16)]
Weights = Annotated[tuple[Annotated[Number, Field(ge=0, le=1e6)], ...], Field(max_length=16)]
Shares = Annotated[tuple[Annotated[Number, Field(ge=0, le=1000)], ...], Field(max_length=16)]
StepNumbers = Annotated[tuple[Annotated[Whole, Field(ge=1, le=30000)], ...], Field(max_length=16)]
ContentForm = Literal["normalised", "half-sum", "quarter-mean", "mean"]
Start = Literal["recoloured", "content", "noise", "blend"]


def _field(default: Any, about: str, low: float | None = None, high: float | None = None) -> Any:
    return Field(default, description=about, ge=low, le=high)


class Recipe(BaseModel):
    """One way to paint, by default the project's own. BadInput for a value outside its range."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Name = _field("default", "the recipe these settings began as")

    # The networks
    encoder: Literal["auto", "compact", "vgg16", "vgg19"] = _field("auto", "network")
    pooling: Literal["own", "max", "average"] = _field("own", "the network's pooling")
    finish: Literal["auto", "off", "vgg19", "compact"] = _field("auto", "network of the last steps")
    finish_share: Number = _field(0.2, "share of each scale's steps that it judges", 0, 1)
    input_range: Annotated[Literal[1, 255], BeforeValidator(_plain)] = _field(1, "of pixel values")
    pooling_offsets: Whole = _field(6, "offsets that take turns; 0: one, odd sides are cut", 0, 6)

    # The objective
    content_layer: Layer = _field("relu4_2", "layer that keeps the photo")
    content_form: ContentForm = _field("normalised", "content formula")
    content_weight: Number = _field(1.0, "alpha", 0, 1e9)
    style_layers: Layers = _field(STYLE_LAYERS, "layers whose Gram matrices match")
    style_layer_weights: Weights = _field((0.2,) * 5, "a weight for each style layer")
    style_form: Literal["normalised", "gatys"] = _field("normalised", "style formula")
    style_weight: Number = _field(5.5, "beta", 0, 1e12)
    local_weight: Number = _field(1.0, "lambda: local statistics; 0: without them", 0, 1e6)
    local_octaves: Whole = _field(3, "sizes of 3x3 patches compared, each half the last", 1, 6)
    strength: Number = _field(50.0, "painting against photo; each 50 is a factor of 20", 0, 100)
    tv_weight: Number = _field(4.0, "gamma: smoothness, the weight of total variation", 0, 1e6)
    tv_form: Literal["mean", "sum"] = _field("mean", "total variation formula")

    # The optimisation
    size: Whole = _field(512, "long side of the result, in pixels", 32, 4096)
    scales: Whole = _field(0, "coarse to fine, each twice the last; 0: from about 128 px", 0, 6)
    steps: Whole = _field(82, "steps over all scales", 0, 30000)
    optimiser: Literal["adam", "lbfgs"] = _field("adam", "optimiser of the pixels")
    learning_rate: Number = Field(
        default_factory=lambda known: RATES[known["optimiser"]],
        description="for pixels in 0..1; by default the optimiser's own, 0.04 or 1 for L-BFGS",
        ge=1e-6,
        le=1,
    )
    final_rate: Number = _field(0.1, "the rate falls to this fraction in each scale", 1e-3, 1)
    # The gradient shrinks a thousandfold on the way down: long memories make the steps too short.
    beta1: Number = _field(0.8, "Adam's memory of the gradient", 0, 0.9999)
    beta2: Number = _field(0.7, "Adam's memory of its square", 0, 0.99999)
    epsilon: Number = _field(1e-8, "Adam's floor", 0, 1)
    # From the photo's own colours the optimiser gets to the style's by ways that leave neon specks.
    start: Start = _field("recoloured", "picture to start from")
    noise_ratio: Number = _field(0.6, "share of noise in a blended start", 0, 1)
    noise_amplitude: Number = _field(127.5, "of uniform noise, on the 0..255 scale", 0, 127.5)
    keep_every: Whole = _field(0, "keep a frame every so many steps; 0: never", 0, 30000)
    keep_at: StepNumbers = _field((), "steps whose frame is kept")

    # The visitor's wishes
    brush: Number = _field(1.0, "size of the strokes: the style's scale to the photo's", 0.25, 4)
    colours: Literal["style", "photo", "palette"] = _field("style", "whose colours")
    mix: Shares = _field((), "weights of several styles")
    seed: Whole = _field(0, "for any noise", 0, 2**31 - 1)

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            name, *inside = map(str, wrong["loc"])
            if name not in _SETTINGS:
                raise BadInput(f"There is no setting called {name[:40]!r}.") from None
            schema = _SETTINGS[name]["items"] if inside else _SETTINGS[name]
            raise BadInput(_wrong(name, wrong["input"], schema)) from None
        layers, weights = len(self.style_layers), len(self.style_layer_weights)
        if not layers or layers != weights:
            raise BadInput(
                f"There are {layers} style layers and {weights} weights for them; "
                "there must be one each, and at least one."
            )

    @property
    def style_factor(self) -> float:
        """Beta after the visitor's strength: `style_weight` at 50, twenty times that at 100."""
        return self.style_weight * 20 ** ((self.strength - 50) / 50)

    @property
    def local_factor(self) -> float:
        """The same of `local_weight`."""
        return self.local_weight * 20 ** ((self.strength - 50) / 50)

    def replace(self, **changes: Any) -> "Recipe":
        """The same with some settings changed; another optimiser brings its own rate."""
        same = self.model_dump()
        if changes.get("optimiser", self.optimiser) != self.optimiser:
            del same["learning_rate"]
        return Recipe(**{**same, **changes})

    def differences(self, other: "Recipe") -> dict[str, tuple[Any, Any]]:
        """{setting: (mine, theirs)} where two recipes differ; their names do not count."""
        mine, theirs = self.model_dump(), other.model_dump()
        return {k: (v, theirs[k]) for k, v in mine.items() if k != "name" and v != theirs[k]}

    def keeps(self, step: int) -> bool:
        """Whether the frame after so many steps is kept."""
        regular = self.keep_every > 0 and step > 0 and step % self.keep_every == 0
        return regular or step in self.keep_at

    def schedule(self, after: int = 0) -> list[tuple[int, float]]:
        """[(steps, share of the final size)] from coarse to fine, adding up to `steps`.

        after: long side in pixels of a painting to continue from; what remains are the scales
        above it or, where there are none, the finest again for a third of all steps.
        """
        if not self.steps:
            return []
        scales = self.scales or min(max(1, round(math.log2(self.size / COARSEST)) + 1), 6)
        sizes = [0.5**n for n in range(min(scales, self.steps) - 1, -1, -1)]
        # Most steps where strokes form, twice as many at first, where colours move as masses.
        parts = [0.8 ** abs(math.log2(share * self.size / BUSIEST)) for share in sizes]
        parts[0] *= 2
        counts = [max(1, int(self.steps * part / sum(parts))) for part in parts]
        counts[0] += self.steps - sum(counts)
        whole = list(zip(counts, sizes, strict=True))
        larger = [(count, share) for count, share in whole if share * self.size > after]
        return larger or [(max(counts[-1], self.steps // 3), 1.0)]

    def finishing(self, count: int) -> int:
        """How many of a scale's steps, its last, the finishing network judges."""
        return round(count * self.finish_share)

    @property
    def has_finish(self) -> bool:
        """Whether any step is the finishing network's."""
        return any(self.finishing(count) for count, _ in self.schedule())

    def pixels(self, aspect: float, after: int = 0, finishing: bool = False) -> float:
        """All pixels that all steps paint, or those of the finishing network.

        aspect: the photo's short side over its long side. after: as in `schedule`.
        """
        counts = ((self.finishing(n) if finishing else n, s) for n, s in self.schedule(after))
        return aspect * sum(count * (self.size * share) ** 2 for count, share in counts)

    def to_json(self) -> str:
        """All settings as one JSON object, for the text inside a picture."""
        return json.dumps(self.model_dump(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read `to_json`'s text back; unknown keys are ignored. BadInput for anything else."""
        found = None
        with suppress(ValueError, RecursionError):
            found = json.loads(text)
        if not isinstance(found, dict):
            raise BadInput("The recipe in this picture cannot be read: it is no JSON object.")
        return cls(**_known(found))

    def to_query(self, base: "Recipe | None" = None) -> str:
        """The settings that differ from `base` (the defaults) as a query string."""
        told = {name: mine for name, (mine, _) in self.differences(base or Recipe()).items()}
        if "optimiser" in told:  # which would bring its own
            told["learning_rate"] = self.learning_rate
        pairs = {
            name: ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            for name, value in told.items()
        }
        return urlencode({"v": LINK_VERSION, "name": self.name} | pairs)

    @classmethod
    def from_query(cls, query: str | Mapping[str, str], base: "Recipe | None" = None) -> "Recipe":
        """Read a link over `base`; what cannot be read is ignored, numbers brought into range."""
        if isinstance(query, str):
            query = dict(parse_qsl(query[:LONGEST_QUERY], keep_blank_values=True))
        found = {name: text for name, text in _known(query).items() if isinstance(text, str)}
        together = {"style_layers", "style_layer_weights"} & found.keys()
        recipe = base or cls()
        # In the order of the fields: the optimiser, which brings its rate, before the rate.
        for names in [together, *({name} for name in _SETTINGS if name in found.keys() - together)]:
            with suppress(BadInput):
                recipe = recipe.replace(**{name: _nearest(name, found[name]) for name in names})
        return recipe


_SETTINGS: dict[str, dict[str, Any]] = Recipe.model_json_schema()["properties"]
_READ = {"integer": int, "number": float, "string": str}
_KINDS = {"integer": "whole number", "number": "number", "string": "short plain name"}


def bounds(name: str) -> tuple[float, float]:
    """The lowest and highest value that a numeric setting allows."""
    return _SETTINGS[name]["minimum"], _SETTINGS[name]["maximum"]


def choices(name: str) -> tuple[Any, ...]:
    """The values of a setting with fixed options; nothing for the others."""
    return tuple(_SETTINGS[name].get("enum", ()))


def parse_value(name: str, text: str) -> Any:
    """Turn the text of a link or a command line into a setting's type. Raises BadInput."""
    schema = _SETTINGS[name]
    try:
        if schema["type"] == "array":
            read = _READ[schema["items"]["type"]]
            return tuple(read(item) for item in text.split(",") if item)
        return _READ[schema["type"]](text)
    except ValueError:
        raise BadInput(_wrong(name, text, schema)) from None


def _nearest(name: str, text: str) -> Any:
    """A link's value; a number out of range is brought to the nearest end of it."""
    value = parse_value(name, text)
    if "minimum" not in _SETTINGS[name] or value != value:
        return value
    low, high = bounds(name)
    return min(max(value, low), high)


def _known(found: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among these, by the names they have now."""
    renamed = {FORMER_SETTINGS.get(key, key): value for key, value in found.items()}
    return {key: value for key, value in renamed.items() if key in _SETTINGS}


def _wrong(name: str, value: Any, schema: Mapping[str, Any]) -> str:
    """What is wrong with one setting: what was found, and what is allowed."""
    found = "empty" if value is None else reprlib.repr(value)
    if "enum" in schema:
        return f"{name} is {found}; choose from {', '.join(map(str, schema['enum']))}."
    if schema["type"] == "array":
        kind = f"list of at most {schema['maxItems']} {_KINDS[schema['items']['type']]}s"
    else:
        kind = _KINDS[schema["type"]]
    span = f" from {schema['minimum']:g} to {schema['maximum']:g}" if "minimum" in schema else ""
    return f"{name} is {found}; it must be a {kind}{span}."

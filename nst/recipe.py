"""Every setting of a painting, in one frozen and checked dataclass.

The command line, the app's controls, links and the text inside a PNG are all derived from it.
"""

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from urllib.parse import parse_qsl, urlencode

from nst.errors import BadInput
from nst.settings import Kind, Number, Several, Word

__all__ = [
    "FORMER_NAMES",
    "LINK_VERSION",
    "STYLE_LAYERS",
    "Recipe",
    "bounds",
    "choices",
    "layer_name",
    "parse_value",
]

LINK_VERSION = "1"
LONGEST_QUERY = 4096
COARSEST = 128  # px: where a composition is decided, by what the deepest layer sees of it

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

# Of recipes and of settings, in links and pictures made before. Who finishes took the place of who
# sketched; "off", which the published recipes say, means the same of both.
FORMER_NAMES = {"house": "default"}
FORMER_SETTINGS = {"grids": "pooling_offsets", "sketch": "finish"}

_LAYER = re.compile(r"(conv|relu)([1-5])_([1-4])")
_KERAS_LAYER = re.compile(r"block([1-5])_conv([1-4])")


def layer_name(name: str) -> str:
    """Return a layer's name in this project's spelling: `block4_conv2` becomes `relu4_2`.

    Raises BadInput for anything that is not a layer of the VGG family.
    """
    if keras := _KERAS_LAYER.fullmatch(name):
        return f"relu{keras[1]}_{keras[2]}"
    if _LAYER.fullmatch(name):
        return name
    raise BadInput(
        f"There is no layer called {name[:40]!r}; "
        "layers are named like relu4_2, conv4_2 or block4_conv2."
    )


def _setting(default: Any, kind: Kind, about: str) -> Any:
    return field(default=default, metadata={"kind": kind, "about": about})


def _number(default: float, low: float, high: float, about: str) -> Any:
    return _setting(default, Number(type(default), low, high), about)


def _choice(default: str, options: tuple[str, ...], about: str) -> Any:
    return _setting(default, Word(options), about)


@dataclass(frozen=True)
class Recipe:
    """One way to paint. Raises BadInput for any value outside its range.

    The defaults are the project's own recipe: distances normalised by the energy of their
    targets, coarse to fine, Adam with a decaying rate.
    """

    name: str = _setting("default", Word(), "the recipe these settings began as")

    # What looks at the picture
    encoder: str = _choice("auto", ("auto", "compact", "vgg16", "vgg19"), "network that judges")
    pooling: str = _choice("own", ("own", "max", "average"), "pooling between the network's blocks")
    finish: str = _choice(
        "auto", ("auto", "off", "vgg19", "compact"), "network that judges the end of each scale"
    )
    finish_share: float = _number(0.25, 0, 1, "share of each scale's steps that it judges")
    input_range: int = _number(1, 1, 255, "pixel scale the formulas were published for, 1 or 255")
    pooling_offsets: int = _number(
        3, 0, 3, "places of the pooling windows that take turns; 0: one, and odd sides are cut"
    )

    # What it looks for
    content_layer: str = _setting("relu4_2", Word(), "layer that keeps the photo")
    content_form: str = _choice(
        "normalised", ("normalised", "half-sum", "quarter-mean", "mean"), "content formula"
    )
    content_weight: float = _number(1.0, 0, 1e9, "alpha")
    style_layers: tuple[str, ...] = _setting(
        STYLE_LAYERS, Several(Word()), "layers whose Gram matrices are matched"
    )
    style_layer_weights: tuple[float, ...] = _setting(
        (0.2,) * 5, Several(Number(float, 0, 1e6)), "a weight a style layer"
    )
    style_form: str = _choice("normalised", ("normalised", "gatys"), "style formula")
    style_weight: float = _number(8.0, 0, 1e12, "beta")
    local_weight: float = _number(1.0, 0, 1e6, "lambda: local statistics; 0: without them")
    local_octaves: int = _number(
        3, 1, 6, "sizes at which 3x3 patches are compared, each half the last"
    )
    strength: float = _number(
        50.0,
        0,
        100,
        "how much painting: 50 is the recipe's own balance, each 50 is a factor of twenty",
    )
    tv_weight: float = _number(4.0, 0, 1e6, "gamma: smoothness, the weight of total variation")
    tv_form: str = _choice("mean", ("mean", "sum"), "total variation formula")

    # How it gets there
    size: int = _number(512, 32, 4096, "long side of the result, in pixels")
    scales: int = _number(
        0, 0, 6, "coarse to fine, each scale twice the last; 0: the first is about 128 px"
    )
    steps: int = _number(100, 1, 30000, "steps over all scales")
    optimiser: str = _choice("adam", ("adam", "lbfgs"), "what walks the picture downhill")
    learning_rate: float = _number(0.04, 1e-6, 1, "for pixels in 0..1; L-BFGS' own is 1")
    final_rate: float = _number(0.1, 1e-3, 1, "the rate falls to this fraction within each scale")
    # The gradient shrinks a thousandfold on the way down: long memories make the steps too short.
    beta1: float = _number(0.8, 0, 0.9999, "Adam's memory of the gradient")
    beta2: float = _number(0.7, 0, 0.99999, "Adam's memory of its square")
    epsilon: float = _number(1e-8, 0, 1, "Adam's floor")
    # From the photo's own colours the optimiser gets to the style's by ways that leave neon specks.
    start: str = _choice(
        "recoloured", ("recoloured", "content", "noise", "blend"), "what is painted over"
    )
    noise_ratio: float = _number(0.6, 0, 1, "share of noise in a blended start")
    noise_amplitude: float = _number(127.5, 0, 127.5, "of uniform noise, on the 0..255 scale")
    keep_every: int = _number(0, 0, 30000, "a frame is kept every so many steps; 0: never")
    keep_at: tuple[int, ...] = _setting(
        (), Several(Number(int, 1, 30000)), "steps whose frame is kept"
    )

    # What the visitor asks for
    brush: float = _number(1.0, 0.25, 4, "size of the strokes: the style's scale to the photo's")
    colours: str = _choice("style", ("style", "photo", "palette"), "whose colours")
    mix: tuple[float, ...] = _setting(
        (), Several(Number(float, 0, 1000)), "weights of several styles"
    )
    seed: int = _number(0, 0, 2**31 - 1, "for any noise")

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = _kind(entry.name).check(entry.name, getattr(self, entry.name))
            object.__setattr__(self, entry.name, value)
        object.__setattr__(self, "name", FORMER_NAMES.get(self.name, self.name))
        for layer in (self.content_layer, *self.style_layers):
            layer_name(layer)
        if self.input_range not in (1, 255):
            raise BadInput(f"input_range is {self.input_range}; it can be 1 or 255.")
        if len(self.style_layers) != len(self.style_layer_weights):
            raise BadInput(
                f"There are {len(self.style_layers)} style layers and "
                f"{len(self.style_layer_weights)} weights for them; there must be one each."
            )
        if not self.style_layers:
            raise BadInput("There are no style layers; at least one is needed.")

    @property
    def style_factor(self) -> float:
        """Beta after the visitor's strength: `style_weight` at 50, twenty times that at 100."""
        return self.style_weight * 20 ** ((self.strength - 50) / 50)

    @property
    def local_factor(self) -> float:
        """`local_weight` after the visitor's strength, which it follows as the style does."""
        return self.local_weight * 20 ** ((self.strength - 50) / 50)

    def replace(self, **changes: Any) -> "Recipe":
        """The same recipe with some settings changed."""
        unknown = changes.keys() - {entry.name for entry in fields(self)}
        if unknown:
            raise BadInput(f"There is no setting called {', '.join(sorted(unknown))}.")
        return dataclasses.replace(self, **changes)

    def differences(self, other: "Recipe") -> dict[str, tuple[Any, Any]]:
        """{setting: (mine, theirs)} where two recipes differ; their names do not count."""
        mine, theirs = asdict(self), asdict(other)
        return {k: (v, theirs[k]) for k, v in mine.items() if k != "name" and v != theirs[k]}

    def keeps(self, step: int) -> bool:
        """Whether the frame after so many steps is kept."""
        return step in self.keep_at or (bool(self.keep_every) and step % self.keep_every == 0)

    def schedule(self, after: int = 0) -> list[tuple[int, float]]:
        """[(steps, share of the final size)] from coarse to fine, adding up to `steps`.

        Coarse scales are cheap and decide the composition, so each gets 6/5 the steps of the next.
        after: pixels of the long side of a painting to go on from. What is left then is the scales
        above it or, when there are none, the finest again for a third of all steps.
        """
        scales = self.scales or min(max(1, round(math.log2(self.size / COARSEST)) + 1), 6)
        scales = min(scales, self.steps)
        shares = [1.2 ** (scales - 1 - i) for i in range(scales)]
        counts = [max(1, math.floor(self.steps * s / sum(shares))) for s in shares]
        counts[0] += self.steps - sum(counts)
        whole = [(count, 2.0 ** (i + 1 - scales)) for i, count in enumerate(counts)]
        if not after:
            return whole
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
        """All pixels that all steps paint: what a run's time grows with.

        aspect: the photo's short side over its long side. after: as in `schedule`. finishing: only
        those of the finishing network's steps.
        """
        counts = ((self.finishing(n) if finishing else n, s) for n, s in self.schedule(after))
        return aspect * sum(count * (self.size * share) ** 2 for count, share in counts)

    def to_json(self) -> str:
        """All settings as one JSON object, for the text inside a picture."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read `to_json`'s text back; unknown keys are ignored. BadInput for anything else."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise BadInput("The recipe in this picture cannot be read: it is not JSON.") from None
        if not isinstance(found, dict):
            raise BadInput(
                "The recipe in this picture cannot be read: it is not a set of settings."
            )
        return cls(**{key: value for key, value in _renamed(found).items() if key in _FIELDS})

    def to_query(self, base: "Recipe | None" = None) -> str:
        """The settings that differ from `base` (the defaults) as a query string."""
        base = base or Recipe()
        pairs = {key: _text(mine) for key, (mine, _) in self.differences(base).items()}
        return urlencode({"v": LINK_VERSION, "name": self.name} | pairs)

    @classmethod
    def from_query(cls, query: str | Mapping[str, str], base: "Recipe | None" = None) -> "Recipe":
        """Read a link's settings over `base`. Never raises.

        Unknown keys and values of another kind are ignored, numbers out of range brought into it.
        """
        if isinstance(query, str):
            query = dict(parse_qsl(query[:LONGEST_QUERY], keep_blank_values=True))
        found = {key: text for key, text in _renamed(query).items() if isinstance(text, str)}
        recipe = base or cls()
        together = {"style_layers", "style_layer_weights"} & found.keys()
        for group in [together, *({name} for name in _FIELDS.keys() & found.keys() - together)]:
            with suppress(BadInput):
                recipe = recipe.replace(**{name: _nearest(name, found[name]) for name in group})
        return recipe


_FIELDS = {entry.name: entry for entry in fields(Recipe)}


def _renamed(found: Mapping[str, Any]) -> dict[str, Any]:
    return {FORMER_SETTINGS.get(key, key): value for key, value in found.items()}


def _kind(name: str) -> Any:
    return _FIELDS[name].metadata["kind"]


def bounds(name: str) -> tuple[float, float]:
    """The lowest and highest value that a numeric setting allows."""
    return _kind(name).low, _kind(name).high


def choices(name: str) -> tuple[str, ...]:
    """What a setting with fixed options allows; nothing for the others."""
    return getattr(_kind(name), "options", ())


def parse_value(name: str, text: str) -> Any:
    """Turn the text of a link or a command line into a setting's type. Raises BadInput."""
    return _kind(name).parse(name, text)


def _nearest(name: str, text: str) -> Any:
    """A link's value; a number out of range is brought to the nearest end of it."""
    kind, value = _kind(name), parse_value(name, text)
    return kind.clamp(value) if isinstance(kind, Number) else value


def _text(value: Any) -> str:
    return ",".join(map(_text, value)) if isinstance(value, tuple) else str(value)

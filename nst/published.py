"""The recipes that can be asked for by name: our own, the method itself, five published systems.

Layers whose ReLU is part of the layer in the source (Keras; the TensorFlow 1 graphs behind
`lodaya` and `five-minute`) are named `relu*` here. Sources give learning rates for pixels in
0..255 or 0..1; here they are for 0..1, so the former are divided by 255.
"""

from dataclasses import dataclass

from nst.errors import BadInput
from nst.recipe import FORMER_NAMES, Recipe


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe with where it comes from.

    ours: what the source leaves open and this project filled in.
    """

    recipe: Recipe
    about: str
    source: str
    ours: str

    @property
    def title(self) -> str:
        """What people are shown as its name."""
        return "Default" if self.recipe.name == "default" else self.recipe.name


# Everything that the engine does beyond a published formula is switched off: one size, one rate,
# features as they were published, of pixels in 0..255.
_PUBLISHED = Recipe(
    encoder="vgg19",
    finish="off",
    input_range=255,
    pooling_offsets=0,
    style_form="gatys",
    local_weight=0.0,
    tv_weight=0.0,
    scales=1,
    final_rate=1.0,
)

# Adam's constants: what a source gives, and the defaults of its framework for the rest.
_ADAM_1 = {"learning_rate": 2 / 255, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
_ADAM_KERAS = {"learning_rate": 0.01, "beta1": 0.99, "beta2": 0.999, "epsilon": 1e-7}
_ADAM_2 = {"learning_rate": 0.02, "beta1": 0.99, "beta2": 0.999, "epsilon": 0.1}

_GATYS_CONTENT = {"content_layer": "relu4_2", "content_form": "half-sum", "content_weight": 1.0}
_GATYS = _PUBLISHED.replace(
    name="gatys", pooling="average", style_weight=1000.0, start="noise", **_GATYS_CONTENT
).replace(size=512, steps=500, optimiser="lbfgs", learning_rate=1.0)

GHORPADE = _PUBLISHED.replace(
    name="ghorpade-vgg19", pooling="max", style_weight=1000.0, start="noise", input_range=1
).replace(size=512, steps=450, **_GATYS_CONTENT | {"content_layer": "relu4_3"}, **_ADAM_KERAS)

_TENSORFLOW_1 = _PUBLISHED.replace(
    name="lodaya",
    pooling="average",
    content_layer="relu4_2",
    content_form="quarter-mean",
    content_weight=10.0,
    style_weight=40.0,
    start="blend",
    noise_ratio=0.6,
    noise_amplitude=20.0,
    size=400,
    steps=200,
    keep_every=20,
    **_ADAM_1,
)

_TENSORFLOW_2 = _PUBLISHED.replace(
    name="tf-keras",
    pooling="max",
    content_layer="relu5_2",
    content_form="half-sum",
    # The tutorial's 1e4 and 1e-2 weigh means over a layer's entries. For half a sum over block5's
    # 512 x 32 x 32 features, and a sum over 4 C^2, the same balance is:
    content_weight=1e4 * 2 / (512 * 32 * 32),
    style_weight=1e-2 * 4,
    start="content",
    size=512,
    steps=1000,
    **_ADAM_2,
)

_GHORPADE_OURS = (
    "Features are taken as the weights give them for pixels of unit variance, where 1e-3 keeps the "
    "photo and 1e-4 brings in the style; as pixels of 0..255 give them, style outweighs content "
    "3,300 times more, and both lose the photo. The learning rate is taken for pixels in 0..1, as "
    "in the TensorFlow tutorial that the system's beta1 comes from; Adam's other constants are "
    "Keras' defaults; white noise is uniform over the whole range; 512 px."
)

RECIPES = {
    "default": NamedRecipe(
        Recipe(),
        "This project's own: normalised distances, coarse to fine, seconds instead of minutes.",
        "This project.",
        "All of it.",
    ),
    "gatys": NamedRecipe(
        _GATYS,
        "The method's own: VGG-19 with average pooling, from white noise, by L-BFGS.",
        "Gatys, Ecker and Bethge, Image Style Transfer Using Convolutional Neural Networks (2016).",
        "500 evaluations; L-BFGS without a line search, with a memory of 10 steps; white noise is "
        "uniform over the whole range; 512 px. The paper starts from the photo as well.",
    ),
    "lodaya": NamedRecipe(
        _TENSORFLOW_1,
        "VGG-19 with average pooling, from photo and noise blended 40:60, 200 steps.",
        "Lodaya, neural style transfer app in TensorFlow 1 (README and notebook).",
        "Adam's constants other than the learning rate are TensorFlow's defaults.",
    ),
    "ghorpade-vgg16": NamedRecipe(
        GHORPADE.replace(name="ghorpade-vgg16", encoder="vgg16"),
        "VGG-16 from white noise, 450 steps: the paper's improved model.",
        "Ghorpade et al., neural style transfer with VGG-16 and VGG-19 (paper).",
        _GHORPADE_OURS,
    ),
    "ghorpade-vgg19": NamedRecipe(
        GHORPADE,
        "VGG-19 from white noise, 450 steps: the paper's baseline.",
        "Ghorpade et al., neural style transfer with VGG-16 and VGG-19 (paper).",
        _GHORPADE_OURS,
    ),
    "five-minute": NamedRecipe(
        _TENSORFLOW_1.replace(
            name="five-minute",
            content_weight=5.0,
            style_weight=100.0,
            style_layer_weights=(0.5, 1.0, 1.5, 3.0, 4.0),
            size=640,
            keep_every=50,
        ),
        "VGG-19 with average pooling; the noise ratio of the start is yours to choose.",
        "A Neural Algorithm of Artistic Style, 5 minute read (blog post).",
        "Alpha 5, beta 100, the layer weights, the divisors of both sums, the noise's range and "
        "the learning rate are those of the implementations that the post follows; Adam's other "
        "constants are TensorFlow's defaults.",
    ),
    "keras-tv": NamedRecipe(
        _TENSORFLOW_2.replace(
            name="keras-tv",
            content_form="mean",
            content_weight=1.0,
            style_weight=10_000.0,
            # Over 4 C^2 counts 4 / C^2 of what a mean of Gram matrices over all entries does.
            style_layer_weights=tuple(4 / channels**2 for channels in (64, 128, 256, 512, 512)),
            input_range=1,
            tv_weight=1e-3,
            tv_form="sum",
            steps=30_000,
            keep_at=(3000, 9000, 17000, 23000, 30000),
        ),
        "VGG-19 from the photo with total variation; frames from 3,000 to 30,000 steps.",
        "Neural style transfer in TensorFlow and Keras (README).",
        "Content is the mean squared error (the source's text and list disagree). Its weights keep "
        "the photo, as the source shows, only for means: Gram matrices are divided by all entries "
        "of a layer, distances are means, pixels are 0..1; gamma is 0.001; Adam is the TensorFlow "
        "tutorial's; 512 px.",
    ),
    "tf-keras": NamedRecipe(
        _TENSORFLOW_2,
        "VGG-19 from the photo, TensorFlow 2, 1000 steps.",
        "Neural style transfer with TensorFlow 2 (blog post, April 2020).",
        "Alpha, beta (1e4 and 1e-2 there, for means; here as they weigh this system's sums at "
        "512 px) and Adam's constants are those of the TensorFlow tutorial it descends from.",
    ),
}


def get_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises BadInput for one that does not exist."""
    name = FORMER_NAMES.get(name, name)
    if name not in RECIPES:
        raise BadInput(
            f"There is no recipe called {name[:40]!r}; choose from {', '.join(RECIPES)}."
        )
    return RECIPES[name].recipe

"""Pictures in, pictures out: a recipe's encoder on this machine's device, chosen and explained."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from typing import Any, cast

import torch
from PIL import Image

from nst.engine.canvas import Canvas
from nst.engine.encoders import Encoder
from nst.engine.stylize import Step, check, stylize
from nst.errors import WeightsUnavailable
from nst.hardware import device_name, dtype_name, fastest_dtype, pick_device, use_machine
from nst.instant import repaint_at_once
from nst.pictures.images import (
    concerns,
    fit,
    in_colour,
    join_alpha,
    plain_colour,
    split_alpha,
    to_image,
    to_tensor,
)
from nst.recipe import Recipe, layer_name
from nst.weights import SOURCES, build_encoder, is_cached, load_vgg

TITLES = {"compact": "the compact encoder", "vgg16": "VGG-16", "vgg19": "VGG-19"}
# Widths whose convolutions take most of the time: where a faster precision has to show.
TYPICAL_WIDTH = {"compact": 32, "vgg16": 640, "vgg19": 640}
TILE = 1024  # longest side judged in one pass on a CPU; larger prints go in tiles
AT_ONCE = 512  # longest side of what the instant painter shows before the first step
KEPT_ENCODERS = 3


@contextmanager
def _plain_modes() -> Iterator[None]:
    """No `inference_mode`, `no_grad` or `autocast`, whatever the caller has switched on."""
    plain = torch.autocast(pick_device().type, enabled=False)
    with torch.inference_mode(False), torch.enable_grad(), plain:
        yield


def _step_by_step(paint: Callable[..., Iterator[Step]]) -> Callable[..., Iterator[Step]]:
    """Each step in plain modes: between two of them the caller has its own."""

    def painted(*given: Any, **options: Any) -> Iterator[Step]:
        with closing(cast(Any, paint(*given, **options))) as steps:
            while True:
                with _plain_modes():
                    step = next(steps, None)
                if step is None:
                    return
                yield step

    return wraps(paint)(painted)


@dataclass(frozen=True)
class Pipeline:
    """An encoder ready to paint, one to finish if there is any, and what a visitor is told.

    reason: in a sentence or two, why these; empty when they are simply what was asked for.
    """

    encoder: Encoder
    reason: str = ""
    finish: Encoder | None = None

    @property
    def device(self) -> str:
        return device_name(self.encoder.device)

    @property
    def dtype(self) -> str:
        return dtype_name(self.encoder.dtype)

    @property
    def title(self) -> str:
        """What did the work: "the compact encoder on CPU, 2 cores, fp32"."""
        return f"{TITLES[self.encoder.name]} on {self.device}, {self.dtype}"

    def credit(self, step: Step) -> str:
        """What did the work up to a step: the title, and who finished if anybody did."""
        if self.finish is None or not step.finished:
            return self.title
        return (
            f"{TITLES[self.encoder.name]}, finished by {TITLES[self.finish.name]}, "
            f"on {self.device}, {self.dtype}"
        )

    def substitutes(self, recipe: Recipe) -> str:
        """Which layers stand in for the recipe's, in one sentence; empty when none do."""
        pairs = [(recipe.content_layer, "content"), *((la, "style") for la in recipe.style_layers)]
        encoder = self.encoder
        found = {
            layer: encoder.teacher_layer(encoder.resolve_layer(layer, role))
            for layer, role in pairs
        }
        replaced = {layer: mine for layer, mine in found.items() if mine != layer_name(layer)}
        listed = ", ".join(f"{mine} for {layer}" for layer, mine in replaced.items())
        wanted = recipe.encoder if recipe.encoder in ("vgg16", "vgg19") else None
        if wanted in (None, self.encoder.name):
            return f"The encoder here takes {listed}." if listed else ""
        layers = (
            f"its {listed} and the other layers for their namesakes" if listed else "its layers"
        )
        return (
            f"{TITLES[self.encoder.name].capitalize()} stands in for {TITLES[wanted]}: {layers}. "
            "Its features have another scale, so content and style weigh differently here."
        )

    @_step_by_step
    def paint(
        self,
        photo: Image.Image,
        styles: Sequence[Image.Image],
        recipe: Recipe,
        *,
        mask: Image.Image | None = None,
        start: Canvas | Image.Image | None = None,
        every: float | None = 0.5,
        deadline: float | None = None,
    ) -> Iterator[Step[Image.Image]]:
        """`stylize` for pictures as `open_photo` returns them; see there for the rest.

        The photo is brought to the recipe's size; its transparency is kept. mask: white where to
        paint. The first step of the default recipe, number 0, has what the instant painter makes;
        with `steps=0`, or a style of one colour, it is the last.
        """
        use_machine()
        shown, tensors = fit(photo, recipe.size), [to_tensor(style) for style in styles]
        content, size = to_tensor(shown), shown.size
        where = None if mask is None else to_tensor(_light(mask).resize(size))[:, :1]
        check(content, tensors, recipe, where)
        if recipe.name == "default" and start is None:
            yield (first := _at_once(photo, styles, recipe, mask))
            if first.done:
                return
        alpha = photo.getchannel("A") if photo.mode == "RGBA" else None
        steps = stylize(
            content,
            tensors,
            recipe,
            self.encoder,
            finish=self.finish,
            every=every,
            mask=where,
            start=to_tensor(start.convert("RGB")) if isinstance(start, Image.Image) else start,
            tile=TILE if self.encoder.device.type == "cpu" else None,
            deadline=deadline,
        )
        for step in steps:
            painted = step.picture
            picture = None if painted is None else join_alpha(to_image(painted), alpha)
            yield replace(cast(Step[Any], step), picture=picture)


def _at_once(
    photo: Image.Image, styles: Sequence[Image.Image], recipe: Recipe, mask: Image.Image | None
) -> Step[Image.Image]:
    """The instant painter's picture, as a step before the first."""
    began = time.perf_counter()
    plain = plain_colour(styles[0]) if len(styles) == 1 and mask is None else None
    if plain is not None:
        painted = in_colour(fit(photo, recipe.size), plain)
    else:
        side = min(recipe.size, AT_ONCE) if recipe.steps else recipe.size
        painted = repaint_at_once(photo, styles, recipe.replace(size=side), mask)
    done = plain is not None or not recipe.steps
    return Step(
        step=0,
        total=0 if done else recipe.steps,
        size=(painted.height, painted.width),
        seconds=time.perf_counter() - began,
        seconds_left=0.0,
        picture=painted,
        canvas=Canvas(to_tensor(split_alpha(painted)[0])) if done else None,
        notes=tuple(concerns(photo, styles)),
    )


def _light(mask: Image.Image) -> Image.Image:
    """A mask in grey, as RGB; what cannot be seen of it is black."""
    if mask.mode == "RGBA":
        mask = Image.alpha_composite(Image.new("RGBA", mask.size, "black"), mask)
    return mask.convert("L").convert("RGB")


_building = threading.Lock()


def _encoder(name: str, pooling: str) -> Encoder:
    """An encoder whose weights are here; the few last used are kept.

    Everybody waits while one is built: nothing is downloaded here.
    """
    with _building:
        own = None if pooling == "own" or name == "compact" else pooling
        return _built(name, own, pick_device())


@lru_cache(maxsize=KEPT_ENCODERS)
def _built(name: str, pooling: str | None, device: torch.device) -> Encoder:
    return build_encoder(name, pooling, choose_dtype(name), device, download=False)


def choose_dtype(name: str) -> torch.dtype:
    """The precision in which an encoder works here."""
    return fastest_dtype(pick_device(), TYPICAL_WIDTH[name])


def choose_encoder(recipe: Recipe) -> tuple[str, str]:
    """The encoder that would paint a recipe here now, and why; nothing is loaded for the answer.

    "auto" means VGG-19 on a CUDA GPU when its weights are here, the compact encoder otherwise.
    """
    wanted = recipe.encoder
    if wanted == "auto":
        return _automatic()
    if wanted == "compact" or is_cached(wanted):
        return wanted, ""
    return "compact", f"{TITLES[wanted]} is not on this machine yet."


def _automatic() -> tuple[str, str]:
    kind = pick_device().type
    if kind == "mps":
        return "compact", "On an Apple GPU the compact encoder paints unless VGG-19 is asked for."
    if kind != "cuda":
        return (
            "compact",
            "There is no GPU here, so the compact encoder paints: it is made for that.",
        )
    if not is_cached("vgg19"):
        return "compact", "VGG-19 is not on this machine yet."
    return "vgg19", "There is a GPU here and VGG-19's weights are cached."


def choose_finish(recipe: Recipe, painter: str) -> tuple[str, str]:
    """The encoder that would finish for a painter here now, "" for none, and why not.

    "auto" means VGG-19 for the compact encoder when its weights are here.
    """
    wanted = recipe.finish
    if wanted == "auto":
        wanted = "vgg19" if painter == "compact" and is_cached("vgg19") else "off"
    if wanted in ("off", painter) or not recipe.has_finish:
        return "", ""
    if wanted == "compact" or is_cached(wanted):
        return wanted, ""
    return "", f"{TITLES[wanted]} cannot finish: it is not on this machine yet."


@_plain_modes()
def open_pipeline(recipe: Recipe, *, strict: bool = False) -> Pipeline:
    """The pipeline for a recipe on this machine: `choose_encoder` and `choose_finish`.

    strict: fetch a VGG that was asked for by name, with a bar on standard error while bytes
    arrive, and raise WeightsUnavailable when that fails. Otherwise the compact encoder paints at
    once and the reason says so; no network is touched.
    """
    encoder, reason = _painter(recipe, strict)
    finish, why_not = _finisher(recipe, encoder.name, strict)
    return Pipeline(encoder, " ".join(filter(None, (reason, why_not))), finish)


def _painter(recipe: Recipe, strict: bool) -> tuple[Encoder, str]:
    wanted = recipe.encoder
    name, reason = (wanted, "") if strict and wanted != "auto" else choose_encoder(recipe)
    try:
        return _ready(name, recipe, strict), reason
    except WeightsUnavailable as error:
        if strict or name == "compact":
            raise
        return _encoder("compact", "own"), str(error)


def _finisher(recipe: Recipe, painter: str, strict: bool) -> tuple[Encoder | None, str]:
    name, reason = choose_finish(recipe, painter)
    if reason and strict:
        name, reason = recipe.finish, ""
    try:
        return _ready(name, recipe, strict) if name else None, reason
    except WeightsUnavailable as error:
        if strict:
            raise
        return None, f"{TITLES[name]} cannot finish: {error}"


def _ready(name: str, recipe: Recipe, fetch: bool) -> Encoder:
    try:
        return _encoder(name, recipe.pooling)
    except WeightsUnavailable:
        if not fetch or name not in SOURCES:
            raise
    load_vgg(name)
    return _encoder(name, recipe.pooling)

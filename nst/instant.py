"""A painting at once, by the instant painter: for previews, walls, cameras and films."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from PIL import Image
from torch import Tensor

from nst.engine.colour import match_palette, photo_colours
from nst.engine.moments import Moments, StyleCode
from nst.engine.painter import Painter, load_painter
from nst.hardware import fastest_dtype, pick_device
from nst.pictures.images import fit, join_alpha, split_alpha, to_image, to_tensor
from nst.presets import find_style
from nst.recipe import Recipe
from nst.weights import build_encoder

WEAKEST = 20.0  # strength that the painter was taught; below it the photo shows through
WIDTH = 32  # of the compact encoder's first convolutions, which take most of the time


def instant_painter(
    styles: Sequence[Image.Image], recipe: Recipe, presets: Sequence[str | None] = ()
) -> Callable[[Image.Image], Image.Image]:
    """A function that repaints a photo in one pass, at the recipe's size, strength and colours.

    presets: ids of the styles that have one. Pictures after the first are taken for frames of the
    same scene: what was measured in the first one holds for all, so nothing flickers.
    """
    names = [*presets, *[None] * (len(styles) - len(presets))]
    code: StyleCode | None = None
    first: Tensor | None = None
    known: tuple[Moments, ...] = ()
    strength = max(recipe.strength, WEAKEST)

    def paint(photo: Image.Image) -> Image.Image:
        nonlocal code, first, known
        flat, alpha = split_alpha(fit(photo, recipe.size))
        content = to_tensor(flat).to(pick_device())
        if code is None:
            codes = [_code(s, n, recipe, content) for s, n in zip(styles, names, strict=True)]
            code, first = StyleCode.mix(codes, recipe.mix or (1.0,) * len(codes)), content
        elif first is not None:
            known, first = _painter().measure(first, code, strength), None
        painted = _painter().paint(content, code, strength, known)
        painted = torch.lerp(content, painted, min(1.0, recipe.strength / WEAKEST))
        if recipe.colours == "photo":
            painted = photo_colours(painted, content)
        return join_alpha(to_image(painted), alpha)

    return paint


def repaint_at_once(
    photo: Image.Image,
    styles: Sequence[Image.Image],
    recipe: Recipe,
    mask: Image.Image | None = None,
    presets: Sequence[str | None] = (),
) -> Image.Image:
    """The photo repainted in one pass, a second style outside the mask; as `Pipeline.paint`."""
    if mask is None:
        return instant_painter(styles, recipe, presets)(photo)
    plain = recipe.replace(mix=())
    inside = instant_painter(styles[:1], plain, presets[:1])(photo)
    outside = fit(photo, recipe.size)
    if len(styles) == 2:
        outside = instant_painter(styles[1:], plain, presets[1:])(photo)
    where = mask.convert("L").resize(inside.size)
    return Image.composite(inside, outside.convert(inside.mode), where)


def _code(style: Image.Image, preset: str | None, recipe: Recipe, content: Tensor) -> StyleCode:
    """What the painter knows of a style, at the size its strokes should have."""
    side = round(recipe.size * recipe.brush)
    if preset is not None and recipe.colours != "palette":
        return _preset_code(preset, side)
    picture = _scaled(style, side)
    if recipe.colours == "palette":
        picture = match_palette(picture, content).clamp(0, 1)
    return _painter().style(picture, preset)


@lru_cache(maxsize=64)
def _preset_code(preset: str, side: int) -> StyleCode:
    return _painter().style(_scaled(find_style(preset), side), preset)


def _scaled(style: Image.Image, side: int) -> Tensor:
    return to_tensor(fit(style, side, enlarge=False)).to(pick_device())


@lru_cache(maxsize=1)
def _painter() -> Painter:
    device = pick_device()
    return load_painter(build_encoder("compact", dtype=fastest_dtype(device, WIDTH), device=device))

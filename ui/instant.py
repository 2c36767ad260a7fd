"""The painting at once: what a visitor sees before Paint is pressed."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image

from nst.instant import instant_painter, repaint_at_once
from nst.pictures.images import fit, open_photo
from nst.presets import Preset, load_presets
from nst.recipe import Recipe
from ui import zero
from ui.samples import painted_before, sample_id

LONGEST = 512  # pixels: enough to choose by
TILE = 160  # pixels


def preview(
    photo: Image.Image, styles: Sequence[Image.Image], recipe: Recipe, ids: Sequence[str | None]
) -> Image.Image | None:
    """The photo painted by the instant painter; None for a published recipe, which paints in its
    own way, and on ZeroGPU, where this process has no GPU.

    ids: of the styles that are presets, which it knows better than by their pictures.
    """
    if recipe.name != "default" or zero.ACTIVE:
        return None
    small = recipe.replace(size=min(recipe.size, LONGEST))
    return repaint_at_once(photo, styles, small, presets=ids)


def instant_wall(photo: str | Path, side: int = TILE) -> Iterator[tuple[Preset, Image.Image]]:
    """A photo's file in every preset, one after the other: a sample as it was painted before, any
    other photo by the instant painter. Nothing on ZeroGPU. Raises BadInput for no picture.

    side: pixels of the long side.
    """
    sample = sample_id(photo)
    opened = fit(open_photo(photo), side, enlarge=False)
    for preset in load_presets()[0]:
        if before := painted_before(sample, preset.id):
            yield preset, fit(open_photo(before), side, enlarge=False)
        elif not zero.ACTIVE:
            recipe = preset.recipe(Recipe()).replace(size=max(opened.size))
            yield preset, instant_painter([_small(preset.path)], recipe, [preset.id])(opened)


@lru_cache(maxsize=32)
def _small(path: Path) -> Image.Image:
    """A preset's picture, as large as a tile's strokes need."""
    return fit(open_photo(path), 2 * TILE)

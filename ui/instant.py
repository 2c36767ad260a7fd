"""The painting at once: what a visitor sees before Paint is pressed."""

from collections.abc import Sequence

from PIL import Image

from nst.instant import repaint_at_once
from nst.recipe import Recipe
from ui import zero

LONGEST = 512  # pixels: enough to choose by


def preview(
    photo: Image.Image, styles: Sequence[Image.Image], recipe: Recipe
) -> Image.Image | None:
    """The photo painted by the instant painter; None for a published recipe, which paints in its
    own way, and on ZeroGPU, where this process has no GPU.
    """
    if recipe.name != "default" or zero.ACTIVE:
        return None
    return repaint_at_once(photo, styles, recipe.replace(size=min(recipe.size, LONGEST)))

"""What a visitor asked for, checked and opened, before anything waits or works."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from PIL import Image

from nst.errors import BadInput
from nst.pictures.images import open_photo
from nst.pictures.limits import LIMITS
from nst.presets import Preset
from nst.recipe import Recipe
from ui.links import Shared
from ui.samples import sample_id
from ui.server.limits import RUN_LIMITS

SHORT_SIDE = 256  # pixels that a photo's short side gets at least, where its size allows


@dataclass(frozen=True)
class Job:
    """Opened pictures and a recipe. title: of the paintings. mask: white where to paint."""

    photo: Image.Image
    styles: tuple[Image.Image, ...]
    shared: Shared
    title: str
    mask: Image.Image | None = None

    @property
    def wide_enough(self) -> "Job":
        """The same, so large that a panorama's short side does not become a strip."""
        size = self.shared.recipe.size
        wanted = round(min(SHORT_SIDE, size / 2) * max(self.photo.size) / min(self.photo.size))
        return self.enlarged(min(max(size, wanted), RUN_LIMITS.max_size))

    def enlarged(self, size: int) -> "Job":
        """The same at another size."""
        recipe = self.shared.recipe.replace(size=size)
        return replace(self, shared=replace(self.shared, recipe=recipe))


def open_job(
    photo: str | Path | None,
    style: str | Preset | None,
    recipe: Recipe,
    *,
    second: str | Preset | None = None,
    share: float = 0.5,
    again: Job | None = None,
    mask: Image.Image | None = None,
) -> Job:
    """Open what was chosen. Raises BadInput with a sentence for whatever cannot be used.

    style, second: a file or a preset; the second is painted in with its share, 0..1. again: an
    earlier job whose photo is taken instead.
    """
    if photo is None and again is None:
        raise BadInput("There is no photo yet: upload one, take one, or choose a sample.")
    if style is None:
        raise BadInput("There is no painting yet: choose one, or upload your own.")
    styles = [style]
    if second is not None:
        if not 0 <= share <= 1:
            raise BadInput(f"The second painting's share is {share:g}; it can be from 0 to 1.")
        recipe = recipe.replace(mix=(round(1 - share, 4), round(share, 4)))
        styles.append(second)
    ids = [each.id if isinstance(each, Preset) else None for each in styles]
    titles = [each.title if isinstance(each, Preset) else "Your painting" for each in styles]
    return Job(
        photo=again.photo if again else _opened(photo),
        styles=tuple(_opened(s.path if isinstance(s, Preset) else s) for s in styles),
        shared=Shared(recipe, again.shared.photo if again else sample_id(photo), *ids),
        title=" and ".join(titles),
        mask=mask,
    )


@lru_cache(maxsize=8)
def _opened(file: str | Path) -> Image.Image:
    """A picture, no larger than the largest painting here: a preview opens it at every change.

    Each upload has a path of its own.
    """
    return open_photo(file, replace(LIMITS, kept_side=min(LIMITS.kept_side, RUN_LIMITS.max_size)))

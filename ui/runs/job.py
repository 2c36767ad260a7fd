"""What a visitor asked for, checked and opened, before anything waits or works."""

from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from nst.errors import BadInput
from nst.pictures.images import open_photo
from nst.pictures.limits import LIMITS
from nst.presets import Preset
from nst.recipe import Recipe
from ui.parts.links import Shared
from ui.parts.samples import sample_id
from ui.server.limits import RUN_LIMITS

__all__ = ["Job", "open_job"]


@dataclass(frozen=True)
class Job:
    """Opened pictures and a recipe. title and credit are for a share card."""

    photo: Image.Image
    styles: tuple[Image.Image, ...]
    shared: Shared
    title: str
    credit: str
    mask: Image.Image | None = None

    def enlarged(self, size: int) -> "Job":
        """The same at another size."""
        recipe = self.shared.recipe.replace(size=size)
        return replace(self, shared=replace(self.shared, recipe=recipe))


def open_job(
    photo: str | None,
    style: str | Preset | None,
    recipe: Recipe,
    *,
    second: Preset | None = None,
    share: float = 0.5,
    again: Job | None = None,
    mask: Image.Image | None = None,
) -> Job:
    """Open what was chosen. Raises BadInput with a sentence for whatever cannot be used.

    photo: a file. style: a file, or a preset. second: painted in with its share, 0..1.
    again: an earlier job whose photo is taken instead. mask: white where to paint.
    """
    if photo is None and again is None:
        raise BadInput("There is no photo yet: upload one, take one, or choose a sample.")
    if style is None:
        raise BadInput("There is no painting yet: choose one, or upload your own.")
    if second is not None:
        if not 0 <= share <= 1:
            raise BadInput(f"The second style's share is {share:g}; it can be from 0 to 1.")
        recipe = recipe.replace(mix=(round(1 - share, 4), round(share, 4)))
    preset = style if isinstance(style, Preset) else None
    first = _opened(preset.path if preset else style)  # type: ignore[arg-type]
    return Job(
        photo=again.photo if again else _opened(photo),  # type: ignore[arg-type]
        styles=(first, _opened(second.path)) if second else (first,),
        shared=Shared(
            recipe,
            again.shared.photo if again else sample_id(photo),
            preset.id if preset else None,
            second.id if second else None,
        ),
        title=_title(preset, second),
        credit="; ".join(f"{p.title}: {p.author} ({p.licence})" for p in (preset, second) if p),
        mask=mask,
    )


def _opened(file: str | Path) -> Image.Image:
    """A picture, no larger than the largest painting here: it is kept while the visit lasts."""
    return open_photo(file, replace(LIMITS, kept_side=min(LIMITS.kept_side, RUN_LIMITS.max_size)))


def _title(preset: Preset | None, second: Preset | None) -> str:
    names = [p.title for p in (preset, second) if p]
    return " and ".join(names) if preset else "In a style of my own"

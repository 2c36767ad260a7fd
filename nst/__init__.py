"""Neural style transfer: a photo and a painting go in, the photo repainted comes out.

>>> from nst import Recipe, open_photo, open_studio
>>> studio = open_studio(Recipe())
>>> photo = open_photo("photo.jpg")
>>> for step in studio.paint(photo, [open_photo("style.jpg")], Recipe()):
...     print(step.step, step.total)
>>> studio.picture(step, photo).save("painted.png")
"""

from nst.errors import BadInput, NstError, WeightsUnavailable
from nst.images import open_photo
from nst.published import NAMED, named
from nst.recipe import Recipe
from nst.studio import Studio, open_studio
from nst.stylize import Step, stylize

__all__ = [
    "NAMED",
    "BadInput",
    "NstError",
    "Recipe",
    "Step",
    "Studio",
    "WeightsUnavailable",
    "named",
    "open_photo",
    "open_studio",
    "stylize",
]

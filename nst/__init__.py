"""Neural style transfer: a photo and a painting go in, the photo repainted comes out.

>>> from nst import Recipe, open_photo, open_pipeline
>>> pipeline = open_pipeline(Recipe())
>>> photo = open_photo("photo.jpg")
>>> for step in pipeline.paint(photo, [open_photo("style.jpg")], Recipe()):
...     print(step.step, step.total)
>>> step.picture.save("painted.png")
"""

from nst.engine.stylize import Step, stylize
from nst.errors import BadInput, NstError, WeightsUnavailable
from nst.pictures.images import open_photo
from nst.pipeline import Pipeline, open_pipeline
from nst.published import RECIPES, get_recipe
from nst.recipe import Recipe

__all__ = [
    "NAMED",
    "RECIPES",
    "BadInput",
    "NstError",
    "Pipeline",
    "Recipe",
    "Step",
    "Studio",
    "WeightsUnavailable",
    "get_recipe",
    "named",
    "open_photo",
    "open_pipeline",
    "open_studio",
    "stylize",
]

# As 1.0.0 called them.
NAMED, named = RECIPES, get_recipe
Studio, open_studio = Pipeline, open_pipeline

"""Neural style transfer: repaint a photo in the style of a painting.

>>> from nst import Recipe, open_photo, open_pipeline
>>> pipeline = open_pipeline(Recipe())
>>> photo = open_photo("photo.jpg")
>>> for step in pipeline.paint(photo, [open_photo("style.jpg")], Recipe()):
...     print(step.step, step.total)
>>> step.picture.save("painted.png")
"""

import os
from importlib import import_module
from typing import Any

# Before torch is loaded. Threads that spin while they wait gain a tenth where nothing else runs,
# and lose more than half where anything does: a browser, a neighbour, a second painting.
os.environ.setdefault("GOMP_SPINCOUNT", "0")

_HOMES = {
    "nst.engine.stylize": ("Step", "stylize"),
    "nst.errors": ("BadInput", "NstError", "WeightsUnavailable"),
    "nst.pictures.images": ("open_photo",),
    "nst.pipeline": ("Pipeline", "open_pipeline"),
    "nst.published": ("RECIPES", "get_recipe"),
    "nst.recipe": ("Recipe",),
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: Ctrl-C must find the command line ready before torch."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'nst' has no attribute {name!r}")

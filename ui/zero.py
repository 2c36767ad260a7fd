"""Hugging Face's ZeroGPU: a GPU for the seconds of one painting, in a process of its own.

There CUDA is only emulated in the app's process, on its main thread, and real in a forked one. Its
arguments and yields are pickled, what it changes is lost, and it is ended when the seconds that
were asked for are over: those are what a visitor's quota is checked against. Anywhere else this
module does nothing.
"""

import math
import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, TypeVar

from PIL import Image

from nst.recipe import Recipe

# The Hub sets the variable on ZeroGPU Spaces and installs the package that goes with it.
WANTED = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
ACTIVE = WANTED and find_spec("spaces") is not None

# Estimates on the safe side: no ZeroGPU was at hand to measure. A painting that needs longer ends
# in time with the picture it has; one that needs less gives the GPU back early.
START_SECONDS = 6  # the fork, CUDA's start, the weights' way to the GPU
STEP_SECONDS = 0.01  # starting some hundred kernels
PIXEL_SECONDS = {"compact": 1e-8, "vgg16": 1.2e-7, "vgg19": 1.5e-7}  # VGG-19: 10 TFLOP/s
SHORTEST = 4  # of a painting: the first steps of a worker are slow
LONGEST = 60  # of a request; ZeroGPU counts it 1.5 times, and anonymous visitors have 120 a day

Task = TypeVar("Task", bound=Callable[..., Iterator[Any]])


def painting_seconds(photo: Image.Image, recipe: Recipe, limit: float, after: int = 0) -> float:
    """How long a painting may take: on ZeroGPU what it should need, `limit` anywhere else.

    after: pixels of the long side of a painting to go on from.
    """
    if not ACTIVE:
        return limit
    aspect, vgg19 = min(photo.size) / max(photo.size), PIXEL_SECONDS["vgg19"]
    needed = recipe.pixels(aspect, after) * PIXEL_SECONDS.get(recipe.encoder, vgg19)
    if recipe.finish == "vgg19" or (recipe.finish == "auto" and recipe.encoder == "compact"):
        needed += recipe.pixels(aspect, after, finishing=True) * vgg19
    needed += recipe.steps * STEP_SECONDS
    return min(max(SHORTEST, needed), LONGEST - START_SECONDS, limit)


def on_gpu(task: Task) -> Task:
    """Run a generator function on a GPU where ZeroGPU gives one, as it is elsewhere.

    Its last argument must be how long it may take, in seconds. It must yield twice a second: a
    visitor's Stop waits for the next yield. What it raises arrives without its text.
    """
    if not ACTIVE:
        return task
    import spaces  # takes hold of torch.cuda, so it is imported only where it is meant to

    return spaces.GPU(duration=lambda *args: math.ceil(START_SECONDS + args[-1]))(task)

"""The package used from Python, inside whatever the caller's own code has switched on."""

import numpy as np
import torch
from PIL import Image

from nst import Recipe, open_photo, open_pipeline

RECIPE = Recipe(encoder="compact", size=np.int64(64), steps=np.int32(6), strength=np.float32(60))
PHOTO = Image.effect_noise((64, 48), 60).convert("RGB")
STYLE = Image.linear_gradient("L").resize((64, 64)).convert("RGB")


def painted() -> np.ndarray:
    *_, last = open_pipeline(RECIPE).paint(open_photo(PHOTO), [STYLE], RECIPE)
    return np.asarray(last.picture)


def test_painting_is_the_same_inside_any_mode_of_torch_and_leaves_it_as_it_was():
    for mode in (torch.inference_mode, torch.no_grad, lambda: torch.autocast("cpu")):
        with mode():
            inside = painted()  # the first time the encoder is built here as well
        assert np.array_equal(inside, painted())
    with torch.no_grad():
        next(open_pipeline(RECIPE).paint(PHOTO, [STYLE], RECIPE))
        assert not torch.is_grad_enabled()

"""What is seen of a painting while its scales are coarse."""

import numpy as np
import pytest
from PIL import Image

from nst.pictures.images import open_photo
from ui.run import Sharpen
from ui.samples import SAMPLES


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return open_photo(SAMPLES["lion"].path).resize((256, 256))


def numbers(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(float)


def test_a_coarse_picture_has_the_photos_fine_detail(photo):
    coarse = photo.resize((64, 64), Image.Resampling.LANCZOS)
    shown = Sharpen(photo, 256)(coarse)
    assert shown.size == photo.size
    blurred = coarse.resize(photo.size, Image.Resampling.BICUBIC)
    assert np.abs(numbers(shown) - numbers(photo)).mean() < 1
    assert np.abs(numbers(blurred) - numbers(photo)).mean() > 4


def test_where_the_photo_is_plain_only_the_painting_is_seen():
    plain = Image.new("RGB", (128, 128), "teal")
    coarse = Image.effect_noise((32, 32), 60).convert("RGB")
    shown = Sharpen(plain, 128)(coarse)
    assert np.abs(numbers(shown) - numbers(coarse.resize((128, 128), 3))).mean() < 1


def test_a_picture_of_full_size_is_shown_as_it_is(photo):
    assert Sharpen(photo, 256)(photo) is photo


def test_transparency_is_kept(photo):
    coarse = photo.resize((64, 64))
    coarse.putalpha(Image.new("L", (64, 64), 99))
    assert Sharpen(photo, 256)(coarse).getchannel("A").getextrema() == (99, 99)

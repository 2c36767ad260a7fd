"""The samples painted ahead, and the tool that paints them."""

from hashlib import sha256

import pytest
from PIL import Image

from nst.pictures.images import open_photo
from nst.presets import load_presets
from nst.recipe import Recipe
from nst.weights.store import COMPACT
from tools import samples
from ui.samples import OPENING, SAMPLES, painted_before

SHIPPED = sha256(COMPACT.read_bytes()).hexdigest()[:12]
PRESETS = [preset.id for preset in load_presets()[0]]


@pytest.mark.parametrize("photo", SAMPLES)
def test_every_sample_was_painted_in_every_preset(photo):
    aspect = open_photo(SAMPLES[photo].path).width / open_photo(SAMPLES[photo].path).height
    for preset in PRESETS:
        path = painted_before(photo, preset)
        with Image.open(path) as picture:
            assert picture.format == "JPEG"
            assert picture.width / picture.height == pytest.approx(aspect, abs=0.01)
        assert samples.painted_by(path).split()[:2] == ["compact", SHIPPED]


def test_the_samples_weigh_two_megabytes_at_most():
    files = list(samples.FOLDER.glob("*.jpg"))
    assert len(files) == len(SAMPLES) * len(PRESETS)
    assert sum(file.stat().st_size for file in files) <= 2e6


def test_the_page_opens_on_a_sample_that_was_painted():
    assert painted_before(*OPENING)


@pytest.mark.parametrize(("photo", "preset"), [(None, "mosaic"), ("lion", None), ("lion", "../x")])
def test_what_was_not_painted_before_is_none(photo, preset):
    assert painted_before(photo, preset) is None


def test_a_sample_is_painted_once_for_an_encoder_and_a_recipe(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "FOLDER", tmp_path)
    monkeypatch.setattr(samples, "SIDE", 32)
    recipe = Recipe(encoder="compact", size=32, steps=1)
    path = samples.paint("cheetah-mosaic", recipe)
    assert max(Image.open(path).size) == 32
    assert samples.painted_by(path).startswith("compact ")
    path.write_bytes(path.read_bytes() + b"kept")
    samples.paint("cheetah-mosaic", recipe)
    assert path.read_bytes().endswith(b"kept")
    samples.paint("cheetah-mosaic", recipe.replace(seed=1))
    assert not path.read_bytes().endswith(b"kept")
    with pytest.raises(SystemExit, match="not a sample and a preset"):
        samples.paint("cheetah-nonsense", recipe)

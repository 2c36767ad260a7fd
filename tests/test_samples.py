"""The samples painted ahead, and the tool that paints them."""

from hashlib import sha256
from itertools import product

import pytest
from PIL import Image

from nst.presets import load_presets
from nst.recipe import Recipe
from nst.weights import COMPACT
from tools import samples
from ui.samples import OPENING, SAMPLES, painted_before

SHIPPED = sha256(COMPACT.read_bytes()).hexdigest()[:12]
PRESETS = [preset.id for preset in load_presets()[0]]


def test_every_sample_was_painted_in_every_preset_and_all_weigh_little():
    for photo, preset in product(SAMPLES, PRESETS):
        path = painted_before(photo, preset)
        with Image.open(path) as picture, Image.open(SAMPLES[photo].path) as whole:
            assert picture.format == "JPEG"
            assert picture.width * whole.height == pytest.approx(
                whole.width * picture.height, rel=0.01
            )
        assert samples.painted_by(path).split()[:2] == ["compact", SHIPPED]
    files = list(samples.FOLDER.glob("*.jpg"))
    assert len(files) == len(SAMPLES) * len(PRESETS)
    assert sum(file.stat().st_size for file in files) <= 2e6
    assert painted_before(*OPENING)
    for photo, preset in ((None, "mosaic"), ("lion", None), ("lion", "../x")):
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

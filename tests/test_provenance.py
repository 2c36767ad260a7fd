"""A picture says what painted it, and who opens it is told where that is otherwise."""

import re

import pytest
import torch
from PIL import Image

from nst import pipeline
from nst.engine.encoders import Encoder
from nst.pictures.export import save_picture
from nst.pipeline import Pipeline, open_pipeline
from nst.provenance import NOTE, otherwise_here, painted_by
from nst.recipe import Recipe
from ui.links import inside

RECIPE = Recipe(encoder="compact")
BLOCKS = ((4, 4), (4, 4), (4,) * 4, (4,) * 4, (4,) * 4)


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """One that has no VGG and works in fp32."""
    monkeypatch.setattr(pipeline, "is_cached", lambda name: False)
    monkeypatch.setattr(pipeline, "fastest_dtype", lambda device, width: torch.float32)
    pipeline._built.cache_clear()
    yield monkeypatch
    pipeline._built.cache_clear()


def test_what_painted_is_encoders_weights_precision_and_versions():
    alone = open_pipeline(RECIPE)
    both = Pipeline(alone.encoder, finish=Encoder("vgg19", BLOCKS))
    for painted, networks in ((alone, ""), (both, " finished by vgg19 11aea017")):
        words = rf"compact [0-9a-f]{{8}}{networks}, fp32, nst .+, torch \d.+"
        assert re.fullmatch(words, painted_by(painted))


def test_only_what_is_otherwise_here_is_told(machine):
    note = painted_by(open_pipeline(RECIPE))
    assert otherwise_here(note, RECIPE) == otherwise_here("", RECIPE) == ""
    assert len(otherwise_here("x" * 10_000, RECIPE)) < 600
    assert otherwise_here(note.replace("fp32", "bf16"), RECIPE) == (
        "It was painted by bf16; here it is fp32, so results may differ."
    )
    machine.setattr(pipeline, "is_cached", lambda name: True)
    weights = note.split(",")[0]
    assert otherwise_here(note, RECIPE) == (
        f"It was painted by {weights}; here it is {weights} finished by vgg19 11aea017, "
        "so results may differ."
    )


def test_the_app_tells_who_opens_a_picture_from_elsewhere(tmp_path):
    note = painted_by(open_pipeline(RECIPE))
    path, ids = tmp_path / "picture.png", {"photo": "lion", "style": "mosaic"}
    for precision, told in (("fp32", ()), ("bf16", ("bf16; here it is fp32",))):
        notes = ids | {NOTE: note.replace("fp32", precision)}
        save_picture(Image.new("RGB", (40, 40)), path, RECIPE, notes)
        said = inside(str(path))[1]
        assert len(said) == len(told)
        assert all(words in sentence for words, sentence in zip(told, said, strict=True))

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


def test_what_painted_is_encoder_weights_precision_and_versions():
    assert re.fullmatch(
        r"compact [0-9a-f]{8}, fp32, nst .+, torch \d.+", painted_by(open_pipeline(RECIPE))
    )


def test_who_finished_is_named_as_well():
    alone = open_pipeline(RECIPE)
    both = Pipeline(alone.encoder, finish=Encoder("vgg19", BLOCKS))
    words = "compact [0-9a-f]{8} finished by vgg19 11aea017, fp32, .*"
    assert re.fullmatch(words, painted_by(both))


def test_a_picture_that_would_be_painted_alike_is_not_spoken_of():
    assert otherwise_here(painted_by(open_pipeline(RECIPE)), RECIPE) == ""
    assert otherwise_here("", RECIPE) == ""


def test_only_what_is_otherwise_here_is_told(machine):
    note = painted_by(open_pipeline(RECIPE))
    weights = note.split(",")[0]
    other = note.replace("fp32", "bf16")
    assert otherwise_here(other, RECIPE) == (
        "It was painted by bf16; here it is fp32, so results may differ."
    )
    machine.setattr(pipeline, "is_cached", lambda name: True)
    assert otherwise_here(note, RECIPE) == (
        f"It was painted by {weights}; here it is {weights} finished by vgg19 11aea017, "
        "so results may differ."
    )


def test_a_note_of_nonsense_makes_no_long_sentence():
    assert len(otherwise_here("x" * 10_000, RECIPE)) < 600


def test_the_app_tells_who_opens_a_picture_from_elsewhere(tmp_path):
    note = painted_by(open_pipeline(RECIPE))
    mine, theirs = tmp_path / "mine.png", tmp_path / "theirs.png"
    ids = {"photo": "lion", "style": "mosaic"}
    save_picture(Image.new("RGB", (40, 40)), mine, RECIPE, ids | {NOTE: note})
    other = note.replace("fp32", "bf16")
    save_picture(Image.new("RGB", (40, 40)), theirs, RECIPE, ids | {NOTE: other})
    assert inside(str(mine))[1] == ()
    (sentence,) = inside(str(theirs))[1]
    assert "bf16; here it is fp32" in sentence

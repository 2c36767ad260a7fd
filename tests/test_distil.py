"""The distillation of the compact encoder runs, goes on where it was, and what it writes paints."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from nst import weights
from nst.engine import encoders
from nst.engine.encoders import torchvision_names, vgg
from nst.engine.objective import Objective
from nst.recipe import Recipe
from tools.distil import __main__ as distil
from tools.distil import networks
from tools.distil.album import HELD_OUT_PAINTINGS, HELD_OUT_PHOTOS
from tools.distil.lessons import error
from tools.distil.networks import LEVELS

BLOCKS = ((6, 4), (8, 6), (8, 6, 6, 6), (8, 8, 8, 8), (8,))
WIDTH = 8  # of every layer of a VGG-19 that is quick enough for a test


def album(folder, names, rng):
    folder.mkdir()
    for name in [*names, "one", "two"]:
        pixels = rng.integers(0, 256, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).resize((160, 140)).save(folder / f"{name}.jpg")
    return folder


@pytest.fixture
def learn(tmp_path, monkeypatch):
    """Teach for some minutes more; returns what stands in the file that would ship."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    monkeypatch.setattr(encoders, "VGG_WIDTHS", (WIDTH,) * 5)
    for level in LEVELS:
        monkeypatch.setitem(networks.DIRECTIONS, level, WIDTH)
    teacher, out = tmp_path / "vgg19.safetensors", tmp_path / "compact.safetensors"
    vgg19 = {}
    for name, conv in torchvision_names(vgg("vgg19")).items():
        torch.nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        vgg19 |= {f"{name}.weight": conv.weight.detach(), f"{name}.bias": conv.bias.detach()}
    save_file(vgg19, teacher)
    photos = album(tmp_path / "photos", HELD_OUT_PHOTOS, rng)
    paintings = album(tmp_path / "paintings", HELD_OUT_PAINTINGS, rng)

    def learned(minutes):
        asked = {
            "teacher": teacher, "photos": photos, "paintings": paintings, "out": out,
            "checkpoint": tmp_path / "distil.pt", "minutes": minutes, "side": 32, "batch": 2,
            "canvases": 1, "places": 2, "replay": 8, "blocks": json.dumps(BLOCKS), "device": "cpu",
        }  # fmt: skip
        told = [f"--{key}={value}" for key, value in asked.items()]
        monkeypatch.setattr(sys, "argv", ["distil", *told])
        distil.main()
        monkeypatch.setattr(weights, "COMPACT", out)
        return weights.load_compact()[1]

    return learned


@pytest.mark.slow
def test_it_learns_goes_on_and_what_it_writes_paints(learn):
    first = learn(0.02)
    assert json.loads(first["blocks"]) == [list(block) for block in BLOCKS]
    assert json.loads(first["errors"]).keys() == set(LEVELS)
    assert all(-1 <= cosine <= 1 for cosine in json.loads(first["cosines"]).values())
    again = learn(0.04)
    assert again["schedule"].startswith(f"{first['schedule']}; steps ")
    encoder = weights.build_encoder("compact")
    assert encoder.blocks == BLOCKS
    picture = torch.rand(1, 3, 32, 32)
    _, gradient = Objective(encoder, Recipe(), picture, [picture.flip(2)]).evaluate(picture)
    assert gradient.isfinite().all()
    assert gradient.any()


def test_a_batch_in_which_the_teacher_sees_nothing_has_a_finite_error():
    said = torch.rand(2, 8, 2, 2, requires_grad=True)
    wrong = error(said, torch.zeros(2, 8, 2, 2))
    (gradient,) = torch.autograd.grad(wrong, said)
    assert wrong.isfinite()
    assert gradient.isfinite().all()

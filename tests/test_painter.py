"""The instant painter: what it paints, that it says the same however asked, and how it learns."""

import random

import pytest
import torch
from PIL import Image
from small import STYLES, lion, painting
from torch import Tensor

from nst.engine.moments import Moments, StyleCode, carried
from nst.engine.painter import Painter, assembled, load_painter, moments_of, pyramid
from nst.weights import build_encoder
from tools.painter.lessons import Studio, joined, lesson


@pytest.fixture(scope="module")
def painter() -> Painter:
    return load_painter(build_encoder("compact"))


@pytest.fixture(scope="module")
def code(painter) -> StyleCode:
    return painter.style(painting(side=96))


def change(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().mean())


def test_carried_features_have_the_styles_moments():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.eye(5) + 0.3 * torch.randn(2, 2, 5, 5, generator=generator)
    x, y = (torch.randn(2, 4000, 5, generator=generator) @ m for m in mixing)
    own, aim = Moments.of(x), Moments.of(y + 3)
    found, white = map(Moments.of, carried(x, own, aim, ridge=0))
    torch.testing.assert_close(found.mean, aim.mean, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.cov, aim.cov, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(white.cov, torch.eye(5).expand(2, 5, 5), atol=1e-2, rtol=0)


def test_any_size_comes_back_in_range_and_the_same_every_time(painter, code):
    for height, width in ((32, 32), (57, 83)):
        photo = lion(128)[..., :height, :width]
        painted = painter.paint(photo, code)
        assert (painted.shape, painted.dtype) == (photo.shape, torch.float32)
        assert painted.min() >= 0
        assert painted.max() <= 1
        assert torch.equal(painted, painter.paint(photo, code))


def test_strips_paint_what_one_pass_paints(painter, code, monkeypatch):
    photo = lion(400)[..., :48]
    whole = painter.paint(photo, code)
    monkeypatch.setattr("nst.engine.painter.AREA", 2**13)
    assert change(whole, painter.paint(photo, code)) < 2e-3


def test_the_finest_octaves_have_the_styles_energy(painter, code):
    finest, _ = pyramid(painter.paint(lion(160), code), 2)
    for found, aim in zip(moments_of(finest), code.detail, strict=True):
        energies = [float(m.cov.diagonal(dim1=1, dim2=2).sum()) for m in (found, aim)]
        assert energies[0] == pytest.approx(energies[1], rel=0.1)


def test_a_picture_is_the_sum_of_its_octaves():
    torch.testing.assert_close(assembled(*pyramid(lion(160), 3)), lion(160), atol=1e-5, rtol=0)


def test_a_preset_has_a_code_of_its_own(painter, code):
    own, none = (painter.style(painting(side=96), p) for p in (painter.presets[0], "no-such"))
    assert not torch.equal(code.own, own.own)
    assert torch.equal(code.own, none.own)


def test_a_lesson_has_a_finite_gradient_that_leads_downhill(painter, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "noise.png"
    Image.effect_noise((160, 140), 60).save(path)
    presets = [STYLES / f"{name}.jpg" for name in painter.presets[:1]]
    studio = Studio(painter, [path], [path], presets, 2, 0.5, random.Random(0))
    styles = studio.choose(2)
    photo = torch.cat([studio.photo((48, 64)) for _ in styles])
    codes = joined([style.code for style in styles], painter.own.new_zeros(2, 64))
    painted = painter(photo, codes, torch.tensor([50.0, 30.0]))
    weight, losses = torch.tensor([1.0, 0.3]), []
    for _ in range(2):
        leaf = painted.detach().requires_grad_()
        loss, facts = lesson(studio.judge, leaf, photo, styles, weight)
        (gradient,) = torch.autograd.grad(loss, leaf)
        assert gradient.isfinite().all()
        assert {"C", "S", "local", "beyond"} <= facts.keys()
        losses.append(float(loss.detach()))
        painted = leaf - 0.002 * gradient.sign()
    assert losses[1] < losses[0]

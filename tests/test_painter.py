"""The instant painter: what it paints, and that it says the same however it is asked."""

import pytest
import torch

from nst.engine.moments import Moments, StyleCode, carried
from nst.engine.painter import load_painter
from nst.weights import build_encoder


@pytest.fixture(scope="module")
def painter():
    return load_painter(build_encoder("compact"))


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, height // 8 + 1, width // 8 + 1, generator=generator)
    return torch.nn.functional.interpolate(small, (height, width), mode="bilinear")


def test_carried_features_have_the_styles_moments():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.eye(5) + 0.3 * torch.randn(2, 2, 5, 5, generator=generator)
    x, y = (torch.randn(2, 4000, 5, generator=generator) @ m for m in mixing)
    own, aim = Moments.of(x), Moments.of(y + 3)
    moved, white = carried(x, own, aim, ridge=0)
    found, plain = Moments.of(moved), Moments.of(white)
    assert torch.allclose(found.mean, aim.mean, atol=1e-3)
    assert torch.allclose(found.cov, aim.cov, rtol=1e-2, atol=1e-2)
    assert torch.allclose(plain.cov, torch.eye(5).expand(2, 5, 5), atol=1e-2)


def test_moments_of_parts_are_those_of_the_whole():
    x = torch.randn(1, 300, 4)
    parts = [(Moments.of(part), part.shape[1]) for part in x.split([70, 230], 1)]
    for a, b in zip(Moments.joined(parts), Moments.of(x), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_any_size_comes_back_in_range_and_the_same_every_time(painter):
    code = painter.style(picture(96, 120, 1))
    for height, width in ((32, 32), (57, 83), (128, 64)):
        photo = picture(height, width)
        painted = painter.paint(photo, code)
        assert painted.shape == photo.shape
        assert painted.dtype == torch.float32
        assert painted.min() >= 0
        assert painted.max() <= 1
        assert torch.equal(painted, painter.paint(photo, code))


def test_strips_paint_what_one_pass_paints(painter, monkeypatch):
    photo, code = picture(480, 64), painter.style(picture(96, 120, 1))
    whole = painter.paint(photo, code)
    monkeypatch.setattr("nst.engine.painter.AREA", 2**14)
    in_strips = painter.paint(photo, code)
    assert (whole - in_strips).abs().mean() < 2e-3


def test_known_moments_hold_a_film_still(painter):
    """A brighter thing that enters the frame does not change the rest of it."""
    code, frame = painter.style(picture(96, 120, 1)), picture(64, 256)
    entered = frame.clone()
    entered[..., -32:] = 1
    known = painter.measure(frame, code)
    held = [painter.paint(f, code, known=known)[..., :96] for f in (frame, entered)]
    alone = [painter.paint(f, code)[..., :96] for f in (frame, entered)]
    still, moving = ((a - b).abs().mean() for a, b in (held, alone))
    assert still < moving / 5


def test_strength_and_mixtures_are_continuous(painter):
    photo = picture(64, 64)
    one, other = (painter.style(picture(96, 120, seed)) for seed in (1, 2))
    ends = [painter.paint(photo, code) for code in (one, other)]
    mixed = painter.paint(photo, StyleCode.mix([one, other], [3, 1]))
    assert torch.allclose(painter.paint(photo, StyleCode.mix([one], [2])), ends[0], atol=1e-4)
    assert (mixed - ends[0]).abs().mean() < (mixed - ends[1]).abs().mean()
    weak, near, strong = (painter.paint(photo, one, s) for s in (20, 22, 80))
    assert (weak - near).abs().mean() < (weak - strong).abs().mean() / 3


def test_a_preset_has_a_code_of_its_own(painter):
    style = picture(96, 120, 1)
    plain, own = painter.style(style), painter.style(style, painter.presets[0])
    assert not torch.equal(plain.own, own.own)
    assert torch.equal(plain.own, painter.style(style, "no-such-preset").own)

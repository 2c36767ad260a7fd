"""What the painter is taught with: photos, styles with their targets, and the two judges."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.engine.colour import match_palette
from nst.engine.encoders import Encoder
from nst.engine.moments import Moments, StyleCode
from nst.engine.painter import LEVELS, OWN, Painter, colours, padded
from tools.distil.album import tensors
from tools.distil.lessons import FLOOR, patch_moments
from tools.distil.networks import CONTENT, STYLE

VISIBLE = 512  # px of a style's side that VGG-19 looks at: larger takes too long


class Judge:
    """An encoder as the objective sees it: Gram matrices and content in its metric."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.style = [encoder.resolve_layer(level, "style") for level in STYLE]
        self.content = encoder.resolve_layer(CONTENT, "content")

    def features(self, picture: Tensor) -> Tensor:
        """What the content is compared by."""
        return self._content(self.encoder(picture, {self.content})[self.content])

    def __call__(self, picture: Tensor) -> tuple[list[Tensor], Tensor]:
        """Gram matrices (N, k, k) at the style's levels, and the content's features."""
        found = self.encoder(picture, {*self.style, self.content})
        grams = [self.gram(found[layer], layer) for layer in self.style]
        return grams, self._content(found[self.content])

    def _content(self, features: Tensor) -> Tensor:
        matrix = self.encoder.projections.get(self.content)
        x = features.float()
        return x if matrix is None else F.conv2d(x, matrix[:, :-1, None, None])

    def gram(self, x: Tensor, layer: str) -> Tensor:
        """(N, C, h, w) -> (N, k, k)."""
        matrix = self.encoder.projections.get(layer)
        flat = x.permute(0, 2, 3, 1).flatten(1, 2)
        if matrix is not None:
            flat = torch.cat([flat, flat.new_ones(*flat.shape[:2], 1)], 2)
        outer = (flat.mT @ (flat / flat.shape[1])).float()
        return outer if matrix is None else matrix @ outer @ matrix.T


def relative(found: Tensor, goal: Tensor) -> Tensor:
    """(N,): squared distance over the energy of the goal."""
    return (found - goal).flatten(1).square().sum(1) / goal.flatten(1).square().sum(1)


@dataclass
class Style:
    """A painting at one scale, with all that it is compared by."""

    picture: Tensor
    code: StyleCode
    preset: int
    local: list[tuple[Tensor, Tensor]]
    grams: dict[str, list[Tensor]] = field(default_factory=dict)

    def aims(self, judge: Judge) -> list[Tensor]:
        """The judge's Gram matrices, computed when first asked for."""
        name = judge.encoder.name
        if name not in self.grams:
            seen = self.picture
            if name == "vgg19":
                top, left = (max(0, side - VISIBLE) // 2 for side in seen.shape[2:])
                seen = seen[:, :, top : top + VISIBLE, left : left + VISIBLE]
            with torch.no_grad():
                self.grams[name] = [g.bfloat16() for g in judge(seen)[0]]
        return self.grams[name]


class Studio:
    """Photos and paintings, and a changing choice of styles ready to be taught."""

    def __init__(
        self, painter: Painter, photos: list[Path], paintings: list[Path], presets: list[Path],
        places: int, widen: float, rng: random.Random,
    ) -> None:  # fmt: skip
        self.painter, self.rng, self.widen = painter, rng, widen
        self.judge = Judge(painter.encoder)
        self.photos = [Image.open(path).convert("RGB") for path in photos]
        self.presets = [Image.open(path).convert("RGB") for path in presets]
        self.paintings = [Image.open(path).convert("RGB") for path in paintings]
        self.places = places
        self.styles: list[Style] = []

    def photo(self, size: tuple[int, int]) -> Tensor:
        """(1, 3, *size): a cut of a photo whose long side is 256 to 640 px."""
        rng, (height, width) = self.rng, size
        picture = rng.choice(self.photos)
        least = max(width / picture.width, height / picture.height)
        factor = max(least, rng.uniform(256, 560) / max(picture.size))
        extent = width / factor, height / factor
        x, y = (rng.uniform(0, max(0, a - b)) for a, b in zip(picture.size, extent, strict=True))
        box = (x, y, min(x + extent[0], picture.width), min(y + extent[1], picture.height))
        cut = picture.resize((width, height), Image.Resampling.BICUBIC, box)
        cut = tensors(
            [cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else cut]
        )
        if rng.random() < 0.3:
            cut = (cut ** rng.uniform(0.6, 1.6) * rng.uniform(0.8, 1.1)).clamp(0, 1)
        return cut

    def draw(self) -> Style:
        """A style at a random scale: a preset as it is, or any painting, perhaps changed."""
        rng = self.rng
        side = round(2 ** rng.uniform(7.6, 9.4))
        number = -1
        if rng.random() > self.widen:
            number = rng.randrange(len(self.presets))
            picture = self.presets[number]
        else:
            picture = rng.choice(self.paintings)
        factor = min(1.0, side / max(picture.size))
        x = tensors(
            [
                picture.resize(
                    [max(96, round(s * factor)) for s in picture.size], Image.Resampling.LANCZOS
                )
            ]
        )
        if number < 0:
            x = self.change(x)
        with torch.no_grad():
            code, grams = self.code(x)
            local, seen = [], x
            for _ in range(3):
                target = patch_moments(seen)[0]
                values, vectors = torch.linalg.eigh(target.double())
                values = values.clamp_min(FLOOR * float(target.diagonal().mean()))
                local.append((target, ((vectors * values.rsqrt()) @ vectors.T).float()))
                seen = F.avg_pool2d(seen, 2)
        return Style(x, code, number, local, {self.judge.encoder.name: grams})

    def code(self, x: Tensor) -> tuple[StyleCode, list[Tensor]]:
        """The painter's code and the compact judge's Gram matrices, from one look."""
        x = padded(x)
        moments, grams = [Moments.of(colours(x))], []
        for i, (layer, features) in enumerate(self.painter.encoder(x, LEVELS).items()):
            moments.append(Moments.of(self.painter.project(i, features)))
            grams.append(self.judge.gram(features, layer).bfloat16())
        return StyleCode(tuple(moments), x.new_zeros(1, OWN)), grams

    def change(self, x: Tensor) -> Tensor:
        """Flip, cut, or recolour a painting, now and then."""
        rng = self.rng
        if rng.random() < 0.5:
            x = x.flip(3)
        if rng.random() < 0.3 and min(x.shape[2:]) > 200:
            height, width = (round(s * rng.uniform(0.5, 1)) for s in x.shape[2:])
            top, left = (
                rng.randint(0, a - b) for a, b in zip(x.shape[2:], (height, width), strict=True)
            )
            x = x[:, :, top : top + height, left : left + width]
        if rng.random() < 0.4:
            other = tensors([rng.choice(self.paintings + self.photos).resize((64, 64))])
            x = match_palette(x, other).clamp(0, 1)
        elif rng.random() < 0.3:
            x = x[:, rng.sample(range(3), 3)]
        return x.contiguous()

    def choose(self, count: int) -> list[Style]:
        """Some of the styles at hand, one of which is new."""
        if len(self.styles) < self.places:
            self.styles += [self.draw() for _ in range(min(4, self.places - len(self.styles)))]
        elif self.rng.random() < 0.2:
            self.styles[self.rng.randrange(self.places)] = self.draw()
        return self.rng.sample(self.styles, min(count, len(self.styles)))


def joined(codes: list[StyleCode], own: Tensor) -> StyleCode:
    """One batch of the codes of single styles."""
    moments = zip(*(code.moments for code in codes), strict=True)
    return StyleCode(tuple(type(m[0])(*map(torch.cat, zip(*m, strict=True))) for m in moments), own)


def local_distance(picture: Tensor, styles: list[Style]) -> Tensor:
    """(N,): the local statistics of the default recipe over three octaves, growing slowly."""
    total = picture.new_zeros(len(picture))
    for octave in range(3):
        target, root = (torch.stack([s.local[octave][i] for s in styles]) for i in (0, 1))
        gap = root @ (patch_moments(picture) - target) @ root
        total = total + torch.log1p(gap.square().sum((1, 2)) / 28) / 3
        picture = F.avg_pool2d(picture, 2)
    return total


def lesson(
    judge: Judge, painted: Tensor, photo: Tensor, styles: list[Style], weight: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """The objective of the default recipe, each term bounded; weight (N,): 1 at strength 50."""
    shown = painted.clamp(0, 1)
    # What leaves the range gets its gradient as if it had not.
    shown = painted + (shown - painted).detach()
    grams, content = judge(shown)
    with torch.no_grad():
        goal = judge.features(photo)
    aims = zip(*(style.aims(judge) for style in styles), strict=True)
    level = torch.stack(
        [relative(g, torch.cat(a).float()) for g, a in zip(grams, aims, strict=True)]
    )
    # A cut of bare sky has next to no content of its own to be relative to.
    energy = goal.square().mean((1, 2, 3))
    scale = energy / energy.maximum(energy.mean() / 2)
    c, s = torch.log1p(relative(content, goal) * scale), torch.log1p(level).mean(0)
    local = local_distance(shown, styles)
    beyond = (painted - painted.clamp(0, 1)).square().mean((1, 2, 3))
    steps = (
        shown.diff(dim=2).square().mean((1, 2, 3)) + shown.diff(dim=3).square().mean((1, 2, 3))
    ) / 2
    total = (c + weight * (6.5 * s + local) + 4 * steps) / (1 + weight) + 10 * beyond
    facts = {"C": c, "S": level.mean(0), "local": local, "beyond": beyond}
    return total.mean(), {k: float(v.detach().mean()) for k, v in facts.items()} | {
        f"S{i + 1}": float(v) for i, v in enumerate(level.detach().mean(1))
    }

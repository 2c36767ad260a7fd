"""The instant painter: a small network that repaints a photo in any painting's style in one pass.

The photo, moved into the style's colours, is looked at by the compact encoder. At four levels the
covariance of its features is carried to the style's by optimal transport between Gaussians
(whitening and colouring: Li et al. 2017, arXiv:1705.08086; the map of least movement: Mroueh 2019,
arXiv:1905.11882). A decoder turns these into what is added to the recoloured photo; its channels
are scaled and shifted by numbers predicted from the style's statistics (Dumoulin et al. 2017,
Ghiasi et al. 2017). At last the finest octaves are given the style's colours and energy, by the
same transport (pyramids: Heeger and Bergen 1995). Nothing in it depends on the photo as a whole but
those statistics, so they may be those of another frame. How it was taught: `tools/painter`.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from nst.engine.encoders import Encoder
from nst.engine.local import octaves
from nst.engine.moments import Moments, StyleCode, carried

WEIGHTS = Path(__file__).parents[1] / "data" / "painter.safetensors"
LEVELS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
DIRECTIONS = (16, 32, 64, 96, 64)  # principal directions of each level that are looked at
WIDTHS = (24, 48, 80, 112)  # of the decoder at full, half, quarter and eighth size
BLOCKS = (0, 1, 1, 3)  # residual blocks there
HIDDEN, RANK, OWN = 96, 48, 64  # of what predicts scales and shifts; of a preset's own code
OCTAVES = 3  # of the photo's detail, each of which the style weakens or strengthens
FINEST = 2  # of the painting's, which get the style's moments
STRIDE = 8  # the coarsest level's
MARGIN = 16  # px of reflection, a multiple of STRIDE: zeros at the edge would draw a frame
AREA, HALO = 2**20, 128  # px: larger pictures are painted in strips that overlap by so many rows
RIDGE = (2e-3, 1e-2)  # of the mean variance, added to colours' and features': bounds amplification
FAINT = 1 / 16  # of the style's detail, added to the painting's before it is amplified: 4 at most


class Block(nn.Module):
    """Channels normalised at each position, scaled and shifted by the style; then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-4)
        return self.conv(F.silu(torch.addcmul(shift, x, scale)))


class Level(nn.Module):
    """The decoder at one size: joins what comes from below with the encoder's, adds detail."""

    def __init__(self, below: int, skip: int, width: int, blocks: int) -> None:
        super().__init__()
        self.width, self.count = width, 2 * blocks + 1
        self.below = nn.Conv2d(below, width, 1) if below else None
        self.join = nn.Conv2d(skip + (width if below else 0), width, 3, padding=1)
        inner = [Block(width) for _ in range(2 * blocks)]
        for block in inner[1::2]:
            nn.init.zeros_(block.conv.weight)
        self.blocks = nn.ModuleList(inner)

    @property
    def controls(self) -> int:
        """How many numbers the style sets: grain, scales and shifts."""
        return self.width * (2 * self.count + 1)

    def forward(self, below: Tensor | None, skip: Tensor, grain: Tensor, style: Tensor) -> Tensor:
        """below: (N, c, h / 2, w / 2) or None. skip: (N, s, h, w). style: (N, controls)."""
        if self.below is not None:
            below = F.interpolate(self.below(below), scale_factor=2.0, mode="nearest")
            skip = torch.cat([below, skip], 1)
        amount, *controls = style.to(skip.dtype)[..., None, None].split(self.width, 1)
        x = self.join(skip) + grain.to(skip) * amount
        for i in range(0, len(self.blocks), 2):
            y = self.blocks[i](x, 1 + controls[2 * i], controls[2 * i + 1])
            x = x + self.blocks[i + 1](y, 1 + controls[2 * i + 2], controls[2 * i + 3])
        return F.silu(torch.addcmul(controls[-1], x, 1 + controls[-2]))


class Painter(nn.Module):
    """The whole of it.

    encoder: the compact one, frozen and ready; it is no part of the painter's own weights.
    presets: ids of the paintings with numbers of their own.
    """

    encoder: Encoder
    noise: Tensor
    centre: Tensor

    def __init__(self, encoder: Encoder, presets: Sequence[str] = ()) -> None:
        super().__init__()
        object.__setattr__(self, "encoder", encoder)
        self.presets = tuple(presets)
        for i, k in enumerate(DIRECTIONS):
            self.register_buffer(f"basis{i + 1}", torch.zeros(k, encoder.blocks[i][0] + 1))
        inputs = 2 * sum(DIRECTIONS)
        noise = torch.randn(512, 512, generator=torch.Generator().manual_seed(0))
        self.register_buffer("noise", noise, persistent=False)
        self.register_buffer("centre", torch.zeros(2, inputs))  # of the inputs: mean, 1 / deviation
        self.own = nn.Parameter(torch.zeros(len(self.presets), OWN))
        self.look = nn.Linear(inputs, OWN)
        self.think = nn.Linear(OWN + 1, HIDDEN)
        levels, below = [], 0
        for i in (3, 2, 1, 0):
            skip = DIRECTIONS[i] * (2 if i > 1 else 1) + (3 if i == 0 else 0)
            levels.append(Level(below, skip, WIDTHS[i], BLOCKS[i]))
            below = WIDTHS[i]
        self.levels = nn.ModuleList(levels)
        self.counts = [*(level.controls for level in levels), 3 * OCTAVES]
        act = nn.Linear(HIDDEN, RANK, bias=False), nn.Linear(RANK, sum(self.counts))
        self.act = nn.Sequential(*act)
        self.out = nn.Conv2d(WIDTHS[0], 3, 3, padding=1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def see(self, picture: Tensor, count: int) -> list[Tensor]:
        """(N, positions, k) of the first levels' features along their principal directions."""
        found = self.encoder(picture, LEVELS[:count])
        return [self.project(i, features) for i, features in enumerate(found.values())]

    def project(self, level: int, features: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, h * w, k)."""
        basis = getattr(self, f"basis{level + 1}").to(features.dtype)
        flat = features.permute(0, 2, 3, 1).flatten(1, 2)
        return torch.matmul(flat, basis[:, :-1].T) + basis[:, -1]

    @torch.no_grad()
    def style(self, picture: Tensor, preset: str | None = None) -> StyleCode:
        """The code of a painting (1, 3, h, w) in 0..1, at the scale its strokes should have."""
        own = self.own.new_zeros(len(picture), OWN)
        if preset in self.presets:
            own = own + self.own[self.presets.index(preset)]
        whole = padded(picture)
        seen = [colours(picture), *self.see(whole, 5)]
        finest, _ = pyramid(whole, FINEST)
        return StyleCode(tuple(map(Moments.of, seen)), own, moments_of(finest))

    def controls(self, code: StyleCode, strength: Tensor) -> tuple[Tensor, ...]:
        """What the style sets at each level of the decoder, from the coarsest; and of detail."""
        means = [m.mean for m in code.moments[1:]]
        spreads = [m.cov.diagonal(dim1=1, dim2=2).clamp_min(1e-6).log() for m in code.moments[1:]]
        inputs = (torch.cat([*means, *spreads], 1) - self.centre[0]) * self.centre[1]
        hidden = F.silu(self.look(inputs.clamp(-4, 4)) + code.own)
        will = (strength.to(hidden).view(-1, 1) / 50 - 1).expand(len(hidden), 1)
        hidden = F.silu(self.think(torch.cat([hidden, will], 1)))
        return self.act(hidden).split(self.counts, 1)

    def measure(self, photo: Tensor, code: StyleCode, strength: float = 50) -> tuple[Moments, ...]:
        """The moments of a photo and of its painting that painting it depends on."""
        known = self._measure(photo, code)
        finest, _ = pyramid(self._in_strips(padded(photo, MARGIN), code, strength, known), FINEST)
        return *known, *moments_of(finest)

    def _measure(self, photo: Tensor, code: StyleCode) -> tuple[Moments, ...]:
        """Those of the photo, gathered in strips."""
        photo = padded(photo, MARGIN)
        colour = Moments.of(colours(photo))
        parts: list[list[tuple[Moments, int]]] = [[] for _ in range(4)]
        for rows in strips(photo):
            top = max(0, rows.start - HALO)
            start = recoloured(photo[:, :, top : rows.stop + HALO], colour, code)
            for i, z in enumerate(self.see(start, 4)):
                lines = z.unflatten(1, (start.shape[2] >> i, -1))
                z = lines[:, rows.start - top >> i : rows.stop - top >> i].flatten(1, 2)
                parts[i].append((Moments.of(z), z.shape[1]))
        return colour, *(Moments.joined(part) for part in parts)

    def forward(
        self,
        photo: Tensor,
        code: StyleCode,
        strength: Tensor,
        known: tuple[Moments, ...] = (),
        top: int = 0,
    ) -> Tensor:
        """photo: (N, 3, H, W), sides multiples of STRIDE. strength: (N,). Returns it unclamped.

        known: what `measure` found; else the photo's own moments. top: the photo's first row in a
        larger one.
        """
        with torch.no_grad():
            start = recoloured(photo, known[0] if known else Moments.of(colours(photo)), code)
            skips = []
            for i, z in enumerate(self.see(start, 4)):
                own = known[i + 1] if known else Moments.of(z)
                both = carried(z, own, code.moments[i + 1], RIDGE[1])
                size = photo.shape[2] >> i, photo.shape[3] >> i
                skip = torch.cat(both if i > 1 else both[:1], 2)
                skips.append(skip.transpose(1, 2).unflatten(2, size))
            skips[0] = torch.cat([skips[0], start.to(skips[0]) - 0.5], 1)
        x = None
        *controls, detail = self.controls(code, strength)
        dtype = self.encoder.dtype
        with torch.autocast(photo.device.type, dtype, enabled=dtype != torch.float32):
            for i, level, style in zip((3, 2, 1, 0), self.levels, controls, strict=True):
                x = level(x, skips[i], self.grain(skips[i].shape[2:], top >> i), style)
            change = self.out(x)
        return equalised(start, 1 + detail) + change.float()

    def grain(self, size: Sequence[int], top: int) -> Tensor:
        """Noise (1, 1, *size): what a style may make strokes of in a flat sky."""
        rows, columns = (torch.arange(side, device=self.noise.device) for side in size)
        side = len(self.noise)
        return self.noise[(rows + top) % side][:, columns % side][None, None]

    @torch.no_grad()
    def paint(
        self,
        photo: Tensor,
        code: StyleCode,
        strength: float = 50,
        known: tuple[Moments, ...] = (),
    ) -> Tensor:
        """Repaint a photo (1, 3, H, W) in 0..1, each side at least 32; fp32, in 0..1.

        known: what `measure` found in this photo or in an earlier frame of the same scene.
        """
        height, width = photo.shape[2:]
        own = known[-FINEST:]
        if not known and height * width > AREA:
            known = self._measure(photo, code)
        painted = self._in_strips(padded(photo, MARGIN), code, strength, known)
        painted = with_detail(painted, own, code, min(1.0, strength / 50))
        inside = painted[:, :, MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return inside.clamp(0, 1)

    def _in_strips(
        self, photo: Tensor, code: StyleCode, strength: float, known: tuple[Moments, ...]
    ) -> Tensor:
        will, painted = photo.new_tensor([strength]), torch.empty_like(photo)
        for rows in strips(photo):
            top = max(0, rows.start - HALO)
            strip = self(photo[:, :, top : rows.stop + HALO], code, will, known, top)
            painted[:, :, rows] = strip[:, :, rows.start - top :][:, :, : rows.stop - rows.start]
        return painted


def strips(picture: Tensor) -> Iterator[slice]:
    """The rows of each strip of a picture; of a small one, all of them."""
    height, width = picture.shape[2:]
    count = max(HALO, AREA // width // STRIDE * STRIDE)
    for top in range(0, height, count):
        yield slice(top, min(height, top + count))


def recoloured(photo: Tensor, own: Moments, code: StyleCode) -> Tensor:
    """The photo in the style's colours, in 0..1."""
    moved, _ = carried(colours(photo), own, code.moments[0], RIDGE[0])
    return moved.transpose(1, 2).reshape(photo.shape).clamp(0, 1)


def equalised(picture: Tensor, gains: Tensor) -> Tensor:
    """A picture (N, 3, H, W) whose octaves of detail are multiplied by gains (N, 3 * OCTAVES)."""
    found, rest = pyramid(picture, OCTAVES)
    return assembled(map(torch.mul, gains[..., None, None].split(3, 1), found), rest)


def with_detail(picture: Tensor, own: Sequence[Moments], code: StyleCode, amount: float) -> Tensor:
    """A picture whose finest octaves have the style's moments, as far as an amount in 0..1 goes.

    own: the moments of its octaves, or of another frame's; empty: as they are.
    """
    finest, rest = pyramid(picture, FINEST)
    found = []
    for octave, now, aim in zip(finest, own or moments_of(finest), code.detail, strict=True):
        now = now._replace(cov=now.cov + FAINT * aim.cov)
        moved, _ = carried(colours(octave), now, aim, RIDGE[0])
        found.append(octave.lerp(moved.transpose(1, 2).reshape(octave.shape), amount))
    return assembled(found, rest)


def pyramid(picture: Tensor, count: int) -> tuple[list[Tensor], Tensor]:
    """Octaves of the detail of a picture (N, 3, H, W), the finest first, and what they leave of it.

    Burt and Adelson 1983; sides must be multiples of 2 ** count.
    """
    sizes = octaves(picture, count + 1)
    return [fine - enlarged(coarse) for fine, coarse in pairwise(sizes)], sizes[-1]


def assembled(detail: Iterable[Tensor], rest: Tensor) -> Tensor:
    """The picture that `pyramid` took apart."""
    for octave in reversed([*detail]):
        rest = enlarged(rest) + octave
    return rest


def moments_of(detail: Sequence[Tensor]) -> tuple[Moments, ...]:
    return tuple(Moments.of(colours(octave)) for octave in detail)


def enlarged(picture: Tensor) -> Tensor:
    return F.interpolate(picture, scale_factor=2.0, mode="bilinear")


def colours(picture: Tensor) -> Tensor:
    return picture.flatten(2).transpose(1, 2)


def padded(picture: Tensor, margin: int = 0) -> Tensor:
    """Reflected by a margin all around, and below and on the right to sides of whole strides."""
    down, right = (margin + -side % STRIDE for side in picture.shape[2:])
    return F.pad(picture, (margin, right, margin, down), mode="reflect")


def load_painter(encoder: Encoder, path: Path = WEIGHTS) -> Painter:
    """The shipped painter, ready to paint, around the compact encoder on that one's device."""
    with safe_open(path, "pt") as file:
        painter = Painter(encoder, json.loads(file.metadata()["presets"]))
    painter.load_state_dict({name: x.float() for name, x in load_file(path).items()})
    painter.to(encoder.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return painter.requires_grad_(False).eval()

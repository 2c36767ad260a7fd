"""Small networks and real pictures, for the tests of what paints."""

from functools import cache
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from gradio.media import get_image
from PIL import Image
from torch import Tensor, nn

from nst.engine.encoders import Encoder
from nst.pictures.images import fit, open_photo, to_tensor

STYLES = Path(__file__).parents[1] / "examples" / "styles"
BLOCKS = ((6,), (8, 8), (8, 8, 8), (8, 8, 8), (8,))


class Watched(Encoder):
    """Notes what it sees, and fails when told to; its copies do likewise.

    seen: (encoder, size, whether a gradient will be asked for) of every picture.
    fault: what to do to each layer's features, if anything.
    """

    seen: ClassVar[list] = []
    fault: ClassVar[list] = []

    def forward(self, image, layers):
        self.seen.append((self, tuple(image.shape[2:]), image.requires_grad))
        found = super().forward(image, layers)
        return {la: self.fault[0](f) for la, f in found.items()} if self.fault else found

    @classmethod
    def forget(cls) -> None:
        cls.seen.clear()
        cls.fault.clear()

    @classmethod
    def judged(cls) -> list[Encoder]:
        """Which network has judged, step by step."""
        return [encoder for encoder, _, judging in cls.seen if judging]


def initialised(encoder: Encoder, seed: int = 5) -> Encoder:
    """Random weights by which what reaches the deepest layer is as large as what went in."""
    torch.manual_seed(seed)
    for conv in encoder.convolutions.values():
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.uniform_(conv.bias, -0.2, 0.2)
    return encoder.requires_grad_(False)


@cache
def _opened(path: str | Path) -> Image.Image:
    return open_photo(path)


def photo(width: int = 96) -> Image.Image:
    """A real photo, cropped to 4:3."""
    lion = fit(_opened(get_image("lion.jpg")), width)
    return lion.crop((0, 0, width, width * 3 // 4))


def blots(height: int, width: int, seed: int) -> Tensor:
    """Smooth enough to be a picture: three sizes of noise, in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    layers = [
        F.interpolate(
            torch.rand(1, 3, height // n + 2, width // n + 2, generator=generator),
            (height, width),
            mode="bilinear",
        )
        for n in (1, 4, 16)
    ]
    return torch.stack(layers).mean(0)


def lion(width: int = 64) -> Tensor:
    return to_tensor(photo(width))


def painting(name: str = "charcoal", side: int = 160) -> Tensor:
    """A preset."""
    return to_tensor(fit(_opened(STYLES / f"{name}.jpg"), side))

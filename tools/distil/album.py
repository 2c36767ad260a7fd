"""Pictures to learn from: jittered crops of photographs and paintings."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

__all__ = ["HELD_OUT_PAINTINGS", "HELD_OUT_PHOTOS", "Album", "jitter", "tensors"]

# Never trained on: `bench/quality.py` judges with these.
HELD_OUT_PHOTOS = (
    "101027 108070 118020 12084 134035 145086 163062 176035 189080 207056 220075 "
    "239096 253027 271008 288024 300091 317080 351093 376043 65033"
).split()
HELD_OUT_PAINTINGS = (
    "jcjohnson_starry_night_google gordic_candy gordic_mosaic lengstrom_rain_princess "
    "lengstrom_wave naoto0804_contrast_of_forms naoto0804_sketch lengstrom_udnie"
).split()


@dataclass
class Album:
    """Pictures held in memory, cut into jittered crops."""

    pictures: list[Image.Image]

    @classmethod
    def of(cls, folder: Path, left_out: list[str]) -> "Album":
        paths = sorted(p for p in folder.iterdir() if p.suffix == ".jpg" and p.stem not in left_out)
        return cls([Image.open(p).convert("RGB") for p in paths])

    @classmethod
    def named(cls, folder: Path, names: list[str]) -> "Album":
        return cls([Image.open(folder / f"{name}.jpg").convert("RGB") for name in names])

    def crop(self, side: int, rng: random.Random) -> Image.Image:
        """A square cut at a zoom between the whole short side and twice enlarged."""
        picture = rng.choice(self.pictures)
        short = min(picture.size)
        extent = max(side / 2, min(short, short * rng.uniform(0.3, 1.05)))
        x = rng.uniform(0, picture.width - extent)
        y = rng.uniform(0, picture.height - extent)
        cut = picture.resize((side, side), Image.Resampling.BICUBIC, (x, y, x + extent, y + extent))
        return cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else cut


def tensors(images: list[Image.Image]) -> Tensor:
    """(N, 3, H, W) in 0..1 of RGB pictures of one size."""
    array = np.stack([np.asarray(image) for image in images])
    return torch.from_numpy(array).permute(0, 3, 1, 2).float() / 255


def jitter(images: Tensor, rng: random.Random) -> Tensor:
    """Vary colour, contrast, gamma and grain of (N, 3, H, W) in 0..1, a third of them each.

    A fifth lose their colours first, half of those to become drawings on white paper.
    """
    images = images.clone()
    for image in images:
        if rng.random() < 0.2:
            grey = image.mean(0, keepdim=True)
            image.copy_(drawn(grey, rng) if rng.random() < 0.5 else grey)
        if rng.random() < 0.35:
            mix = torch.eye(3) + 0.25 * torch.tensor(
                [[rng.gauss(0, 1) for _ in "rgb"] for _ in "rgb"]
            )
            image.copy_(torch.einsum("ij,jhw->ihw", mix / mix.sum(1, keepdim=True), image))
        if rng.random() < 0.35:
            image.sub_(0.5).mul_(rng.uniform(0.5, 1.6)).add_(rng.uniform(0.35, 0.65))
        if rng.random() < 0.25:
            image.clamp_(0, 1).pow_(rng.uniform(0.6, 1.7))
        if rng.random() < 0.35:
            grain = torch.randn(3, *image.shape[1:]) * rng.uniform(0.01, 0.15)
            image.add_(grain if rng.random() < 0.5 else grain.mean(0, keepdim=True))
    return images.clamp_(0, 1)


def drawn(grey: Tensor, rng: random.Random) -> Tensor:
    """A pencil drawing of (1, H, W): how much darker than around it everything is."""
    reach = rng.choice((2, 4, 8))
    padded = F.pad(grey[None], [reach] * 4, mode="reflect")
    around = F.avg_pool2d(padded, 2 * reach + 1, 1)[0]
    return (grey / around.clamp_min(0.05)).clamp(0, 1) ** rng.uniform(1, 4)

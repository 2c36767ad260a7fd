"""The teacher, and the student with a linear head a level into the teacher's features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from nst.engine.encoders import Encoder, load_features, vgg
from nst.hardware import fastest_dtype
from nst.recipe import STYLE_LAYERS

__all__ = [
    "BLOCKS",
    "CONTENT",
    "LEVELS",
    "STYLE",
    "Seen",
    "Student",
    "Teacher",
    "load_vgg19",
]

STYLE = STYLE_LAYERS
CONTENT = "relu4_2"
LEVELS = (*STYLE, CONTENT)  # of the teacher

# 27 numbers make a 3x3 patch in colour: with fewer channels than that in the first layer some
# noise would cost nothing. Each convolution has its namesake in VGG-19; deep blocks are wide, for
# there pixels are few.
BLOCKS = ((32, 24), (64, 48), (96, 80, 80, 80), (256, 224, 192, 192), (384,))

# How many directions of the teacher's features are learned.
DIRECTIONS = dict(zip(LEVELS, (48, 96, 160, 256, 256, 256), strict=True))


def mixed_precision(device: torch.device) -> torch.autocast:
    """Convolutions in bf16 where that is faster; weights, heads and losses stay in fp32."""
    dtype = fastest_dtype(device, 32)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def load_vgg19(path: Path) -> Encoder:
    """VGG-19 from a file in torchvision's layout, frozen, in fp32, padded as its student is."""
    network = load_features(vgg("vgg19", padding="picture"), load_file(path))
    return network.requires_grad_(False)


class Teacher:
    """VGG-19 in its fastest precision, its features turned to their principal directions.

    The picture is reflected at its edges, as the student's. samples: pictures (N, 3, H, W) whose
    features tell the directions; the weak ones are left out, so that the lessons cost less.
    """

    def __init__(self, path: Path, device: torch.device, samples: Tensor) -> None:
        network = load_vgg19(path).to(device, fastest_dtype(device, 256))
        self.network = network.to(memory_format=torch.channels_last)
        self.directions: dict[str, Tensor] = {}
        with torch.no_grad():
            for level, features in self.network(samples.to(device), LEVELS).items():
                x = features.float().permute(0, 2, 3, 1).flatten(0, 2)
                _, vectors = torch.linalg.eigh((x.T @ x).double())
                strongest = vectors[:, -DIRECTIONS[level] :].flip(1)
                self.directions[level] = strongest.T[:, :, None, None].to(network.dtype)

    def __call__(self, image: Tensor) -> "Seen":
        """What it sees in RGB (N, 3, H, W) in 0..1; differentiable in image."""
        found = self.network(image, LEVELS)
        features = {la: F.conv2d(found[la], self.directions[la]).float() for la in LEVELS}
        return Seen(features, {level: gram(features[level]) for level in STYLE})


class Student(nn.Module):
    """The encoder in training."""

    def __init__(self, blocks: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.encoder = Encoder("compact", blocks, "max", padding="picture")
        for conv in self.encoder.convolutions.values():
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        self.heads = nn.ParameterDict()
        for level, k in DIRECTIONS.items():
            c = blocks[int(level[4]) - 1][int(level[6]) - 1]
            self.heads[level] = nn.Parameter(torch.zeros(k, c + 1))
        # Adam's steps have a size of their own, so the heads learn targets of unit size.
        self.register_buffer("scales", torch.ones(len(LEVELS)))

    def forward(self, image: Tensor) -> "Seen":
        """What the student says the teacher's features are."""
        with mixed_precision(image.device):
            found = self.encoder(image, LEVELS)
        own = {level: found[level].float() for level in LEVELS}
        heads = {level: self.head(level) for level in LEVELS}
        # A Gram matrix is summed in the student's few channels, and lifted afterwards.
        grams = {
            level: heads[level] @ gram(with_one(own[level])) @ heads[level].T for level in STYLE
        }
        return Seen({level: lift(own[level], heads[level]) for level in LEVELS}, grams)

    def head(self, level: str) -> Tensor:
        """(K, C + 1): its last column is the bias."""
        return self.heads[level] * self.scales[LEVELS.index(level)]

    @torch.no_grad()
    def fit_heads(self, image: Tensor, truth: dict[str, Tensor]) -> None:
        """Set the scales, and the heads to the least-squares answer of the untrained network."""
        found = self.encoder(image, LEVELS)
        for i, level in enumerate(LEVELS):
            self.scales[i] = truth[level].square().mean().sqrt()
            x = found[level].permute(0, 2, 3, 1).flatten(0, 2)
            x = torch.cat([x, x.new_ones(len(x), 1)], 1).double()
            y = (truth[level] / self.scales[i]).permute(0, 2, 3, 1).flatten(0, 2).double()
            ridge = torch.eye(x.shape[1], device=x.device) * 1e-3 * (x.T @ x).diagonal().mean()
            self.heads[level].copy_(torch.linalg.solve(x.T @ x + ridge, x.T @ y).T)


@dataclass(frozen=True)
class Seen:
    """Features {level: (N, K, h, w)} and Gram matrices {level: (N, K, K)}, all fp32."""

    features: dict[str, Tensor]
    grams: dict[str, Tensor]

    @classmethod
    def joined(cls, parts: "Sequence[Seen]") -> "Seen":
        return cls(
            {la: torch.cat([part.features[la] for part in parts]) for la in LEVELS},
            {la: torch.cat([part.grams[la] for part in parts]) for la in STYLE},
        )

    def __getitem__(self, which: slice) -> "Seen":
        """Some pictures of the batch."""
        return self._each(lambda x: x[which])

    def detach(self) -> "Seen":
        return self._each(Tensor.detach)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Seen":
        return Seen(
            {level: change(x) for level, x in self.features.items()},
            {level: change(x) for level, x in self.grams.items()},
        )


def gram(features: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, C, C), the mean over positions of the outer products."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def with_one(features: Tensor) -> Tensor:
    """Append a constant channel of 1, by which a head's bias is multiplied."""
    return torch.cat([features, features.new_ones(len(features), 1, *features.shape[2:])], 1)


def lift(features: Tensor, head: Tensor) -> Tensor:
    """Apply a linear head (k, C + 1), whose last column is its bias, at every position."""
    return F.conv2d(features, head[:, :-1, None, None], head[:, -1])

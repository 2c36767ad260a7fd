"""The terms of the objective from their published equations, in float64 and differentiable."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.engine.encoders import Encoder

FACTOR = 255 * (0.229 + 0.224 + 0.225) / 3  # of features for pixels of 0..255


def features(encoder: Encoder, image: Tensor) -> Iterator[tuple[str, Tensor]]:
    """(layer, features) of a network of the encoder's weights, of pixels in 0..1."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    mean, std = (torch.tensor(x, dtype=torch.float64).view(1, 3, 1, 1) for x in (mean, std))
    x = (image.double() - mean) / std
    pool = F.avg_pool2d if encoder.pooling == "average" else F.max_pool2d
    for name, conv in encoder.convolutions.items():
        if name.endswith("_1") and name != "conv1_1":
            x = pool(x, 2)
        x = F.conv2d(x, conv.weight.double(), conv.bias.double(), padding=1)
        yield name, x
        x = x.clamp_min(0)
        yield name.replace("conv", "relu"), x


def flat(features: Tensor, projection: Tensor | None = None) -> Tensor:
    """Gatys' F: (C, positions), carried into the space of a projection if there is one."""
    f = features[0].double().flatten(1)
    if projection is None:
        return f
    return projection.double() @ torch.cat([f, torch.ones_like(f[:1])])


def saliency(p: Tensor, width: int) -> Tensor:
    """(positions): distance from the mean over 5 x 5 over its root mean square, in 0.55 .. 2."""
    far = (p - p.mean(1, keepdim=True)).square().sum(0).unflatten(0, (-1, width))
    seen = torch.ones_like(far)
    far, seen = (F.avg_pool2d(F.pad(x, (2, 2, 2, 2))[None], 5, 1).flatten() for x in (far, seen))
    found = (far / seen / (far / seen).mean()).sqrt().clamp(0.55, 2)
    return found / found.mean()


def content_loss(form: str, f: Tensor, p: Tensor, channels: int, width: int) -> Tensor:
    """channels: the published layer's, whatever its features are projected to. width: positions."""
    squares, entries = (f - p).square().sum(), channels * p.shape[1]
    salient = ((f - p).square() * saliency(p, width)).sum()
    return {
        "half-sum": squares / 2,  # Gatys et al. 2016, eq. 1
        "quarter-mean": squares / (4 * entries),
        "mean": squares / entries,
        "normalised": salient / p.square().sum(),
    }[form]


def gram(f: Tensor, guide: Tensor | None = None) -> Tensor:
    """Mean outer product; guided: F_r = T_r o F, T_r's squares sum to 1 (Gatys et al. 2017, 5)."""
    t = torch.ones_like(f[0]) if guide is None else guide.double().flatten()
    guided = f * (t / t.norm())
    return guided @ guided.T


def style_loss(form: str, g: Tensor, target: Tensor, channels: int) -> Tensor:
    """Gatys et al. 2016, eq. 4, of means over the positions of each."""
    squares = (g - target).square().sum()
    return squares / (target.square().sum() if form == "normalised" else 4 * channels**2)


def patch_moments(picture: Tensor, guide: Tensor | None = None) -> Tensor:
    """(28, 28): the mean outer product of (3x3 patch, 1), weighted by the guide at its centre."""
    u = F.unfold(picture.double(), 3)[0].unflatten(0, (3, 9)).transpose(0, 1).flatten(0, 1)
    u = torch.cat([u, torch.ones_like(u[:1])])
    return gram(u, None if guide is None else guide[..., 1:-1, 1:-1])


def local_loss(found: Tensor, target: Tensor) -> Tensor:
    """|W (P - P*) W|^2 / 28 of the moments of patches about black."""
    values, vectors = torch.linalg.eigh(target)
    floored = values.clamp_min(1e-4 * target.trace() / 28)
    root = vectors @ torch.diag(floored**-0.5) @ vectors.T
    return (root @ (found - target) @ root).square().sum() / 28


def total_variation(picture: Tensor, form: str) -> Tensor:
    right, down = (picture.diff(dim=dim).square() for dim in (3, 2))
    return right.mean() + down.mean() if form == "mean" else right.sum() + down.sum()

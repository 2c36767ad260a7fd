"""What the student is taught: features, Gram matrices, and the gradients that painting follows."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tools.distil.networks import CONTENT, LEVELS, STYLE, Seen

__all__ = [
    "alike",
    "distances",
    "feature_lesson",
    "gram_lesson",
    "local_distance",
    "objective",
]

# What is wrong with a painting is above all in its deep levels, so those count more.
WEIGHTS = {"relu4_1": 1.5, "relu5_1": 2.0}
FLOOR = 1e-4  # of the mean variance: what whitening may enlarge


def variance(features: Tensor) -> Tensor:
    """Mean squared distance of features from their own mean, over every second row and column."""
    return features[..., ::2, ::2].transpose(0, 1).flatten(1).var(1, correction=0).mean()


def error(said: Tensor, truth: Tensor) -> Tensor:
    """Squared error over variance, of which a batch may have none: the teacher saw nothing."""
    return F.mse_loss(said, truth) / variance(truth).clamp_min(1e-6)


def feature_lesson(said: Seen, truth: Seen) -> Tensor:
    """Squared error over variance, summed over the levels."""
    terms = [
        WEIGHTS.get(level, 1.0) * error(said.features[level], truth.features[level])
        for level in LEVELS
    ]
    return torch.stack(terms).sum()


def gram_lesson(said: Seen, truth: Seen) -> Tensor:
    """Energies of what is wrong with Gram matrices."""
    terms = [
        WEIGHTS.get(level, 1.0)
        * relative(said.grams[level] - truth.grams[level], truth.grams[level])
        for level in STYLE
    ]
    return torch.stack(terms).sum()


def relative(difference: Tensor, reference: Tensor) -> Tensor:
    """Energy of each difference over that of its reference, averaged over the batch.

    Outliers count less: a flat crop has next to no energy of its own.
    """
    energy = difference.square().sum((1, 2)) / reference.square().sum((1, 2)).clamp_min(1e-6)
    return torch.log1p(energy).mean()


def distances(canvas: Seen, style: Seen, photo: Seen) -> dict[str, Tensor]:
    """{level: (N,)}: each term of a painting's objective, over the energy of its target."""
    terms = {}
    for level in STYLE:
        goal = style.grams[level].detach()
        energy = (canvas.grams[level] - goal).square().sum((1, 2))
        terms[level] = energy / goal.square().sum((1, 2)).clamp_min(1e-8)
    goal = photo.features[CONTENT].detach()
    energy = (canvas.features[CONTENT] - goal).square().sum((1, 2, 3))
    terms[CONTENT] = energy / goal.square().sum((1, 2, 3)).clamp_min(1e-8)
    return terms


def objective(terms: dict[str, Tensor], strength: Tensor) -> Tensor:
    """(N,): what a painting is judged by, all terms together."""
    return terms[CONTENT] + strength * torch.stack([terms[level] for level in STYLE]).mean(0)


def alike(gradient: Tensor, truth: Tensor) -> Tensor:
    """(N,): cosine of two gradients (N, 3, H, W), the mean of three octaves of them."""
    cosines = [
        F.cosine_similarity(
            F.avg_pool2d(gradient, size).flatten(1), F.avg_pool2d(truth, size).flatten(1), eps=1e-12
        )
        for size in (1, 2, 4)
    ]
    return torch.stack(cosines).mean(0)


def patch_moments(picture: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 28, 28): the mean outer product of 3x3 patches and a constant 1."""
    patches = F.unfold(picture, 3)
    patches = torch.cat([patches, patches.new_ones(len(patches), 1, patches.shape[2])], 1)
    return patches @ patches.transpose(1, 2) / patches.shape[2]


def local_distance(picture: Tensor, style: Tensor) -> Tensor:
    """(N,): the local statistics of the default recipe, over three octaves."""
    total = picture.new_zeros(len(picture))
    for octave in range(3):
        with torch.no_grad():
            target = patch_moments(F.avg_pool2d(style, 2**octave))
            values, vectors = torch.linalg.eigh(target)
            floor = FLOOR * target.diagonal(dim1=1, dim2=2).mean(1, keepdim=True)
            root = (vectors * values.maximum(floor).rsqrt()[:, None]) @ vectors.transpose(1, 2)
        gap = root @ (patch_moments(F.avg_pool2d(picture, 2**octave)) - target) @ root
        total = total + gap.square().sum((1, 2)) / 28 / 3
    return total

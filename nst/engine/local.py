"""Local statistics: the second moments of a picture's 3x3 patches, at several octaves.

They see what both encoders miss: grain, ripples, specks. The family is that of Heeger and Bergen
1995, and Portilla and Simoncelli 2000.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.engine.losses import positions

GREY = 0.5  # subtracted from patches, so that their sums in fp32 keep more of the differences

PATCH = [(row, column) for row in range(3) for column in range(3)]
# Patches at a time: in a processor's cache, or what a GPU is busy with in 120 MB.
STRIP, GPU_STRIP = 2**15, 2**20


class LocalLoss:
    """Whitened distance of 3x3 patches' second moments from the style's: |W (P - P*) W|^2 / 28.

    W, the inverse root of P*, makes all 27 directions of a patch count alike: each frequency of
    each colour must have the energy that it has in the style, however faint, so speckle cannot
    hide.
    target: (28, 28), the mean of what the style's `patch_sum` summed. The eigenvalues of P* count
    as no less than 1e-4 of its mean diagonal: below lies the rounding of 8-bit pictures.
    weight: of the term.
    """

    def __init__(self, target: Tensor, weight: float = 1.0) -> None:
        self.target, self.weight = target, weight
        exact = target.cpu().double()  # not every device has float64, or eigenvalues
        about_black = torch.eye(28, dtype=torch.float64)
        about_black[:-1, -1] = GREY
        exact = about_black @ exact @ about_black.T
        values, vectors = torch.linalg.eigh(exact)
        floored = values.clamp_min(1e-4 * exact.diagonal().mean())
        whitening = vectors * floored.rsqrt() @ vectors.T
        self.whitening = (whitening @ about_black).to(target)

    def __call__(self, outer: Tensor, share: float = 1.0) -> tuple[Tensor, Tensor]:
        """A share of the loss of a picture with this `patch_sum`, and the sum's gradient."""
        w = self.whitening
        difference = w @ (outer / positions(outer) - self.target) @ w.T
        pulled = self.weight * share / len(difference) * (2 * difference)
        gradient = w.T @ (pulled @ w) / positions(outer)
        return self.weight * share * (difference.square().sum() / len(difference)), gradient


def octaves(picture: Tensor, count: int) -> list[Tensor]:
    """(N, C, H, W) and its halvings by averaging, up to `count`, as long as a 3x3 patch fits."""
    found: list[Tensor] = []
    while len(found) < count and min(picture.shape[2:]) >= 3:
        found.append(picture)
        picture = F.avg_pool2d(picture, 2)
    return found


def patch_sum(picture: Tensor, guide: Tensor | None = None) -> Tensor:
    """Sum over all 3x3 patches of the outer product of their 27 numbers less GREY and a 1.

    picture: (1, 3, H, W), each side at least 3. Returns (28, 28). guide: (1, 1, H, W), by whose
    value at its centre each patch and its 1 are multiplied first, as in `losses.outer_sum`.
    """
    total = picture.new_zeros(28, 28)
    for _, patches, weights in _strips(picture, guide):
        if weights is not None:
            patches *= weights
        total.addmm_(patches, patches.T)
    return total


def patch_gradient(picture: Tensor, gradient: Tensor, guide: Tensor | None = None) -> Tensor:
    """The picture's gradient from that of its `patch_sum`."""
    both = (gradient + gradient.T)[:-1]
    found = torch.zeros_like(picture)
    width = picture.shape[3] - 2
    for top, patches, weights in _strips(picture, guide):
        if weights is not None:
            patches *= weights.square()
        parts = (both @ patches).view(9, 3, -1, width)
        for part, (row, column) in zip(parts, PATCH, strict=True):
            rows = slice(top + row, top + row + part.shape[1])
            found[0, :, rows, column : column + width] += part
    return found


def _strips(picture: Tensor, guide: Tensor | None) -> Iterator[tuple[int, Tensor, Tensor | None]]:
    """(first row, patches with a 1 below (28, n), guide at their centres (n,)), downwards.

    All patches of a picture in memory would take 27 times its own.
    """
    height, width = picture.shape[2] - 2, picture.shape[3] - 2
    tall = max(1, (STRIP if picture.device.type == "cpu" else GPU_STRIP) // width)
    for top in range(0, height, tall):
        rows = min(tall, height - top)
        patches = picture.new_ones(28, rows, width)
        for k, (row, column) in enumerate(PATCH):
            there = slice(top + row, top + row + rows), slice(column, column + width)
            torch.sub(picture[(0, slice(None), *there)], GREY, out=patches[3 * k : 3 * k + 3])
        weights = None if guide is None else guide[0, 0, top + 1 : top + 1 + rows, 1:-1].reshape(-1)
        yield top, patches.view(28, -1), weights

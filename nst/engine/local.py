"""Local statistics: the second moments of a picture's 3x3 patches, at several octaves.

They see what both encoders miss: grain, ripples, specks. The family is that of Heeger and Bergen
1995, and Portilla and Simoncelli 2000.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = 0.5  # subtracted from patches, so that their sums in fp32 keep more of the differences

# Patches at a time: in a processor's cache, or what a GPU is busy with in 120 MB. As many as KEPT
# are not made twice.
STRIP, GPU_STRIP, KEPT = 2**14, 2**20, 2**18


class LocalLoss:
    """Whitened distance of 3x3 patches' second moments from the style's: |W (P - P*) W|^2 / 28.

    W, the inverse root of P*, makes all 27 directions of a patch count alike: each frequency of
    each colour must have the energy that it has in the style, however faint, so speckle cannot
    hide.
    target: the `moments` (28, 28) of the style. The eigenvalues of P* count as no less than 1e-4
    of its mean diagonal: below lies the rounding of 8-bit pictures. weight: of the term.
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

    def __call__(
        self, picture: Tensor, guide: Tensor | None = None, share: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """A share of the loss of a picture (1, 3, H, W), and the picture's gradient."""
        strips = Strips(picture, guide)
        w, total = self.whitening, strips.total()
        difference = w @ (total / total[-1, -1].clamp_min(1e-8) - self.target) @ w.T
        pulled = self.weight * share / len(difference) * (2 * difference)
        slope = w.T @ (pulled @ w) / total[-1, -1].clamp_min(1e-8)
        loss = self.weight * share * (difference.square().sum() / len(difference))
        return loss, strips.gradient((slope + slope.T)[:-1])


def moments(picture: Tensor) -> Tensor:
    """(28, 28): the mean outer product of 3x3 patches' 27 numbers less GREY and a 1."""
    total = Strips(picture).total()
    return total / total[-1, -1]


def octaves(picture: Tensor, count: int) -> list[Tensor]:
    """(N, C, H, W) and its halvings by averaging, up to `count`, as long as a 3x3 patch fits."""
    found: list[Tensor] = []
    while len(found) < count and min(picture.shape[2:]) >= 3:
        found.append(picture)
        picture = F.avg_pool2d(picture, 2)
    return found


class Strips:
    """All 3x3 patches of a picture (1, 3, H, W), each side at least 3, some rows at a time.

    guide: (1, 1, H, W), by whose value at its centre each patch and its 1 are multiplied, as in
    `losses.outer_sum`. All patches at once would take 27 times the picture's memory.
    """

    def __init__(self, picture: Tensor, guide: Tensor | None = None) -> None:
        self.picture = (picture[0] - GREY).contiguous()
        self.height, self.width = picture.shape[2] - 2, picture.shape[3] - 2
        self.guide = None if guide is None else guide[0, 0, 1:-1, 1:-1].reshape(-1)
        self.kept = list(self._made()) if self.height * self.width <= KEPT else None

    def total(self) -> Tensor:
        """(28, 28): the sum of the outer products of (patch, 1)."""
        total = self.picture.new_zeros(28, 28)
        for _, patches in self.kept or self._made():
            total.addmm_(patches, patches.T)
        return total

    def gradient(self, both: Tensor) -> Tensor:
        """The picture's gradient from that of the total, plus its transpose, as (27, 28)."""
        found = torch.zeros_like(self.picture)
        for top, patches in self.kept or self._made():
            pulled = both @ patches
            if self.guide is not None:
                pulled *= self._guides(self.guide, top, patches)
            pulled = pulled.view(3, 3, 3, -1, self.width)
            below = top + pulled.shape[3]
            for row in range(3):
                for column in range(3):
                    there = found[:, top + row : below + row, column : column + self.width]
                    there += pulled[row, column]
        return found[None]

    def _made(self) -> Iterator[tuple[int, Tensor]]:
        """(first row, patches with a 1 below (28, n), times their guide), downwards."""
        plane, line, _ = self.picture.stride()
        tall = max(1, (STRIP if self.picture.device.type == "cpu" else GPU_STRIP) // self.width)
        for top in range(0, self.height, tall):
            size = 3, 3, 3, min(tall, self.height - top), self.width
            patches = self.picture.new_ones(28, size[3] * self.width)
            windows = self.picture.as_strided(size, (line, 1, plane, line, 1), top * line)
            patches[:-1].view(size).copy_(windows)
            if self.guide is not None:
                patches *= self._guides(self.guide, top, patches)
            yield top, patches

    def _guides(self, guide: Tensor, top: int, patches: Tensor) -> Tensor:
        return guide[top * self.width :][: patches.shape[1]]

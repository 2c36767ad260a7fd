"""What a step spends its time on, differentiated by hand where that is faster."""

from collections.abc import Iterator
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

__all__ = ["GREY", "average_pool", "max_pool", "patch_sum"]

GREY = 0.5  # subtracted from patches, so that their sums in fp32 keep more of the differences

PATCH = [(row, column) for row in range(3) for column in range(3)]
# Patches at a time: in a processor's cache, or what a GPU is busy with in 120 MB.
STRIP, GPU_STRIP = 2**15, 2**20


class _AveragePool(torch.autograd.Function):
    """Backwards by repetition, four times as fast as torch's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.odd = x.shape[2] % 2, x.shape[3] % 2
        return F.avg_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, *pulls: Tensor) -> Tensor:
        spread = F.interpolate(pulls[0] / 4, scale_factor=2, mode="nearest")
        height, width = ctx.odd
        return F.pad(spread, (0, width, 0, height)) if height or width else spread


def average_pool(x: Tensor) -> Tensor:
    """2x2 averages of (N, C, H, W); an odd last row or column is left out."""
    return _AveragePool.apply(x)


def max_pool(x: Tensor) -> Tensor:
    """2x2 maxima of (N, C, H, W), found again on the way back.

    To remember which of the four it was takes eight bytes each, an eighth of what VGG-19 needs.
    """
    return cast(
        Tensor, checkpoint(F.max_pool2d, x, 2, use_reentrant=False, preserve_rng_state=False)
    )


class _PatchSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor, guide: Tensor | None) -> Tensor:
        ctx.save_for_backward(picture, guide)
        total = picture.new_zeros(28, 28)
        for _, patches, weights in _strips(picture, guide):
            if weights is not None:
                patches *= weights
            total.addmm_(patches, patches.T)
        return total

    @staticmethod
    def backward(ctx: Any, *pulls: Tensor) -> tuple[Tensor, None]:
        picture, guide = ctx.saved_tensors
        both = (pulls[0] + pulls[0].T)[:-1]
        gradient = torch.zeros_like(picture)
        width = picture.shape[3] - 2
        for top, patches, weights in _strips(picture, guide):
            if weights is not None:
                patches *= weights.square()
            found = (both @ patches).view(9, 3, -1, width)
            for part, (row, column) in zip(found, PATCH, strict=True):
                rows = slice(top + row, top + row + part.shape[1])
                gradient[0, :, rows, column : column + width] += part
        return gradient, None


def _strips(picture: Tensor, guide: Tensor | None) -> Iterator[tuple[int, Tensor, Tensor | None]]:
    """(first row, patches with a 1 below (28, n), guide at their centres (n,)), downwards."""
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


def patch_sum(picture: Tensor, guide: Tensor | None = None) -> Tensor:
    """Sum over all 3x3 patches of the outer product of their 27 numbers less GREY and a 1.

    picture: (1, 3, H, W), each side at least 3. Returns (28, 28).
    guide: (1, 1, H, W), by whose value at its centre
    each patch and its 1 are multiplied first, as features are in `losses.outer_sum`. To have all
    patches of a picture in memory takes 27 times its own, so they come in strips.
    """
    return _PatchSum.apply(picture, guide)

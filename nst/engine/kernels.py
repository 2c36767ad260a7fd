"""What a step spends its time on, differentiated by hand where that is faster.

Each of these equals a plain formula, which its test holds it to. All sums are fp32, whatever the
features are in.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "GREY",
    "average_pool",
    "gram_distance",
    "max_pool",
    "moments",
    "outer_sum",
    "patch_sum",
    "squared_distance",
    "squared_steps",
]

GREY = 0.5  # subtracted from patches, so that their sums in fp32 keep more of the differences

PATCH = [(row, column) for row in range(3) for column in range(3)]
# Positions, whose products are rounded to bf16 before their sum in fp32, are summed in so many
# chunks. Where there are few positions, all of it is fp32.
CHUNKS, FEW = 16, 1024

# Patches at a time: in a processor's cache, or what a GPU is busy with in 120 MB.
STRIP, GPU_STRIP = 2**15, 2**20


class _AveragePool(torch.autograd.Function):
    """Backwards by repetition, four times as fast as torch's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.odd = x.shape[2] % 2, x.shape[3] % 2
        return F.avg_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        spread = F.interpolate(grad_outputs[0] / 4, scale_factor=2, mode="nearest")
        height, width = ctx.odd
        return F.pad(spread, (0, width, 0, height)) if height or width else spread


def average_pool(x: Tensor) -> Tensor:
    """2x2 averages of (N, C, H, W); an odd last row or column is left out."""
    return _AveragePool.apply(x)


class _MaxPool(torch.autograd.Function):
    """Finds the maxima again on the way back.

    To remember which of the four it was takes eight bytes each, an eighth of what VGG-19 needs.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.max_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(F.max_pool2d(leaf, 2), leaf, grad_outputs[0])
        return gradient


def max_pool(x: Tensor) -> Tensor:
    """2x2 maxima of (N, C, H, W); an odd last row or column is left out."""
    return _MaxPool.apply(x)


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
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        picture, guide = ctx.saved_tensors
        both = (grad_outputs[0] + grad_outputs[0].T)[:-1]
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


def _product(x: Tensor, y: Tensor) -> Tensor:
    """x^T y of (n, C) and (n, K), as fp32; in lower precisions summed from chunks in fp32."""
    whole = len(x) // CHUNKS * CHUNKS
    if x.dtype == torch.float32 or whole < FEW:
        return x.T.float() @ y.float()
    parts = torch.bmm(
        x[:whole].view(CHUNKS, -1, x.shape[1]).transpose(1, 2),
        y[:whole].view(CHUNKS, -1, y.shape[1]),
    )
    total = parts.float().sum(0)
    return total if whole == len(x) else total.addmm_(x[whole:].T.float(), y[whole:].float())


def _sums(x: Tensor) -> Tensor:
    """(n, C) -> (C, 1), what `_product` of x with ones would be."""
    whole = len(x) // CHUNKS * CHUNKS
    if x.dtype == torch.float32 or whole < FEW:
        return x.float().sum(0)[:, None]
    parts = x[:whole].view(CHUNKS, -1, x.shape[1]).sum(1)
    return (parts.float().sum(0) + x[whole:].float().sum(0))[:, None]


class _OuterSum(torch.autograd.Function):
    """(X, g)^T (X, g) of X (n, C) and g (n, 1), summed in fp32, differentiated in X's precision.

    g is None where it is 1 everywhere. Autograd's own backward multiplies twice, by the gradient
    and by its transpose; the product is symmetric, so once is enough.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, g: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, g)
        outer = x.new_empty(x.shape[1] + 1, x.shape[1] + 1, dtype=torch.float32)
        outer[:-1, :-1] = _product(x, x)
        outer[:-1, -1:] = total = _sums(x) if g is None else _product(x, g)
        outer[-1:, :-1] = total.T
        outer[-1:, -1:] = len(x) if g is None else _product(g, g)
        return outer

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        x, g = ctx.saved_tensors
        both = (grad_outputs[0] + grad_outputs[0].T).to(x.dtype)
        square, row = both[:-1, :-1], both[-1:, :-1]
        return torch.addmm(row if g is None else g @ row, x, square), None


def outer_sum(features: Tensor, guide: Tensor | None = None) -> Tensor:
    """Sum over positions of the outer products of (features, 1): (1, C, h, w) -> (C + 1, C + 1).

    The last column holds the sum of the features, the corner the number of positions. Sums of the
    parts of a picture add up to the picture's. guide: (1, 1, h, w), by which features and the 1
    are multiplied first (Gatys et al. 2017, "Controlling perceptual factors", eq. 5).
    """
    x = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    if guide is None:
        return _OuterSum.apply(x, None)
    g = guide.reshape(-1, 1).to(x.dtype)
    return _OuterSum.apply(x * g, g)


def _positions(outer: Tensor) -> Tensor:
    return outer[-1, -1].clamp_min(1e-8)


def moments(outer: Tensor, projection: Tensor | None = None) -> Tensor:
    """The mean of what `outer_sum` or `patch_sum` summed, the constant's row and column with it.

    projection: (k, C + 1), by which (features, 1) are multiplied: (k, k) instead of (C + 1, C + 1).
    """
    mean = outer / _positions(outer)
    return mean if projection is None else projection @ mean @ projection.T


class _SquaredDistance(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, target: Tensor, metric: Tensor | None, factor: Tensor
    ) -> Tensor:
        difference = (features.float() - target).permute(0, 2, 3, 1)
        pulled = difference if metric is None else difference @ metric
        ctx.save_for_backward(pulled, factor)
        ctx.dtype = features.dtype
        return factor * torch.dot(difference.reshape(-1), pulled.reshape(-1))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        pulled, factor = ctx.saved_tensors
        gradient = (2 * factor * grad_outputs[0] * pulled).to(ctx.dtype)
        return gradient.permute(0, 3, 1, 2), None, None, None


def squared_distance(
    features: Tensor, target: Tensor, metric: Tensor | None, factor: Tensor
) -> Tensor:
    """factor times the sum of d M d over the positions' differences d (C), in a metric M (C, C).

    features, target: (1, C, h, w). metric: None for the identity.
    """
    return _SquaredDistance.apply(features, target, metric, factor)


class _GramDistance(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, outer: Tensor, target: Tensor, projection: Tensor | None, factor: Tensor
    ) -> Tensor:
        mean = moments(outer, projection)
        difference = (mean[:-1, :-1] if projection is None else mean) - target
        pulled = (
            F.pad(difference, (0, 1, 0, 1))
            if projection is None
            else projection.T @ difference @ projection
        )
        ctx.save_for_backward(pulled.mul_(2 * factor / _positions(outer)))
        return factor * difference.square().sum()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        (pulled,) = ctx.saved_tensors
        return grad_outputs[0] * pulled, None, None, None


def gram_distance(
    outer: Tensor, target: Tensor, projection: Tensor | None, factor: Tensor
) -> Tensor:
    """factor times |G - target|^2, G as in `losses.gram`; the number of positions is a constant."""
    return _GramDistance.apply(outer, target, projection, factor)


class _SquaredSteps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor, to_right: float, down: float) -> Tensor:
        across = picture[..., :, 1:] - picture[..., :, :-1]
        along = picture[..., 1:, :] - picture[..., :-1, :]
        ctx.save_for_backward(across, along)
        ctx.weights = to_right, down
        return to_right * _energy(across) + down * _energy(along)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        across, along = ctx.saved_tensors
        to_right, down = ctx.weights
        gradient = across.new_zeros(*along.shape[:-2], across.shape[-2], along.shape[-1])
        gradient[..., :, 1:] = across
        gradient[..., :, :-1] -= across
        if to_right != down:
            gradient *= to_right / down
        gradient[..., 1:, :] += along
        gradient[..., :-1, :] -= along
        return gradient.mul_(2 * down * grad_outputs[0]), None, None


def squared_steps(picture: Tensor, to_right: float, down: float) -> Tensor:
    """Sums of squared differences of neighbours, weighted: to the right and down."""
    return _SquaredSteps.apply(picture, to_right, down)


def _energy(difference: Tensor) -> Tensor:
    flat = difference.reshape(-1)
    return torch.dot(flat, flat)

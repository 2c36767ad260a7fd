"""The terms of the objective, each with its gradient: content, Gram style, total variation.

Every published form of the first two is a squared distance times a factor that does not depend on
the picture, so a form is that factor. What a term is called with, it returns its gradient of; all
is differentiated by hand, which is faster than autograd. Sums are fp32 whatever the features are
in. Local statistics are in `nst.engine.local`.
"""

from typing import Generic, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

Number = TypeVar("Number", Tensor, float)

# Positions, whose products are rounded to bf16 before their sum in fp32, are summed in so many
# chunks. Where there are few positions, all of it is fp32.
CHUNKS, FEW = 16, 1024

SALIENT = (0.55, 2.0)  # bounds of what a position of the photo counts
AROUND = 5  # positions to a side that are taken together for that


class Losses(NamedTuple, Generic[Number]):
    """The weighted terms and their sum."""

    content: Number
    style: Number
    local: Number
    tv: Number
    total: Number


class ContentLoss:
    """Squared distance of one layer's features from the photo's, times its form's factor.

    normalised: over the energy of the target, positions weighed by `saliency` (this project's).
    half-sum: 1/2 (Gatys et al. 2016, eq. 1). quarter-mean: over 4 C H W. mean: over C H W.
    target: (1, C, h, w). channels: C of the formula. scale: by which features are multiplied first.
    projection: (k, C + 1) or None, in whose space the distance is taken; its bias cancels.
    weight: of the term.
    """

    def __init__(
        self,
        target: Tensor,
        form: str,
        channels: int,
        scale: float = 1.0,
        projection: Tensor | None = None,
        weight: float = 1.0,
    ) -> None:
        self.target, self.weight = target, weight
        self.metric: Tensor | None = None
        self.salient: Tensor | None = None
        projected = target.float()
        if projection is not None:
            linear, bias = projection[:, :-1], projection[:, -1]
            self.metric = linear.T @ linear
            projected = F.conv2d(projected, linear[:, :, None, None], bias)
        entries = channels * target.shape[2] * target.shape[3]
        factors = {"half-sum": 0.5, "quarter-mean": 0.25 / entries, "mean": 1 / entries}
        if form == "normalised":
            self.factor = 1 / projected.square().sum().clamp_min(1e-8)
            self.salient = saliency(projected)
        else:
            self.factor = torch.tensor(scale**2 * factors[form], device=target.device)

    def __call__(
        self, features: Tensor, rows: slice = slice(None), columns: slice = slice(None)
    ) -> tuple[Tensor, Tensor]:
        """The loss, or the share of it that the target's rows and columns contribute."""
        target = self.target[:, :, rows, columns]
        difference = (features.float() - target).permute(0, 2, 3, 1)
        pulled = difference if self.metric is None else difference @ self.metric
        if self.salient is not None:
            pulled = pulled * self.salient[0, 0, rows, columns, None]
        loss = self.weight * self.factor * torch.dot(difference.reshape(-1), pulled.reshape(-1))
        gradient = (2 * self.factor * self.weight * pulled).to(features.dtype)
        return loss, gradient.permute(0, 3, 1, 2)


def saliency(features: Tensor) -> Tensor:
    """How much each position of a photo counts, (1, 1, h, w) with mean 1, of (1, C, h, w).

    It grows with the distance from the photo's mean features: most of a photo is ground, so a face
    or whatever else is rare in it keeps its features, and the ground is painted freely.
    """
    far = (features - features.mean((2, 3), keepdim=True)).square().sum(1, keepdim=True)
    far = F.avg_pool2d(far, AROUND, 1, AROUND // 2, count_include_pad=False)
    found = (far / far.mean().clamp_min(1e-8)).sqrt().clamp(*SALIENT)
    return found / found.mean()


class StyleLoss:
    """Squared distance of one layer's Gram matrix from the style's, times its form's factor.

    normalised: over the energy of the target (this project's). gatys: over 4 C^2 (Gatys et al.
    2016, eq. 4, its (H W)^2 being in the Gram matrices already, so that photo and style may
    differ in size).
    target: (C + 1, C + 1), the style's `mean_outer`. channels: C of the formula. scale: by which
    features are multiplied first. projection: (k, C + 1) or None, by which (features, 1) are
    multiplied before Gram matrices are compared; None: features are compared. weight: of the term.
    """

    def __init__(
        self,
        target: Tensor,
        form: str,
        channels: int,
        scale: float = 1.0,
        projection: Tensor | None = None,
        weight: float = 1.0,
    ) -> None:
        self.target, self.weight = target, weight
        self.metric = None if projection is None else projection.T @ projection
        if form == "normalised":
            self.factor = 1 / (target * self._pulled(target)).sum().clamp_min(1e-8)
        else:
            self.factor = torch.tensor(scale**4 / (4 * channels**2), device=target.device)

    def __call__(self, outer: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a picture whose features have this `outer_sum`, and the sum's gradient."""
        difference = mean_outer(outer) - self.target
        pulled = self._pulled(difference)
        loss = self.weight * self.factor * (difference * pulled).sum()
        return loss, self.weight * pulled.mul_(2 * self.factor / positions(outer))

    def _pulled(self, difference: Tensor) -> Tensor:
        """P^T (P D P^T) P, whose product with D is the squared distance |P D P^T|^2."""
        if self.metric is None:
            return F.pad(difference[:-1, :-1], (0, 1, 0, 1))
        return self.metric @ difference @ self.metric


def mean_outer(outer: Tensor) -> Tensor:
    """From `outer_sum`: all but the last row and column are the Gram matrix as a mean over
    positions (Gatys et al. 2016, eq. 3, over M)."""
    return outer / positions(outer)


def positions(outer: Tensor) -> Tensor:
    """How many positions an `outer_sum` is of, or the sum of their guide's squares."""
    return outer[-1, -1].clamp_min(1e-8)


def outer_sum(features: Tensor, guide: Tensor | None = None) -> Tensor:
    """Sum over positions of the outer products of (features, 1): (1, C, h, w) -> (C + 1, C + 1).

    The last column holds the sum of the features, the corner the number of positions. Sums of the
    parts of a picture add up to the picture's. guide: (1, 1, h, w), by which features and the 1
    are multiplied first (Gatys et al. 2017, "Controlling perceptual factors", eq. 5).
    """
    x, g = _guided(features, guide)
    outer = x.new_empty(x.shape[1] + 1, x.shape[1] + 1, dtype=torch.float32)
    outer[:-1, :-1] = _product(x, x)
    outer[:-1, -1:] = total = _sums(x) if g is None else _product(x, g)
    outer[-1:, :-1] = total.T
    outer[-1:, -1:] = len(x) if g is None else _product(g, g)
    return outer


def outer_gradient(features: Tensor, gradient: Tensor, guide: Tensor | None = None) -> Tensor:
    """The features' gradient, in their precision, from that of their `outer_sum`."""
    x, g = _guided(features, guide)
    both = (gradient + gradient.T).to(x.dtype)
    square, row = both[:-1, :-1], both[-1:, :-1]
    found = torch.addmm(row, x, square) if g is None else torch.addmm(g @ row, x, square) * g
    height, width = features.shape[2:]
    return found.view(1, height, width, -1).permute(0, 3, 1, 2)


def _guided(features: Tensor, guide: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Features as (positions, C), times the guide (positions, 1) where there is one."""
    x = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    if guide is None:
        return x, None
    g = guide.reshape(-1, 1).to(x.dtype)
    return x * g, g


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


def total_variation(
    picture: Tensor, form: str = "sum", scale: float = 1.0, weight: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Squared differences of neighbours, right and down, of (1, 3, H, W); their sum or mean.

    scale: by which the picture is multiplied first (255 for formulas on that range). weight: of
    the term. Returns the loss and the picture's gradient.
    """
    across = picture[..., :, 1:] - picture[..., :, :-1]
    along = picture[..., 1:, :] - picture[..., :-1, :]
    right, down = (
        scale**2 / (1 if form == "sum" else difference.numel()) for difference in (across, along)
    )
    gradient = torch.zeros_like(picture)
    gradient[..., :, 1:] = across
    gradient[..., :, :-1] -= across
    if right != down:
        gradient *= right / down
    gradient[..., 1:, :] += along
    gradient[..., :-1, :] -= along
    loss = right * across.square().sum() + down * along.square().sum()
    return weight * loss, gradient.mul_(2 * down * weight)

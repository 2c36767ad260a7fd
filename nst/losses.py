"""The three terms of the objective: content, Gram style, total variation.

Every published form of the first two is a squared distance times a factor that does not depend
on the picture, so a form is that factor. All sums are fp32 whatever the features are in.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["ContentLoss", "StyleLoss", "gram", "outer_sum", "total_variation"]


CHUNKS = 16  # of positions, whose products are rounded to bf16 before their sum in fp32


def _product(x: Tensor, y: Tensor) -> Tensor:
    """x^T y of (n, C) and (n, K), as fp32; in lower precisions summed from chunks in fp32."""
    if x.dtype == torch.float32:
        return x.T @ y
    whole = len(x) // CHUNKS * CHUNKS
    parts = torch.bmm(
        x[:whole].view(CHUNKS, -1, x.shape[1]).transpose(1, 2),
        y[:whole].view(CHUNKS, -1, y.shape[1]),
    )
    return parts.float().sum(0) + x[whole:].float().T @ y[whole:].float()


class _OuterSum(torch.autograd.Function):
    """X^T X and X^T g of X (n, C) and g (n, 1), summed in fp32, differentiated in X's precision.

    Autograd's own backward multiplies twice, by the gradient and by its transpose; the product is
    symmetric, so once is enough.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, g)
        return _product(x, x), _product(x, g)

    @staticmethod
    def backward(ctx: Any, *pulls: Tensor) -> tuple[Tensor, None]:
        x, g = ctx.saved_tensors
        outer, total = pulls
        symmetric = (outer + outer.T).to(x.dtype)
        return (g @ total.T.to(x.dtype)).addmm_(x, symmetric), None


def outer_sum(features: Tensor, guide: Tensor | None = None) -> Tensor:
    """Sum over positions of the outer products of (features, 1): (1, C, h, w) -> (C + 1, C + 1).

    The last column holds the sum of the features, the corner the number of positions. Sums of the
    parts of a picture add up to the picture's. guide: (1, 1, h, w), by which features and the 1
    are multiplied first (Gatys et al. 2017, "Controlling perceptual factors", eq. 5).
    """
    x = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    g = x.new_ones(len(x), 1) if guide is None else guide.reshape(-1, 1).to(x.dtype)
    outer, total = _OuterSum.apply(x if guide is None else x * g, g)
    corner = _product(g, g)
    return torch.cat([torch.cat([outer, total], 1), torch.cat([total.T, corner], 1)])


def gram(outer: Tensor, lift: Tensor | None = None) -> Tensor:
    """Gram matrix as a mean over positions, from `outer_sum` (Gatys et al. 2016, eq. 3, over M).

    lift: (k, C + 1), by which (features, 1) are multiplied; without it the features as they are.
    """
    mean = outer / outer[-1, -1].clamp_min(1e-8)
    return mean[:-1, :-1] if lift is None else lift @ mean @ lift.T


class ContentLoss:
    """Squared distance of one layer's features from the photo's, times its form's factor.

    normalised: over the energy of the target (this project's). half-sum: 1/2 (Gatys et al. 2016,
    eq. 1). quarter-mean: over 4 C H W. mean: over C H W.
    target: (1, C, h, w). lift: (k, C + 1) or None. scale: by which features are multiplied first.
    """

    def __init__(
        self, target: Tensor, form: str, scale: float = 1.0, lift: Tensor | None = None
    ) -> None:
        self.target = target.float()
        self.lift = lift
        lifted = self._lifted(self.target)
        if lift is not None:
            lifted = lifted + lift[:, -1, None, None]
        entries = lifted.numel()
        factors = {"half-sum": 0.5, "quarter-mean": 0.25 / entries, "mean": 1 / entries}
        if form == "normalised":
            self.factor = 1 / lifted.square().sum().clamp_min(1e-8)
        else:
            self.factor = torch.tensor(scale**2 * factors[form], device=target.device)

    def _lifted(self, difference: Tensor) -> Tensor:
        # A lift's bias cancels in a difference.
        if self.lift is None:
            return difference
        return F.conv2d(difference, self.lift[:, :-1, None, None])

    def __call__(self, features: Tensor, rows: slice = slice(None), columns: slice = slice(None)):
        """The loss, or the share of it that the target's rows and columns contribute."""
        target = self.target[:, :, rows, columns]
        return self.factor * self._lifted(features.float() - target).square().sum()


class StyleLoss:
    """Squared distance of one layer's Gram matrix from the style's, times its form's factor.

    normalised: over the energy of the target (this project's). gatys: over 4 C^2 (Gatys et al.
    2016, eq. 4, its (H W)^2 being in the Gram matrices already, so that photo and style may
    differ in size).
    target: (k, k). channels: C of the formula. scale: by which features are multiplied first.
    """

    def __init__(
        self,
        target: Tensor,
        form: str,
        channels: int,
        scale: float = 1.0,
        lift: Tensor | None = None,
    ) -> None:
        self.target, self.lift = target, lift
        if form == "normalised":
            self.factor = 1 / target.square().sum().clamp_min(1e-8)
        else:
            self.factor = torch.tensor(scale**4 / (4 * channels**2), device=target.device)

    def __call__(self, outer: Tensor) -> Tensor:
        """The loss of a picture whose features have this `outer_sum`."""
        return self.factor * (gram(outer, self.lift) - self.target).square().sum()


def total_variation(picture: Tensor, form: str = "sum", scale: float = 1.0) -> Tensor:
    """Squared differences of neighbours, right and down, of (1, 3, H, W); their sum or mean.

    scale: by which the picture is multiplied first (255 for formulas on that range).
    """
    right = (picture[..., :, 1:] - picture[..., :, :-1]).square()
    down = (picture[..., 1:, :] - picture[..., :-1, :]).square()
    if form == "mean":
        return scale**2 * (right.mean() + down.mean())
    return scale**2 * (right.sum() + down.sum())

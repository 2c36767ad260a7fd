"""The three terms of the objective: content, Gram style, total variation.

Every published form of the first two is a squared distance times a factor that does not depend
on the picture, so a form is that factor. All sums are fp32 whatever the features are in.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["ContentLoss", "StyleLoss", "gram", "outer_sum", "total_variation"]


def outer_sum(features: Tensor, guide: Tensor | None = None) -> Tensor:
    """Sum over positions of the outer products of (features, 1): (1, C, h, w) -> (C + 1, C + 1).

    The last column holds the sum of the features, the corner the number of positions. Sums of the
    parts of a picture add up to the picture's. guide: (1, 1, h, w), by which features and the 1
    are multiplied first (Gatys et al. 2017, "Controlling perceptual factors", eq. 5).
    """
    flat = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1]).float()
    if guide is None:
        ones = flat.new_ones(flat.shape[0], 1)
    else:
        ones = guide.reshape(-1, 1)
        flat = flat * ones
    total = flat.T @ ones
    corner = ones.T @ ones
    return torch.cat([torch.cat([flat.T @ flat, total], 1), torch.cat([total.T, corner], 1)])


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

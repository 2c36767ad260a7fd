"""The terms of the objective: content, Gram style, local statistics, total variation.

Every published form of the first two is a squared distance times a factor that does not depend
on the picture, so a form is that factor. What takes time is in `kernels`, with its gradient.
"""

from typing import Generic, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.engine.kernels import (
    GREY,
    average_pool,
    gram_distance,
    moments,
    squared_distance,
    squared_steps,
)

__all__ = [
    "ContentLoss",
    "LocalLoss",
    "Losses",
    "StyleLoss",
    "gram",
    "octaves",
    "total_variation",
]

Number = TypeVar("Number", Tensor, float)


class Losses(NamedTuple, Generic[Number]):
    """The weighted terms and their sum."""

    content: Number
    style: Number
    local: Number
    tv: Number
    total: Number


def gram(outer: Tensor, projection: Tensor | None = None) -> Tensor:
    """Gram matrix as a mean over positions, from `outer_sum` (Gatys et al. 2016, eq. 3, over M).

    projection: (k, C + 1), by which (features, 1) are multiplied; without it they stay.
    """
    return moments(outer)[:-1, :-1] if projection is None else moments(outer, projection)


class ContentLoss:
    """Squared distance of one layer's features from the photo's, times its form's factor.

    normalised: over the energy of the target (this project's). half-sum: 1/2 (Gatys et al. 2016,
    eq. 1). quarter-mean: over 4 C H W. mean: over C H W.
    target: (1, C, h, w). channels: C of the formula. scale: by which features are multiplied first.
    projection: (k, C + 1) or None, in whose space the distance is taken; its bias cancels.
    """

    def __init__(
        self,
        target: Tensor,
        form: str,
        channels: int,
        scale: float = 1.0,
        projection: Tensor | None = None,
    ) -> None:
        self.target = target.float()
        self.metric: Tensor | None = None
        projected = self.target
        if projection is not None:
            linear, bias = projection[:, :-1], projection[:, -1]
            self.metric = linear.T @ linear
            projected = F.conv2d(self.target, linear[:, :, None, None], bias)
        entries = channels * target.shape[2] * target.shape[3]
        factors = {"half-sum": 0.5, "quarter-mean": 0.25 / entries, "mean": 1 / entries}
        if form == "normalised":
            self.factor = 1 / projected.square().sum().clamp_min(1e-8)
        else:
            self.factor = torch.tensor(scale**2 * factors[form], device=target.device)

    def __call__(
        self, features: Tensor, rows: slice = slice(None), columns: slice = slice(None)
    ) -> Tensor:
        """The loss, or the share of it that the target's rows and columns contribute."""
        target = self.target[:, :, rows, columns]
        return squared_distance(features, target, self.metric, self.factor)


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
        projection: Tensor | None = None,
    ) -> None:
        self.target, self.projection = target, projection
        if form == "normalised":
            self.factor = 1 / target.square().sum().clamp_min(1e-8)
        else:
            self.factor = torch.tensor(scale**4 / (4 * channels**2), device=target.device)

    def __call__(self, outer: Tensor) -> Tensor:
        """The loss of a picture whose features have this `outer_sum`."""
        return gram_distance(outer, self.target, self.projection, self.factor)


def octaves(picture: Tensor, count: int) -> list[Tensor]:
    """(1, C, H, W) and its halvings by averaging, up to `count`, as long as a 3x3 patch fits."""
    found: list[Tensor] = []
    while len(found) < count and min(picture.shape[2:]) >= 3:
        found.append(picture)
        picture = average_pool(picture)
    return found


class LocalLoss:
    """Whitened distance of 3x3 patches' second moments from the style's: |W (P - P*) W|^2 / 28.

    W, the inverse root of P*, makes all 27 directions of a patch count alike: each frequency of
    each colour must have the energy that it has in the style, however faint, so speckle cannot
    hide. The family is that of Heeger and Bergen 1995, and Portilla and Simoncelli 2000.
    target: the `moments` (28, 28) of the style's `patch_sum`. The eigenvalues of P* count as no
    less than 1e-4 of its mean diagonal: below lies the rounding of 8-bit pictures.
    """

    def __init__(self, target: Tensor) -> None:
        self.target = target
        exact = target.cpu().double()  # not every device has float64, or eigenvalues
        about_black = torch.eye(28, dtype=torch.float64)
        about_black[:-1, -1] = GREY
        exact = about_black @ exact @ about_black.T
        values, vectors = torch.linalg.eigh(exact)
        floored = values.clamp_min(1e-4 * exact.diagonal().mean())
        whitening = vectors * floored.rsqrt() @ vectors.T
        self.whitening = (whitening @ about_black).to(target)

    def __call__(self, outer: Tensor) -> Tensor:
        """The loss of a picture whose patches have this `patch_sum`."""
        difference = self.whitening @ (moments(outer) - self.target) @ self.whitening.T
        return difference.square().sum() / len(difference)


def total_variation(picture: Tensor, form: str = "sum", scale: float = 1.0) -> Tensor:
    """Squared differences of neighbours, right and down, of (1, 3, H, W); their sum or mean.

    scale: by which the picture is multiplied first (255 for formulas on that range).
    """
    weight = scale**2
    if form == "sum":
        return squared_steps(picture, weight, weight)
    lines, height, width = picture[..., 0, 0].numel(), picture.shape[-2], picture.shape[-1]
    across, along = lines * height * (width - 1), lines * (height - 1) * width
    return squared_steps(picture, weight / across, weight / along)

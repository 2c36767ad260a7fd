"""The terms of the objective: content, Gram style, local statistics, total variation.

Every published form of the first two is a squared distance times a factor that does not depend
on the picture, so a form is that factor. All sums are fp32 whatever the features are in.
"""

from typing import Any, Generic, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.engine.kernels import GREY, average_pool

__all__ = [
    "ContentLoss",
    "LocalLoss",
    "Losses",
    "StyleLoss",
    "gram",
    "moments",
    "octaves",
    "outer_sum",
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


# Positions, whose products are rounded to bf16 before their sum in fp32, are summed in so many
# chunks. Where there are few positions, all of it is fp32.
CHUNKS, FEW = 16, 1024


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
    def backward(ctx: Any, *pulls: Tensor) -> tuple[Tensor, None]:
        x, g = ctx.saved_tensors
        both = (pulls[0] + pulls[0].T).to(x.dtype)
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


def gram(outer: Tensor, lift: Tensor | None = None) -> Tensor:
    """Gram matrix as a mean over positions, from `outer_sum` (Gatys et al. 2016, eq. 3, over M).

    lift: (k, C + 1), by which (features, 1) are multiplied; without it the features as they are.
    """
    mean = moments(outer)
    return mean[:-1, :-1] if lift is None else lift @ mean @ lift.T


def _positions(outer: Tensor) -> Tensor:
    return outer[-1, -1].clamp_min(1e-8)


class _ContentDistance(torch.autograd.Function):
    """factor times the sum of d M d over the positions' differences d (C), in a metric M (C, C)."""

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
    def backward(ctx: Any, *pulls: Tensor) -> tuple[Tensor, None, None, None]:
        pulled, factor = ctx.saved_tensors
        gradient = (2 * factor * pulls[0] * pulled).to(ctx.dtype)
        return gradient.permute(0, 3, 1, 2), None, None, None


class ContentLoss:
    """Squared distance of one layer's features from the photo's, times its form's factor.

    normalised: over the energy of the target (this project's). half-sum: 1/2 (Gatys et al. 2016,
    eq. 1). quarter-mean: over 4 C H W. mean: over C H W.
    target: (1, C, h, w). channels: C of the formula. scale: by which features are multiplied first.
    lift: (k, C + 1) or None, in whose space the distance is taken; its bias cancels.
    """

    def __init__(
        self,
        target: Tensor,
        form: str,
        channels: int,
        scale: float = 1.0,
        lift: Tensor | None = None,
    ) -> None:
        self.target = target.float()
        self.metric: Tensor | None = None
        lifted = self.target
        if lift is not None:
            linear, bias = lift[:, :-1], lift[:, -1]
            self.metric = linear.T @ linear
            lifted = F.conv2d(self.target, linear[:, :, None, None], bias)
        entries = channels * target.shape[2] * target.shape[3]
        factors = {"half-sum": 0.5, "quarter-mean": 0.25 / entries, "mean": 1 / entries}
        if form == "normalised":
            self.factor = 1 / lifted.square().sum().clamp_min(1e-8)
        else:
            self.factor = torch.tensor(scale**2 * factors[form], device=target.device)

    def __call__(
        self, features: Tensor, rows: slice = slice(None), columns: slice = slice(None)
    ) -> Tensor:
        """The loss, or the share of it that the target's rows and columns contribute."""
        target = self.target[:, :, rows, columns]
        return _ContentDistance.apply(features, target, self.metric, self.factor)


class _StyleDistance(torch.autograd.Function):
    """factor times |gram(outer, lift) - target|^2; the number of positions is a constant."""

    @staticmethod
    def forward(
        ctx: Any, outer: Tensor, target: Tensor, lift: Tensor | None, factor: Tensor
    ) -> Tensor:
        difference = gram(outer, lift) - target
        pulled = F.pad(difference, (0, 1, 0, 1)) if lift is None else lift.T @ difference @ lift
        ctx.save_for_backward(pulled.mul_(2 * factor / _positions(outer)))
        return factor * difference.square().sum()

    @staticmethod
    def backward(ctx: Any, *pulls: Tensor) -> tuple[Tensor, None, None, None]:
        (pulled,) = ctx.saved_tensors
        return pulls[0] * pulled, None, None, None


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
        return _StyleDistance.apply(outer, self.target, self.lift, self.factor)


def octaves(picture: Tensor, count: int) -> list[Tensor]:
    """(1, C, H, W) and its halvings by averaging, up to `count`, as long as a 3x3 patch fits."""
    found: list[Tensor] = []
    while len(found) < count and min(picture.shape[2:]) >= 3:
        found.append(picture)
        picture = average_pool(picture)
    return found


def moments(outer: Tensor) -> Tensor:
    """The mean of what `patch_sum` or `outer_sum` summed, the constant's row and column with it."""
    return outer / _positions(outer)


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


class _SquaredSteps(torch.autograd.Function):
    """Sums of squared differences of neighbours, weighted: to the right and down."""

    @staticmethod
    def forward(ctx: Any, picture: Tensor, to_right: float, down: float) -> Tensor:
        across = picture[..., :, 1:] - picture[..., :, :-1]
        along = picture[..., 1:, :] - picture[..., :-1, :]
        ctx.save_for_backward(across, along)
        ctx.weights = to_right, down
        return to_right * _energy(across) + down * _energy(along)

    @staticmethod
    def backward(ctx: Any, *pulls: Tensor) -> tuple[Tensor, None, None]:
        across, along = ctx.saved_tensors
        to_right, down = ctx.weights
        gradient = across.new_zeros(*along.shape[:-2], across.shape[-2], along.shape[-1])
        gradient[..., :, 1:] = across
        gradient[..., :, :-1] -= across
        if to_right != down:
            gradient *= to_right / down
        gradient[..., 1:, :] += along
        gradient[..., :-1, :] -= along
        return gradient.mul_(2 * down * pulls[0]), None, None


def _energy(difference: Tensor) -> Tensor:
    flat = difference.reshape(-1)
    return torch.dot(flat, flat)


def total_variation(picture: Tensor, form: str = "sum", scale: float = 1.0) -> Tensor:
    """Squared differences of neighbours, right and down, of (1, 3, H, W); their sum or mean.

    scale: by which the picture is multiplied first (255 for formulas on that range).
    """
    weight = scale**2
    if form == "sum":
        return _SquaredSteps.apply(picture, weight, weight)
    lines, height, width = picture[..., 0, 0].numel(), picture.shape[-2], picture.shape[-1]
    across, along = lines * height * (width - 1), lines * (height - 1) * width
    return _SquaredSteps.apply(picture, weight / across, weight / along)

"""The picture being painted and the memory of the optimiser that paints it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from nst.recipe import Recipe

PAIRS = 10  # that L-BFGS remembers; each is two pictures large


def resize(picture: Tensor, size: Sequence[int]) -> Tensor:
    """Antialiased bicubic resize of (1, C, H, W) to (height, width)."""
    resized = transforms.resize(picture, [*size], InterpolationMode.BICUBIC, antialias=True)
    return resized if resized is picture else resized.contiguous()


@dataclass
class Canvas:
    """A picture (1, 3, H, W) with what its optimiser remembers, all fp32; Adam keeps it in 0..1.

    exp_avg, exp_avg_sq, steps: Adam's moments, and how many steps it has taken (Kingma and Ba
    2015). lbfgs: what L-BFGS knows of this picture at this size (Liu and Nocedal 1989), its
    gradients measured in `unit`; a copy begins anew.
    """

    picture: Tensor
    exp_avg: Tensor = field(default=None)  # type: ignore[assignment]
    exp_avg_sq: Tensor = field(default=None)  # type: ignore[assignment]
    steps: int = 0
    lbfgs: torch.optim.LBFGS | None = field(default=None, init=False)
    unit: Tensor = field(default=None, init=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.exp_avg is None:
            self.exp_avg = torch.zeros_like(self.picture)
            self.exp_avg_sq = torch.zeros_like(self.picture)

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.shape[2], self.picture.shape[3]

    def step(self, gradient: Tensor, rate: float, recipe: Recipe) -> None:
        """Move the picture downhill, in place."""
        if recipe.optimiser == "lbfgs":
            self._lbfgs(gradient, rate)
        else:
            self._adam(gradient, rate, recipe)

    def forget(self) -> None:
        """Begin anew from this picture."""
        self.exp_avg.zero_()
        self.exp_avg_sq.zero_()
        self.steps = 0
        self.lbfgs = None

    def _lbfgs(self, gradient: Tensor, rate: float) -> None:
        """One evaluation of the objective, one step, no line search.

        The picture may leave 0..1 on the way: a bound would break the pairs of move and change of
        gradient that the next direction is made of.
        """
        if self.lbfgs is None:
            self.lbfgs = torch.optim.LBFGS(
                [self.picture],
                max_iter=1,
                history_size=PAIRS,
                tolerance_grad=0,
                tolerance_change=0,
            )
            self.unit = gradient.abs().mean().clamp_min(1e-30)
        self.lbfgs.param_groups[0]["lr"] = rate
        # The way down does not depend on the objective's scale, but torch's thresholds do.
        self.picture.grad = (gradient / self.unit).contiguous()
        self.lbfgs.step(lambda: 0.0)  # the loss itself is for line searches
        self.picture.grad = None

    def _adam(self, gradient: Tensor, rate: float, recipe: Recipe) -> None:
        """One step, kept in 0..1; epsilon as TensorFlow and Keras have it.

        Kingma and Ba 2015, end of section 2: added before the bias is corrected. The published
        systems' 0.1 is felt in full only so; torch adds it after.
        """
        self.steps += 1
        self.exp_avg.lerp_(gradient, 1 - recipe.beta1)
        self.exp_avg_sq.mul_(recipe.beta2).addcmul_(gradient, gradient, value=1 - recipe.beta2)
        root = self.exp_avg_sq.sqrt().add_(recipe.epsilon)
        move = rate * math.sqrt(1 - recipe.beta2**self.steps) / (1 - recipe.beta1**self.steps)
        self.picture.addcdiv_(self.exp_avg, root, value=-move).clamp_(0, 1)

    def resized(self, size: Sequence[int], before: Tensor, after: Tensor) -> "Canvas":
        """The same painting at another size, with its moments.

        before, after: the photo at the old and the new size. What the photo gains in detail is
        added, so that it need not be found again by the optimiser.
        """
        if tuple(size) == self.size:
            return self
        detail = after - resize(before, size)
        # Bicubic weights below zero would leave second moments of nothing under first ones of
        # something: a step without bound, seen as a speck.
        exp_avg, exp_avg_sq = (
            transforms.resize(moment, [*size], InterpolationMode.BILINEAR, antialias=True)
            for moment in (self.exp_avg, self.exp_avg_sq)
        )
        return Canvas(
            (resize(self.picture, size) + detail).clamp_(0, 1), exp_avg, exp_avg_sq, self.steps
        )

    def copy(self, device: torch.device | None = None) -> "Canvas":
        """The same painting in memory of its own, on another device if one is named."""
        picture, exp_avg, exp_avg_sq = (
            t.to(device or t.device, copy=True)
            for t in (self.picture, self.exp_avg, self.exp_avg_sq)
        )
        return Canvas(picture, exp_avg, exp_avg_sq, self.steps)

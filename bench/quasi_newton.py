"""L-BFGS on a picture (Liu and Nocedal 1989), one evaluation a step."""

from collections import deque

from torch import Tensor

__all__ = ["QuasiNewton"]


class QuasiNewton:
    """Moves a picture by the inverse Hessian that its last moves and gradients imply.

    There is no line search: a unit step is nearly always right here, and `longest` bounds it.
    Pairs are made of where the picture really went, so clamping it to 0..1 does them no harm.
    first: mean absolute move of the first step, when nothing is known. longest: root mean square
    of any step. Both in the picture's 0..1.
    """

    def __init__(self, pairs: int = 20, first: float = 0.02, longest: float = 0.05) -> None:
        self.pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=pairs)
        self.first, self.longest = first, longest
        self.before: tuple[Tensor, Tensor] | None = None

    def step(self, picture: Tensor, gradient: Tensor) -> None:
        """Move the picture against the gradient, in place, and keep it in 0..1."""
        self._learn(picture, gradient)
        self.before = picture.clone(), gradient
        move = self._direction(gradient)
        size = move.square().mean().sqrt()
        picture.sub_(move * (self.longest / size).clamp_max(1)).clamp_(0, 1)

    def _learn(self, picture: Tensor, gradient: Tensor) -> None:
        if self.before is None:
            return
        moved, changed = picture - self.before[0], gradient - self.before[1]
        curvature = (moved * changed).sum()
        if curvature > 1e-4 * moved.norm() * changed.norm():
            self.pairs.append((moved, changed, curvature))

    def _direction(self, gradient: Tensor) -> Tensor:
        """The two loops of Nocedal and Wright, "Numerical Optimization", algorithm 7.4."""
        if not self.pairs:
            return gradient * (self.first / gradient.abs().mean().clamp_min(1e-30))
        q, shares = gradient.clone(), []
        for moved, changed, curvature in reversed(self.pairs):
            shares.append((moved * q).sum() / curvature)
            q -= shares[-1] * changed
        _, changed, curvature = self.pairs[-1]
        q *= curvature / changed.square().sum()
        for (moved, changed, curvature), share in zip(self.pairs, reversed(shares), strict=True):
            q += moved * (share - (changed * q).sum() / curvature)
        return q

"""First and second moments of colours and features, and the map that carries one to another's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    """Mean (N, k) and covariance (N, k, k) over positions."""

    mean: Tensor
    cov: Tensor

    @classmethod
    def of(cls, x: Tensor) -> "Moments":
        """Those of (N, positions, k)."""
        x = x.float()
        mean = x.mean(1)
        x = x - mean[:, None]
        return cls(mean, x.mT @ x / x.shape[1])

    @classmethod
    def joined(cls, parts: Sequence[tuple["Moments", int]]) -> "Moments":
        """Those of the whole, from those of its parts and how many positions each has."""
        total = sum(count for _, count in parts)
        mean = torch.stack([count / total * m.mean for m, count in parts]).sum(0)
        squares = [count / total * (m.cov + _outer(m.mean)) for m, count in parts]
        square = torch.stack(squares).sum(0)
        return cls(mean, square - _outer(mean))


@dataclass(frozen=True)
class StyleCode:
    """What is known of N styles: moments of colours and five levels, (N, c) of their own, and
    moments of octaves of their detail, the finest first."""

    moments: tuple[Moments, ...]
    own: Tensor
    detail: tuple[Moments, ...] = ()

    @classmethod
    def mix(cls, codes: Sequence["StyleCode"], weights: Sequence[float]) -> "StyleCode":
        """The weighted mean of codes; weights need not sum to 1."""
        shares = [weight / sum(weights) for weight in weights]

        def mean(tensors: Sequence[Tensor]) -> Tensor:
            return torch.stack([s * t for s, t in zip(shares, tensors, strict=True)]).sum(0)

        def means(found: Iterable[tuple[Moments, ...]]) -> tuple[Moments, ...]:
            pairs = zip(*found, strict=True)
            return tuple(Moments(*map(mean, zip(*pair, strict=True))) for pair in pairs)

        moments, own, detail = zip(*((c.moments, c.own, c.detail) for c in codes), strict=True)
        return cls(means(moments), mean(own), means(detail))


def carried(x: Tensor, own: Moments, aim: Moments, ridge: float) -> tuple[Tensor, Tensor]:
    """(N, positions, k) given the aim's moments, moved as little as possible; and whitened.

    The first is T x with T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2 for covariances A and B, optimal
    transport between Gaussians (Olkin and Pukelsheim 1982). ridge: the share of A's mean variance
    that is added to it, which bounds how much a faint direction is amplified.
    """
    a, b = own.cov.cpu().double(), aim.cov.cpu().double()  # not every device has eigenvalues
    variance = a.diagonal(dim1=1, dim2=2).mean(1, keepdim=True).clamp_min(1e-6)
    values, vectors = torch.linalg.eigh(a + ridge * torch.diag_embed(variance.expand_as(own.mean)))
    root, inverse = ((vectors * values[:, None] ** p) @ vectors.mT for p in (0.5, -0.5))
    values, vectors = torch.linalg.eigh(root @ b @ root)
    between = (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.mT
    transport, inverse = (m.to(x) for m in (inverse @ between @ inverse, inverse))
    centred = x - own.mean.to(x)[:, None]
    return torch.baddbmm(aim.mean.to(x)[:, None], centred, transport), torch.bmm(centred, inverse)


def _outer(x: Tensor) -> Tensor:
    return x[:, :, None] * x[:, None]

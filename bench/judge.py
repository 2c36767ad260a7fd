"""What the real VGG-19 says of a painting, by formulas of its own: nothing of the engine judges it.

C is the content distance at relu4_2 and S the mean style distance over relu1_1 .. relu5_1, each
over the energy of its target; at the painted size and at three quarters of it, for what only one
grid of pooling windows can see is no style. Noise compares the energy of every direction of 3x3
patches with the style's, which sees specks and ripples that both encoders might miss.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.engine.canvas import resize
from nst.engine.encoders import Encoder
from nst.recipe import STYLE_LAYERS

CONTENT_LAYER = "relu4_2"
SHRUNK = 0.75
FLOOR = 1e-4  # of the mean variance of a style's patches: what whitening may enlarge


class Marks(NamedTuple):
    """C and S at full size, the same at three quarters of it, and the noise figure."""

    content: float
    style: float
    content_shrunk: float
    style_shrunk: float
    noise: float


@torch.no_grad()
def mark(vgg: Encoder, picture: Tensor, photo: Tensor, style: Tensor) -> Marks:
    """Judge a painting (1, 3, H, W) of a photo of its size, in a style at the scale painted for."""
    content, manner = _distances(vgg, picture, photo, style)
    picture_, photo_, style_ = (
        resize(x, [round(side * SHRUNK) for side in x.shape[2:]]).clamp(0, 1)
        for x in (picture, photo, style)
    )
    content_, manner_ = _distances(vgg, picture_, photo_, style_)
    return Marks(content, manner, content_, manner_, noise(picture, style))


def _distances(vgg: Encoder, picture: Tensor, photo: Tensor, style: Tensor) -> tuple[float, float]:
    seen, goal = vgg(picture, {*STYLE_LAYERS, CONTENT_LAYER}), vgg(photo, {CONTENT_LAYER})
    manner = vgg(style, set(STYLE_LAYERS))
    levels = [_relative(_gram(seen[la]), _gram(manner[la])) for la in STYLE_LAYERS]
    content = _relative(seen[CONTENT_LAYER], goal[CONTENT_LAYER])
    return float(content), float(torch.stack(levels).mean())


def _gram(features: Tensor) -> Tensor:
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def _relative(found: Tensor, goal: Tensor) -> Tensor:
    return (found - goal).square().sum() / goal.square().sum()


def noise(picture: Tensor, style: Tensor) -> float:
    """Root mean square of W (P - P*) W over two octaves; 0 is the style's own local spectrum.

    P is the mean outer product of 3x3 patches and a constant 1, P* the style's, W its inverse
    square root.
    """
    squares = []
    for _ in range(2):
        ours, theirs = _patch_moments(picture), _patch_moments(style)
        values, vectors = torch.linalg.eigh(theirs)
        floor = FLOOR * float(theirs.diagonal().mean())
        whitening = (vectors * values.clamp_min(floor).rsqrt()) @ vectors.T
        squares.append((whitening @ (ours - theirs) @ whitening).square().mean())
        picture, style = F.avg_pool2d(picture, 2), F.avg_pool2d(style, 2)
    return float(torch.stack(squares).mean().sqrt())


def _patch_moments(picture: Tensor) -> Tensor:
    patches = F.unfold(picture.double(), 3)[0]
    patches = torch.cat([patches, patches.new_ones(1, patches.shape[1])])
    return patches @ patches.T / patches.shape[1]

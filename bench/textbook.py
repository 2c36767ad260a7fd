"""The textbook loop: what most people run, as PyTorch's tutorial on neural transfer describes it.

One `nn.Sequential` of VGG-19 in fp32 and its usual memory layout, with modules among the layers
that remember how far content and style are from their targets, and Adam on the picture at one
size. Written from the description; two things differ from the tutorial. It reads style from the
first convolution of each block, as Gatys et al. 2016 and this project do, where the tutorial takes
the first five convolutions; and it uses Adam, as the sources of the published recipes do, where the
tutorial takes L-BFGS.
"""

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.engine.encoders import Encoder
from nst.recipe import Recipe

CONTENT = "conv4_2"
STYLE = tuple(f"conv{block}_1" for block in range(1, 6))
STYLE_WEIGHT = 1e6
RATE = 0.02  # of 0.01, 0.02, 0.03 and 0.05 the one that was lowest after 300 steps


def gram(features: Tensor) -> Tensor:
    """Gram matrix over all entries: (1, C, H, W) -> (C, C)."""
    _, channels, height, width = features.shape
    flat = features.view(channels, height * width)
    return flat @ flat.T / (channels * height * width)


class Loss(nn.Module):
    """Remembers how far the description of its features is from the target's; passes them on."""

    def __init__(self, target: Tensor, describe: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.describe, self.target = describe, describe(target)

    def forward(self, features: Tensor) -> Tensor:
        self.loss = F.mse_loss(self.describe(features), self.target)
        return features


class Textbook:
    """The loop over a network's plain fp32 weights, starting at the photo.

    encoder: whose weights, padding and max pooling to use; without projections. content, style:
    (1, 3, H, W) in 0..1.
    """

    def __init__(
        self, encoder: Encoder, content: Tensor, style: Tensor, style_weight: float = STYLE_WEIGHT
    ) -> None:
        self.encoder, self.style_weight = encoder, style_weight
        self.contents: list[Loss] = []
        self.styles: list[Loss] = []
        self.picture = content.clone().requires_grad_()
        self.adam = torch.optim.Adam([self.picture], lr=RATE)
        layers: list[nn.Module] = []
        content, style = self._normalised(content), self._normalised(style)
        with torch.no_grad():
            for name, conv in encoder.convolutions.items():
                before = [nn.MaxPool2d(2)] if name.endswith("_1") and layers else []
                plain = copy.deepcopy(conv).float().to(memory_format=torch.contiguous_format)
                for layer in (*before, plain):
                    content, style = layer(content), layer(style)
                layers += [*before, plain]
                if name == CONTENT:
                    self.contents.append(Loss(content, lambda features: features))
                    layers.append(self.contents[-1])
                if name in STYLE:
                    self.styles.append(Loss(style, gram))
                    layers.append(self.styles[-1])
                if name == STYLE[-1]:
                    break
                content, style = content.relu(), style.relu()
                layers.append(nn.ReLU())
        self.model = nn.Sequential(*layers).requires_grad_(False)

    def _normalised(self, picture: Tensor) -> Tensor:
        return (picture - self.encoder.mean) / self.encoder.std

    def step(self) -> float:
        """Take one step; returns the total loss of the picture before it."""
        self.adam.zero_grad()
        self.model(self._normalised(self.picture))
        style = sum(layer.loss for layer in self.styles)
        content = sum(layer.loss for layer in self.contents)
        total = self.style_weight * style + content
        total.backward()
        self.adam.step()
        with torch.no_grad():
            self.picture.clamp_(0, 1)
        return float(total.detach())


def same_objective(encoder: Encoder, style_weight: float = STYLE_WEIGHT) -> Recipe:
    """The textbook's objective and optimiser as a recipe of this project.

    Its Gram matrices are divided by C too, and the mean over C^2 entries taken, so its style term
    is 4 / C^2 of the "gatys" form. No total variation, one scale, a constant rate.
    """
    widths = [encoder.channels(layer) for layer in STYLE]
    return Recipe(
        name="textbook",
        pooling="max",
        pooling_offsets=0,
        content_layer=CONTENT,
        content_form="mean",
        style_layers=STYLE,
        style_layer_weights=tuple(4 / width**2 for width in widths),
        style_form="gatys",
        style_weight=style_weight,
        strength=50,
        local_weight=0,
        tv_weight=0,
        scales=1,
        steps=300,
        learning_rate=RATE,
        final_rate=1,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        start="content",
    )

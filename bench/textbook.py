"""The textbook loop: what most people run, as PyTorch's tutorial on neural transfer describes it.

One `nn.Sequential` of VGG-19 in fp32 and its usual memory layout, with modules among the layers
that remember how far content and style are from their targets, and Adam on the picture at one
size. Written from the description; two things differ from the tutorial. It reads style from the
first convolution of each block, as Gatys et al. 2016 and this project do, where the tutorial takes
the first five convolutions; and it uses Adam, as the sources of the published recipes do, where the
tutorial takes L-BFGS.
"""

import copy

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


class Normalisation(nn.Module):
    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, picture: Tensor) -> Tensor:
        return (picture - self.mean) / self.std


class ContentLoss(nn.Module):
    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.target = target

    def forward(self, features: Tensor) -> Tensor:
        self.loss = F.mse_loss(features, self.target)
        return features


class StyleLoss(nn.Module):
    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.target = gram(target)

    def forward(self, features: Tensor) -> Tensor:
        self.loss = F.mse_loss(gram(features), self.target)
        return features


class Textbook:
    """The loop over a network's plain fp32 weights, starting at the photo.

    encoder: whose weights, padding and max pooling to use; without projections. content, style:
    (1, 3, H, W) in 0..1.
    """

    def __init__(
        self, encoder: Encoder, content: Tensor, style: Tensor, style_weight: float = STYLE_WEIGHT
    ) -> None:
        self.style_weight = style_weight
        self.contents: list[ContentLoss] = []
        self.styles: list[StyleLoss] = []
        with torch.no_grad():
            self.model = self._model(encoder, content, style)
        self.picture = content.clone().requires_grad_()
        self.adam = torch.optim.Adam([self.picture], lr=RATE)

    def _model(self, encoder: Encoder, content: Tensor, style: Tensor) -> nn.Sequential:
        model = nn.Sequential()

        def append(*layers: nn.Module) -> None:
            nonlocal content, style
            for layer in layers:
                content, style = layer(content), layer(style)
            model.extend(layers)

        append(Normalisation(encoder.mean, encoder.std))
        for name, conv in encoder.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                append(nn.MaxPool2d(2))
            append(_plain(conv))
            if name == CONTENT:
                self.contents.append(ContentLoss(content))
                model.append(self.contents[-1])
            if name in STYLE:
                self.styles.append(StyleLoss(style))
                model.append(self.styles[-1])
            if name == STYLE[-1]:
                break
            append(nn.ReLU())
        return model.requires_grad_(False)

    def step(self) -> float:
        """Take one step; returns the total loss of the picture before it."""
        self.adam.zero_grad()
        self.model(self.picture)
        style = sum(layer.loss for layer in self.styles)
        content = sum(layer.loss for layer in self.contents)
        total = self.style_weight * style + content
        total.backward()
        self.adam.step()
        with torch.no_grad():
            self.picture.clamp_(0, 1)
        return float(total.detach())


def _plain(conv: nn.Conv2d) -> nn.Conv2d:
    """A copy in fp32 and the usual memory layout."""
    return copy.deepcopy(conv).float().to(memory_format=torch.contiguous_format)


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

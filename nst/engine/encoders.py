"""Convolutional encoders whose layers go by the field's names.

`conv4_2` is the second convolution of the fourth block before its ReLU, `relu4_2` the same after
it. Keras' `block4_conv2` has its ReLU built in, so it names the same features as `relu4_2`.

VGG-16 and VGG-19: Simonyan and Zisserman 2014 (arXiv 1409.1556), as torchvision lays them out. The
compact encoder is a narrow network of the same kind, distilled by `tools/distil`. Where weights
come from is known to `nst.weights`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VGG19_Weights, get_model

from nst.errors import BadInput
from nst.recipe import layer_name

VGG_WIDTHS = (64, 128, 256, 512, 512)
TAUGHT_CONTENT = "relu4_2"  # of VGG-19: what a distilled network learned besides relu1_1 .. relu5_1

# ImageNet statistics of RGB in 0..1, the input that torchvision's weights were trained for.
_TRAINED_FOR = VGG19_Weights.IMAGENET1K_V1.transforms()
MEAN, STD = tuple(_TRAINED_FOR.mean), tuple(_TRAINED_FOR.std)


class _AveragePool(torch.autograd.Function):
    """Backwards by repetition, four times as fast as torch's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape[2:]
        return F.avg_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        return spread(grad_outputs[0], ctx.size)


def spread(gradient: Tensor, size: Sequence[int]) -> Tensor:
    """The gradient of what was averaged 2x2, at its (height, width), from that of the averages."""
    wide = F.interpolate(gradient / 4, scale_factor=2, mode="nearest")
    bottom, right = size[0] % 2, size[1] % 2
    return F.pad(wide, (0, right, 0, bottom)) if bottom or right else wide


class _MaxPool(torch.autograd.Function):
    """Finds the maxima again on the way back.

    To remember which of the four it was takes eight bytes each, an eighth of what VGG-19 needs.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.max_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(F.max_pool2d(leaf, 2), leaf, grad_outputs[0])
        return gradient


class Encoder(nn.Module):
    """Blocks of 3x3 convolutions and ReLUs with 2x2 pooling between them.

    blocks: the width of every convolution, block by block.
    pooling: "max" or "average".
    projections: for some layers a matrix (k, C + 1) that carries features and a constant 1 into the
        space in which a distance is meant: the metric of the teacher (see `tools/distil`).
        Layers without one are taken as they are.
    content_layer: for networks that learned only some layers, the one that stands for content in
        its block; the other projected layer of each block stands for all else.
    padding: "zeros" at every convolution; "picture" reflects the picture itself, where zeros would
        be a hard edge all around it, and pads with zeros after that.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        blocks: Sequence[Sequence[int]],
        pooling: str = "max",
        projections: Mapping[str, Tensor] | None = None,
        content_layer: str | None = None,
        padding: str = "zeros",
    ) -> None:
        super().__init__()
        self.name = name
        self.content_layer = content_layer
        self.blocks = tuple(tuple(block) for block in blocks)
        self.pooling, self.padding = pooling, padding
        first: Literal["zeros", "reflect"] = "reflect" if padding == "picture" else "zeros"
        self.convs = nn.ModuleDict()
        width = 3
        for b, block in enumerate(self.blocks, start=1):
            for i, wider in enumerate(block, start=1):
                conv = nn.Conv2d(width, wider, 3, padding=1, padding_mode=first)
                first = "zeros"
                self.convs[f"conv{b}_{i}"] = conv
                width = wider
        self.projections = dict(projections or {})
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    @property
    def convolutions(self) -> dict[str, nn.Conv2d]:
        """{"conv1_1": its module, ...} from shallow to deep."""
        return cast(dict[str, nn.Conv2d], dict(self.convs.items()))

    @property
    def dtype(self) -> torch.dtype:
        return self.convolutions["conv1_1"].weight.dtype

    @property
    def device(self) -> torch.device:
        return self.convolutions["conv1_1"].weight.device

    def _apply(self, fn: Any, recurse: bool = True) -> "Encoder":
        # Normalisation and projections keep fp32 values whatever the weights are converted to.
        mean, std = self.mean, self.std
        super()._apply(fn, recurse)
        self.mean, self.std = mean.to(self.device), std.to(self.device)
        self.projections = {
            name: projection.to(self.device) for name, projection in self.projections.items()
        }
        return self

    def resolve_layer(self, layer: str, role: str) -> str:
        """The layer of this network that answers for one of VGG's in a role.

        role: "content" or "style". VGG answers for itself. The compact encoder learned the first
        layer of each block, which answers for its whole block, and in one of them another, which
        for content does so save for the first. Raises BadInput for a layer that does not exist.
        """
        layer = layer_name(layer)
        first = role == "style" or layer.endswith("_1")
        if self.content_layer and not first and layer[4] == self.content_layer[4]:
            return self.content_layer
        if self.content_layer:
            learned = (name for name in self.projections if name != self.content_layer)
            return next(name for name in learned if name[4] == layer[4])
        if layer.replace("relu", "conv") not in self.convs:
            raise BadInput(f"{self.name} has no layer {layer}; its last is {list(self.convs)[-1]}.")
        return layer

    def teacher_layer(self, layer: str) -> str:
        """The layer of VGG whose features a layer of this network learned, or is."""
        if layer == self.content_layer:
            return TAUGHT_CONTENT
        return f"relu{layer[4]}_1" if self.content_layer and layer in self.projections else layer

    def channels(self, layer: str) -> int:
        """Width of the layer in the published formulas: VGG's, where a projection stands for it."""
        block, i = int(layer[4]) - 1, int(layer[6]) - 1
        return VGG_WIDTHS[block] if layer in self.projections else self.blocks[block][i]

    @property
    def work(self) -> float:
        """Multiplications a pixel of the picture takes, to compare networks by."""
        return sum(
            conv.weight.numel() / self.stride(name) ** 2 for name, conv in self.convolutions.items()
        )

    def stride(self, layer: str) -> int:
        """Pixels between neighbouring positions of the layer's features."""
        return 2 ** (int(layer[4]) - 1)

    def receptive_radius(self, layer: str) -> int:
        """Pixels, to either side of a position's own, that its features depend on."""
        reach, last = 0, layer.replace("relu", "conv")
        for name in self.convs:
            if name.endswith("_1") and name != "conv1_1":
                reach += self.stride(name) // 2  # the pooling window before the block
            reach += self.stride(name)
            if name == last:
                break
        return reach

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Features of an RGB image.

        image: (N, 3, H, W), fp32, in 0..1. Returns {layer: (N, C, H / stride, W / stride)} in the
        encoder's own precision, computing nothing deeper than the deepest layer asked for.
        """
        left, found = set(layers), {}
        y = (image - self.mean) / self.std
        pool = _AveragePool.apply if self.pooling == "average" else _MaxPool.apply
        for name, conv in self.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                y = pool(y)
            y = self._first(y, conv) if name == "conv1_1" else conv(y)
            if name in left:
                found[name] = y
            relu = name.replace("conv", "relu")
            if left - {name}:
                # Where nobody asked for the features before it, their memory is the ReLU's.
                y = F.relu(y, inplace=name not in left)
            if relu in left:
                found[relu] = y
            left -= {name, relu}
            if not left:
                break
        return found

    def _first(self, picture: Tensor, conv: nn.Conv2d) -> Tensor:
        """The first convolution. It takes the picture to the encoder's own precision."""
        if conv.padding_mode == "zeros":
            return conv(self._own(picture))
        # Reflecting fp32 takes less time than bf16, back above all.
        padded = F.pad(picture, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(self._own(padded), conv.weight, conv.bias)

    def _own(self, picture: Tensor) -> Tensor:
        return picture.to(self.dtype, memory_format=torch.channels_last)


def _torchvision_features(name: str) -> nn.Sequential:
    """The layers of torchvision's "vgg16" or "vgg19", without memory for their weights."""
    with torch.device("meta"):
        return get_model(name, weights=None).features


def vgg(name: str, pooling: str = "max", padding: str = "zeros") -> Encoder:
    """The architecture of "vgg16" or "vgg19", with random weights."""
    blocks: list[list[int]] = [[]]
    for module in _torchvision_features(name):
        if isinstance(module, nn.Conv2d):
            blocks[-1].append(module.out_channels)
        elif isinstance(module, nn.MaxPool2d):
            blocks.append([])
    return Encoder(name, blocks[:-1], pooling, padding=padding)


def torchvision_names(encoder: Encoder) -> dict[str, nn.Conv2d]:
    """{"features.0": the first convolution, ...}, by torchvision's numbers for a VGG's layers."""
    numbers = [
        i
        for i, module in enumerate(_torchvision_features(encoder.name))
        if isinstance(module, nn.Conv2d)
    ]
    convolutions = encoder.convolutions.values()
    return {f"features.{i}": conv for i, conv in zip(numbers, convolutions, strict=False)}


def load_features(encoder: Encoder, weights: Mapping[str, Tensor]) -> Encoder:
    """Give an encoder the weights {"features.0.weight": ...}; returns it."""
    for name, conv in torchvision_names(encoder).items():
        conv.load_state_dict({key: weights[f"{name}.{key}"] for key in ("weight", "bias")})
    return encoder

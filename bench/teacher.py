"""The 16x-compressed VGG-19 that taught the compact encoder, as an encoder to paint with."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from nst.engine.encoders import Encoder

__all__ = ["load_teacher"]

BLOCKS = ((16, 16), (32, 32), (64,) * 4, (128,) * 4, (128,))


def load_teacher(path: Path) -> Encoder:
    """Read the weights of Collaborative Distillation's stage-5 encoder (Wang et al. 2020).

    Its input affine is folded into the first convolution, which reflection padding allows
    exactly. Its heads become the projections of the style layers; content is its own conv4_2.
    """
    tensors = load_file(path)
    projections = {}
    for b in range(1, 6):
        weight, bias = tensors[f"conv{b}1_aux.weight"].flatten(1), tensors[f"conv{b}1_aux.bias"]
        projections[f"relu{b}_1"] = torch.linalg.qr(
            torch.cat([weight, bias[:, None]], 1).double(), mode="r"
        ).R.float()
    encoder = Encoder("teacher", BLOCKS, "max", projections, "conv4_2", "reflect")
    for name, conv in encoder.convolutions.items():
        old = name.replace("_", "")
        conv.weight.data.copy_(_folded(tensors, old))
        conv.bias.data.copy_(tensors[f"{old}.bias"])
    first, shift = tensors["conv11.weight"], tensors["conv0.bias"]
    encoder.convolutions["conv1_1"].bias.data.add_(torch.einsum("oihw,i->o", first, shift))
    encoder.mean.zero_()
    encoder.std.fill_(1.0)
    return encoder.requires_grad_(False).eval()


def _folded(tensors: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    weight = tensors[f"{name}.weight"]
    if name != "conv11":
        return weight
    return torch.einsum("oihw,ij->ojhw", weight, tensors["conv0.weight"][:, :, 0, 0])

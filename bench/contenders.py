"""The networks that the speed bench compares, and what a step of each has to compute."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nst.engine.canvas import Canvas
from nst.engine.encoders import Encoder, load_features, vgg
from nst.engine.objective import Objective
from nst.recipe import Recipe

DTYPES = {torch.float32: "fp32", torch.bfloat16: "bf16"}


def open_vgg19(path: Path | None) -> Encoder:
    """VGG-19 from a file laid out as torchvision's (.safetensors or .pth), or with random ones.

    The random ones are He et al. 2015's, under which activations keep their scale.
    """
    encoder = vgg("vgg19").requires_grad_(False).eval()
    if path is not None:
        safe = path.suffix == ".safetensors"
        weights = load_file(path) if safe else torch.load(path, weights_only=True)
        return load_features(encoder, weights)
    generator = torch.Generator().manual_seed(0)
    for conv in encoder.convolutions.values():
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(conv.bias)
    return encoder


def tuned(encoder: Encoder, dtype: torch.dtype) -> Encoder:
    """A copy in the precision and memory layout that `build_encoder` gives its encoders."""
    return copy.deepcopy(encoder).to(dtype, memory_format=torch.channels_last)


def default_step(encoder: Encoder, content: Tensor, style: Tensor) -> Callable[[], None]:
    """A function that takes one step of the default recipe."""
    recipe = Recipe()
    objective, canvas = Objective(encoder, recipe, content, [style]), Canvas(content.clone())

    def step() -> None:
        _, gradient = objective.evaluate(canvas.picture)
        canvas.step(gradient, recipe.learning_rate, recipe)

    return step


def graphed(step: Callable[[], object]) -> Callable[[], None]:
    """A step captured as a CUDA graph: what it takes when launching its kernels costs nothing."""
    beside = torch.cuda.Stream()
    with torch.cuda.stream(beside):
        for _ in range(3):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def operations(encoder: Encoder, deepest: str, height: int, width: int) -> float:
    """Operations of one step's convolutions: 2 a multiply-add, forward and back to the picture."""
    total = 0
    for name, conv in encoder.convolutions.items():
        stride = encoder.stride(name)
        positions = (height // stride) * (width // stride)
        total += 2 * positions * conv.weight.numel()
        if name == deepest:
            break
    return 2 * total

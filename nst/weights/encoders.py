"""Encoders with their weights: each network that the engine can judge with, ready to paint."""

import json

import torch

from nst.engine.encoders import Encoder, load_features, vgg
from nst.errors import BadInput
from nst.weights.store import load_compact, load_vgg

__all__ = ["ENCODERS", "build_encoder"]

ENCODERS = ("compact", "vgg16", "vgg19")


def build_encoder(
    name: str,
    pooling: str | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    download: bool = True,
) -> Encoder:
    """Return a frozen encoder with its weights, ready to paint with.

    name: "compact", "vgg16" or "vgg19". pooling: "max", "average" or None for the network's own
    (max for VGG; compact knows no other than what it was trained with). download: whether VGG's
    weights may be fetched; without it they must be on this machine.
    Raises BadInput for an unknown name, WeightsUnavailable where the weights cannot be had.
    """
    if name not in ENCODERS:
        raise BadInput(f"There is no encoder called {name!r}; choose from {', '.join(ENCODERS)}.")
    if name == "compact":
        encoder = _compact()
    else:
        weights = load_vgg(name, download=download)
        encoder = load_features(vgg(name, pooling or "max"), weights)
    encoder = encoder.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return encoder.requires_grad_(False).eval()


def _compact() -> Encoder:
    """The shipped network, whose file says what shape it has."""
    tensors, shape = load_compact()
    projections = {
        key.removeprefix("lifts."): tensor.float()
        for key, tensor in tensors.items()
        if key.startswith("lifts.")
    }
    encoder = Encoder(
        "compact",
        json.loads(shape["blocks"]),
        shape["pooling"],
        projections,
        shape["content_layer"],
        shape["padding"],
    )
    encoder.load_state_dict({k: t.float() for k, t in tensors.items() if k.startswith("convs.")})
    return encoder

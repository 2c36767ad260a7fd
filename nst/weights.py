"""Where weights come from, and what is checked before they are believed.

Shipped weights are read with `load_compact`. A *sealed* file is a safetensors file whose metadata
carries the sha256 of its tensor data, so a flipped bit is found when it is loaded.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from nst.errors import WeightsUnavailable

__all__ = ["COMPACT", "VGG_BLOCKS", "VGG_WIDTHS", "feature_shapes", "load_compact", "save_sealed"]

# Simonyan & Zisserman 2015, table 1, columns D and E: 3x3 convolutions before each pooling.
VGG_BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
VGG_WIDTHS = (64, 128, 256, 512, 512)

COMPACT = Path(__file__).parent / "data" / "compact.safetensors"

# The real headers take about 5 KB; a length beyond this is damage, not a header.
HEADER_LIMIT = 1 << 20


class _Damaged(WeightsUnavailable):
    """Bytes that are not the weights they should be; the message says in which way."""


def feature_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the convolutions of "vgg16" or "vgg19", as torchvision numbers them.

    `{"features.0.weight": (64, 3, 3, 3), "features.0.bias": (64,), ...}`, shallowest first.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    index, channels = 0, 3
    for convolutions, width in zip(VGG_BLOCKS[name], VGG_WIDTHS, strict=True):
        for _ in range(convolutions):
            shapes[f"features.{index}.weight"] = (width, channels, 3, 3)
            shapes[f"features.{index}.bias"] = (width,)
            channels = width
            index += 2  # the ReLU behind each convolution has a number too
        index += 1  # and so has the pooling
    return shapes


def load_compact() -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The shipped encoder's tensors and metadata.

    Raises WeightsUnavailable when the file is missing or is not what was shipped.
    """
    try:
        return _load_sealed(COMPACT)
    except _Damaged as error:
        raise WeightsUnavailable(
            f"The compact encoder at {COMPACT} is damaged: {error} Install this package again."
        ) from error
    except OSError as error:
        raise WeightsUnavailable(
            f"The compact encoder at {COMPACT} cannot be read: {error.strerror}."
        ) from error


def save_sealed(
    path: Path | str, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> None:
    """Write a sealed safetensors file in one stroke: whole or not at all."""
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    data = save_safetensors(tensors)
    digest = hashlib.sha256(data[_data_start(data) :]).hexdigest()
    sealed = save_safetensors(tensors, metadata={**metadata, "sha256": digest})
    unfinished = Path(f"{path}.{os.getpid()}.partial")
    unfinished.write_bytes(sealed)
    os.replace(unfinished, path)


def _load_sealed(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and metadata of a sealed file; raises _Damaged, or OSError if it cannot be read."""
    data = path.read_bytes()
    start = _data_start(data)
    metadata = _parse_header(data[8:start]).get("__metadata__", {})
    found, sealed = hashlib.sha256(memoryview(data)[start:]).hexdigest(), metadata.get("sha256")
    if found != sealed:
        raise _Damaged(f"its contents have the sha256 {found}, its seal says {sealed}.")
    try:
        tensors = load_safetensors(data)
    except SafetensorError as error:
        raise _Damaged(f"it is not a safetensors file ({error}).") from error
    _check_finite(tensors)
    return tensors, metadata


def _data_start(data: bytes) -> int:
    """Where the tensors begin, given at least the first eight bytes of a safetensors file."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= HEADER_LIMIT:
        raise _Damaged("it does not begin like a safetensors file.")
    return 8 + length


def _parse_header(text: bytes) -> dict[str, dict]:
    try:
        header = json.loads(text)
    except ValueError as error:
        raise _Damaged("its safetensors header cannot be read.") from error
    if not isinstance(header, dict) or not all(isinstance(v, dict) for v in header.values()):
        raise _Damaged("its safetensors header is not a table of tensors.")
    return header


def _check_finite(tensors: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise _Damaged(f"{name} holds values that are not finite numbers.")

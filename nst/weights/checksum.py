"""Safetensors files that are checked before they are believed.

A *checksummed* file has the sha256 of its tensor data in its metadata, so a flipped bit is found
when it is loaded. A header that comes from elsewhere is held against the tensors expected in it.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from nst.errors import WeightsUnavailable

__all__ = [
    "HEADER_LIMIT",
    "Block",
    "CorruptWeights",
    "Shapes",
    "add_checksum",
    "find_block",
    "header_bytes",
    "load_block",
    "load_checksummed",
    "read_block",
    "save_checksummed",
]

Shapes = Mapping[str, tuple[int, ...]]
"""The names and shapes of the float32 tensors expected in a file."""

HEADER_LIMIT = 1 << 16  # bytes; the real headers take about 4 KB, a longer one is damage


class CorruptWeights(WeightsUnavailable):
    """Bytes that are not the tensors they should be; the message says in which way."""


@dataclass(frozen=True)
class Block:
    """A contiguous run of tensors in a file: first byte, length, and a header for it alone."""

    start: int
    size: int
    entries: Mapping[str, dict]


def save_checksummed(
    path: Path | str, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> None:
    """Write a checksummed file in one stroke: whole or not at all. Raises OSError."""
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    data = save(tensors)
    digest = hashlib.sha256(data[_data_start(data) :]).hexdigest()
    unfinished = Path(f"{path}.{os.getpid()}.partial")
    unfinished.write_bytes(save(tensors, metadata={**metadata, "sha256": digest}))
    os.replace(unfinished, path)


def load_checksummed(
    path: Path, shapes: Shapes | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors, in memory of their own, and metadata of a checksummed file.

    Raises CorruptWeights if the checksum is another, for other tensors than `shapes`, or a value
    that is not finite; OSError if it cannot be read.
    """
    data = path.read_bytes()
    start = _data_start(data)
    header = _parse_header(data[8:start])
    metadata = header.get("__metadata__", {})
    found, written = hashlib.sha256(memoryview(data)[start:]).hexdigest(), metadata.get("sha256")
    if found != written:
        raise CorruptWeights(f"its contents have the sha256 {found}, its metadata says {written}.")
    if shapes is not None:
        find_block(header, start, len(data), shapes)
    return _tensors(data), metadata


def load_block(path: Path, shapes: Shapes) -> dict[str, torch.Tensor]:
    """Only these tensors of a larger file without a checksum. Raises CorruptWeights, OSError."""
    with path.open("rb") as file:
        block = read_block(file.read, path.stat().st_size, shapes)
        file.seek(block.start)
        return _tensors(header_bytes(block) + file.read(block.size))


def add_checksum(path: Path, block: Block, metadata: Mapping[str, str]) -> None:
    """Complete a file begun with `header_bytes` that holds all of the block. Raises OSError."""
    with path.open("r+b") as file:
        file.seek(len(header_bytes(block, metadata)))
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        file.write(header_bytes(block, metadata, digest))
        file.flush()
        os.fsync(file.fileno())


def header_bytes(
    block: Block, metadata: Mapping[str, str] | None = None, sha256: str = 64 * "0"
) -> bytes:
    """The beginning of a file of this block alone; as long with any checksum as with none."""
    header = {"__metadata__": {**(metadata or {}), "sha256": sha256}, **block.entries}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format aligns the data to eight bytes
    return len(text).to_bytes(8, "little") + text


def read_block(read: Callable[[int], bytes], size: int, shapes: Shapes) -> Block:
    """Find these tensors by the header of a file of `size` bytes. Raises CorruptWeights."""
    start = _data_start(read(8))
    return find_block(_parse_header(read(start - 8)), start, size, shapes)


def find_block(header: Mapping[str, dict], start: int, size: int, shapes: Shapes) -> Block:
    """The run of tensors with exactly these names and shapes, in a file of `size` bytes.

    `start` is where the file's tensor data begins. Raises CorruptWeights if one is missing, one
    too many, of another shape or type, or if the run has gaps or leaves the file.
    """
    strangers = {name for name in header if name.startswith("features.")} - shapes.keys()
    if strangers:
        raise CorruptWeights(f"it has a tensor {min(strangers)} that does not belong there.")
    spans = sorted((_span(header, name, shape), name) for name, shape in shapes.items())
    (first, end), _ = spans[0]
    for (begin, following), name in spans[1:]:
        if begin != end:
            raise CorruptWeights(
                f"{name} begins at byte {begin}, not at {end} where the last one ends."
            )
        end = following
    if start + end > size:
        raise CorruptWeights(f"its tensors end at byte {start + end}, the file at {size}.")
    entries = {
        name: {
            "dtype": "F32",
            "shape": list(shapes[name]),
            "data_offsets": [begin - first, stop - first],
        }
        for (begin, stop), name in spans
    }
    return Block(start + first, end - first, entries)


def _span(header: Mapping[str, dict], name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """The byte offsets of one float32 tensor, relative to the data."""
    if name not in header:
        raise CorruptWeights(f"it has no tensor {name}.")
    entry = header[name]
    if entry.get("dtype") != "F32" or entry.get("shape") != list(shape):
        found = f"{entry.get('dtype')} {entry.get('shape')}"
        raise CorruptWeights(f"{name} is {found}, not F32 {list(shape)}.")
    match entry.get("data_offsets"):
        case [int(begin), int(end)] if begin >= 0 and end - begin == 4 * math.prod(shape):
            return begin, end
    raise CorruptWeights(f"{name} lies at {entry.get('data_offsets')}, which is not its length.")


def _data_start(data: bytes) -> int:
    """Where the tensors begin, given at least the first eight bytes of a file."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= HEADER_LIMIT:
        raise CorruptWeights("it does not begin like a safetensors file.")
    return 8 + length


def _parse_header(text: bytes) -> dict[str, dict]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptWeights("its safetensors header cannot be read.") from error
    if not isinstance(header, dict) or not all(isinstance(v, dict) for v in header.values()):
        raise CorruptWeights("its safetensors header is not a table of tensors.")
    return header


def _tensors(data: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a whole file, copied out of `data`."""
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise CorruptWeights(f"it is not a safetensors file ({error}).") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CorruptWeights(f"{name} holds values that are not finite numbers.")
    return tensors

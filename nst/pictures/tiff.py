"""TIFF, a format of many kinds: which page is the picture, and whether Pillow reads it right.

An EXIF block is a TIFF as well.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from typing import Any

from PIL.TiffImagePlugin import COMPRESSION_INFO, ImageFileDirectory_v2, TiffImageFile

from nst.errors import BadInput
from nst.pictures.limits import MEGABYTE

# What is broken in a TIFF or an EXIF block is said by what is raised, if it matters.
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")

MOST_PAGES = 100
MOST_STRIPS = 200_000
LARGEST_TILE = 4096 * 4096  # pixels: the decoder allocates whole tiles

KIND, WIDTH, HEIGHT, BITS, COMPRESSION, COLOURS, ORIENTATION = 254, 256, 257, 258, 259, 262, 274
PLANES, TILE_WIDTH, TILE_HEIGHT, SUBPAGES, SAMPLE_FORMAT, DNG = 284, 322, 323, 330, 339, 50706
STRIPS, TILES = 273, 324
MASK, SEPARATE, UNSIGNED, YCBCR, JPEG = 4, 2, 1, 6, 7
FORMATS = {1: "unsigned", 2: "signed", 3: "floating"}
MOSAICS = (32803, 34892)  # what a sensor saw, and that in linear light
COLOURS_READ = (0, 1, 2, 3, 5, YCBCR, 8)
# None, CCITT, LZW, JPEG, deflate, PackBits, LZMA, the older deflate, Zstandard.
COMPRESSIONS_READ = (1, 2, 3, 4, 5, JPEG, 8, 32773, 34925, 32946, 50000)


class BoundedReader(io.BytesIO):
    """Bytes that can be read a few times over: a thousand entries can point at the same ones."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = 8 * len(data) + 16 * MEGABYTE

    def read(self, size: int | None = -1) -> bytes:
        """As `BytesIO`. Raises BadInput where more is asked for than an honest file holds."""
        found = super().read(size)
        self.left -= len(found) + 1024  # every call costs time
        if self.left < 0:
            raise BadInput("The file is damaged: its parts are larger than the whole.")
        return found


def orientation(exif: bytes) -> int:
    """1 to 8 from an EXIF block; 1 (upright) where it says nothing or is broken."""
    try:
        _, tags = next(_pages(exif.removeprefix(b"Exif\0\0")))
    except (BadInput, StopIteration, SyntaxError, struct.error, IndexError):
        return 1
    turn = tags.get(ORIENTATION, 1)
    return turn if turn in range(1, 9) else 1


def largest_page(data: bytes) -> bytes | None:
    """The TIFF with its largest page first; None for a camera's raw file.

    Raises BadInput with the page's kind where Pillow cannot read it, or would read it wrong.
    """
    pages = list(_pages(data))
    if any(tags.get(COLOURS) in MOSAICS or DNG in tags for _, tags in pages):
        return None
    pictures = [page for page in pages if not _number(page[1], KIND, 0) & MASK]
    if not pictures:
        raise BadInput("This TIFF is damaged or cut short: there is no picture in it.")
    at, tags = max(pictures, key=lambda page: _number(page[1], WIDTH) * _number(page[1], HEIGHT))
    start, size = (8, 8) if data[2] == 43 else (4, 4)
    pointer = at.to_bytes(size, "little" if data.startswith(b"II") else "big")
    found = data[:start] + pointer + data[start + size :]
    _check(tags, found)
    return found


def _pages(data: bytes) -> Iterator[tuple[int, dict[int, Any]]]:
    """Where each directory lies and what is in it; those of the pages' own previews as well."""
    reader = BoundedReader(data)
    head = reader.read(8)
    directory = ImageFileDirectory_v2(head + reader.read(8 if head[2] == 43 else 0))
    ahead, seen = [directory.next], {0}
    while ahead and len(seen) <= MOST_PAGES:
        at = ahead.pop(0)
        if not isinstance(at, int) or at in seen:
            continue
        seen.add(at)
        reader.seek(at)
        directory.load(reader)
        yield at, (tags := dict(directory))
        inner = tags.get(SUBPAGES, ())
        ahead += [directory.next, *(inner if isinstance(inner, tuple) else (inner,))]


def _has_mode(data: bytes) -> bool:
    try:
        TiffImageFile(BoundedReader(data))
    except SyntaxError as error:
        return "pixel mode" not in str(error)
    return True


def _number(tags: dict[int, Any], tag: int, default: int = 1) -> int:
    value = tags.get(tag, default)
    if not isinstance(value, int):
        raise BadInput("This TIFF is damaged: an entry is not the number it should be.")
    return value


def _check(tags: dict[int, Any], data: bytes) -> None:
    bits, form = tags.get(BITS, (1,)), tags.get(SAMPLE_FORMAT, (1,))[0]
    packing, colours = _number(tags, COMPRESSION), _number(tags, COLOURS, 0)
    apart = len(bits) > 1 and _number(tags, PLANES) == SEPARATE
    if (
        packing not in COMPRESSIONS_READ
        or colours not in COLOURS_READ
        or len(set(bits)) > 1
        or (len(bits) > 1 and bits[0] > 16)
        or (apart and bits[0] != 8)
        or (form != UNSIGNED and bits[0] != 32)
        or (bits[0] == 32 and packing != 1 and data.startswith(b"MM"))
        or (colours == YCBCR and packing != JPEG)  # which has one colour for four pixels
        or not _has_mode(data)
    ):
        raise BadInput(
            f"This TIFF is of a kind that can't be read here ({len(bits)} x {bits[0]} bits, "
            f"{FORMATS.get(form, form)} numbers{', in planes' * apart}, colours {colours}, "
            f"compression {COMPRESSION_INFO.get(packing, packing)}): "
            "export it as PNG or as an 8-bit TIFF."
        )
    width, height = _number(tags, TILE_WIDTH), _number(tags, TILE_HEIGHT)
    strips = max(len(tags.get(tag, ())) for tag in (STRIPS, TILES))
    if width * height > LARGEST_TILE or strips > MOST_STRIPS:
        raise BadInput(
            f"This TIFF has {strips} parts of up to {width} x {height} pixels: at most "
            f"{MOST_STRIPS} of {LARGEST_TILE / 1e6:.3g} megapixels each are allowed."
        )

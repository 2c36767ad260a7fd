"""TIFF, a format of many kinds: which page is the picture, and whether Pillow reads it right."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

from PIL.TiffImagePlugin import COMPRESSION_INFO, ImageFileDirectory_v2, TiffImageFile

from nst.errors import BadInput
from nst.pictures.files import BoundedReader

# What is broken in a TIFF or an EXIF block is said by what is raised, if it matters.
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")

MOST_PAGES = 50
LARGEST_TILE, MOST_PARTS = 4096 * 4096, 200_000  # pixels: the decoder allocates whole tiles
KIND, WIDTH, HEIGHT, BITS, COMPRESSION, COLOURS = 254, 256, 257, 258, 259, 262
STRIPS, PLANES, TILE_WIDTH, TILE_HEIGHT, TILES = 273, 284, 322, 323, 324
SUBPAGES, FORMAT, DNG = 330, 339, 50706
REDUCED, MASK, SEPARATE, UNSIGNED, YCBCR, JPEG = 1, 4, 2, 1, 6, 7
FORMATS = {1: "unsigned", 2: "signed", 3: "floating"}
MOSAICS = (32803, 34892)  # what a sensor saw, and that in linear light
# None, CCITT, LZW, JPEG, deflate, PackBits, LZMA, the older deflate, Zstandard.
COMPRESSIONS_READ = (1, 2, 3, 4, 5, JPEG, 8, 32773, 34925, 32946, 50000)


def largest_page(data: bytes) -> bytes | None:
    """The TIFF with its largest page first; None for a camera's raw file.

    Raises BadInput with the page's kind where Pillow cannot read it, or would read it wrong.
    """
    pages = _pages(data)
    for tags in pages.values():
        preview = SUBPAGES in tags and tags.get(KIND) == REDUCED
        if preview or DNG in tags or tags.get(COLOURS) in MOSAICS:
            return None
    areas = {
        at: tags[WIDTH] * tags[HEIGHT] for at, tags in pages.items() if not tags.get(KIND, 0) & MASK
    }
    at = max(areas, key=areas.__getitem__)
    start, size = (8, 8) if data[2] == 43 else (4, 4)
    pointer = at.to_bytes(size, "little" if data.startswith(b"II") else "big")
    found = data[:start] + pointer + data[start + size :]
    _check(pages[at], found)
    return found


def _pages(data: bytes) -> dict[int, dict[int, Any]]:
    """What is in each directory, by where it lies."""
    reader = BoundedReader(data)
    head = reader.read(8)
    directory = ImageFileDirectory_v2(head + reader.read(8 if head[2] == 43 else 0))
    pages: dict[int, dict[int, Any]] = {}
    while (at := directory.next) and at not in pages and len(pages) < MOST_PAGES:
        reader.seek(at)
        directory.load(reader)
        pages[at] = dict(directory)
    return pages


def _check(tags: dict[int, Any], data: bytes) -> None:
    bits, form = tags.get(BITS, (1,)), tags.get(FORMAT, (1,))[0]
    packing, colours = tags.get(COMPRESSION, 1), tags.get(COLOURS)
    apart = len(bits) > 1 and tags.get(PLANES) == SEPARATE
    parts = max(len(tags.get(tag, ())) for tag in (STRIPS, TILES))
    read_right = (
        packing in COMPRESSIONS_READ
        and form == UNSIGNED
        and (len({*bits}) == 1 and bits[0] in ((8,) if apart else (1, 2, 4, 8, 16)))
        and (colours != YCBCR or packing == JPEG)  # which has one colour for four pixels
        and tags.get(TILE_WIDTH, 1) * tags.get(TILE_HEIGHT, 1) <= LARGEST_TILE
        and parts <= MOST_PARTS
    )
    with suppress(SyntaxError):  # Pillow knows no mode for it
        TiffImageFile(BoundedReader(data))
        if read_right:
            return
    raise BadInput(
        f"This TIFF is of a kind that can't be read here ({len(bits)} x {bits[0]} bits, "
        f"{FORMATS.get(form, form)} numbers{', in planes' * apart}, colours {colours}, "
        f"compression {COMPRESSION_INFO.get(packing, packing)}, {parts} parts): "
        "export it as PNG or as an 8-bit TIFF."
    )

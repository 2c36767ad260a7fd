"""TIFF, a format of many kinds: which page is the picture, and whether Pillow reads it right."""

import warnings
from contextlib import suppress

from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from nst.errors import BadInput
from nst.pictures.files import BoundedReader

# What is broken in a TIFF or an EXIF block is said by what is raised, if it matters.
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")

MOST_PAGES = 50
LARGEST_TILE, MOST_PARTS = 4096 * 4096, 200_000  # pixels: the decoder allocates whole tiles
REDUCED, MASK, SEPARATE, YCBCR, LAB = 1, 4, 2, 6, 8
MOSAICS = (32803, 34892)  # what a sensor saw, and that in linear light
FORMATS = {1: "unsigned", 2: "signed", 3: "floating"}
JPEG = 7
PACKINGS = {1: "none", 2: "CCITT", 3: "Group 3", 4: "Group 4", 5: "LZW", JPEG: "JPEG"}
PACKINGS |= {8: "deflate", 32773: "PackBits", 32946: "deflate", 34925: "LZMA", 50000: "Zstandard"}


def largest_page(data: bytes) -> bytes | None:
    """The TIFF with its largest page first; None for a camera's raw file.

    Raises BadInput with the page's kind where Pillow cannot read it, or would read it wrong.
    """
    reader, areas = BoundedReader(data), {}
    head = reader.read(8)
    directory = ImageFileDirectory_v2(head + reader.read(8 if head[2] == 43 else 0))
    seen: dict[int, dict] = {}
    while (at := directory.next) and at not in seen and len(seen) < MOST_PAGES:
        reader.seek(at)
        directory.load(reader)
        tags = seen[at] = directory.named()
        kind = tags.get("NewSubfileType", 0)
        preview = "SubIFDs" in tags and kind == REDUCED
        if preview or 50706 in directory or tags.get("PhotometricInterpretation") in MOSAICS:
            return None
        if not kind & MASK:
            areas[at] = tags["ImageWidth"] * tags["ImageLength"]
    at = max(areas, key=areas.__getitem__)
    start, size = (8, 8) if data[2] == 43 else (4, 4)
    pointer = at.to_bytes(size, "little" if data.startswith(b"II") else "big")
    found = data[:start] + pointer + data[start + size :]
    _check(seen[at], found)
    return found


def _check(tags: dict, data: bytes) -> None:
    bits, form = tags.get("BitsPerSample", (1,)), tags.get("SampleFormat", (1,))[0]
    packing, colours = tags.get("Compression", 1), tags.get("PhotometricInterpretation")
    apart = len(bits) > 1 and tags.get("PlanarConfiguration") == SEPARATE
    parts = max(len(tags.get(name, ())) for name in ("StripOffsets", "TileOffsets"))
    read_right = (
        (packing in PACKINGS and FORMATS.get(form) == "unsigned" and colours != LAB)
        and (len({*bits}) == 1 and bits[0] in ((8,) if apart else (1, 2, 4, 8, 16)))
        and (colours != YCBCR or packing == JPEG)  # which has one colour for four pixels
        and tags.get("TileWidth", 1) * tags.get("TileLength", 1) <= LARGEST_TILE
        and parts <= MOST_PARTS
    )
    with suppress(SyntaxError):  # Pillow knows no mode for it
        TiffImageFile(BoundedReader(data))
        if read_right:
            return
    raise BadInput(
        f"This TIFF is of a kind that can't be read here ({len(bits)} x {bits[0]} bits, "
        f"{FORMATS.get(form, form)} numbers{', in planes' * apart}, colours {colours}, compression "
        f"{PACKINGS.get(packing, packing)}, parts {parts}): export it as PNG or as an 8-bit TIFF."
    )

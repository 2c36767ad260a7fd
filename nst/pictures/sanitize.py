"""What is left of a picture file when only the picture is kept.

Decoders are written for honest files. A small one can hold a thousand directory entries that
all point at the same megabytes, a million scans, or notes whose reading takes time by the
square of their length. Here the container is walked first, in time and memory proportional to
the file, and what a picture does not need is left out: what reaches the decoder is a header,
the first frame and its colour profile.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from nst.errors import BadInput

__all__ = ["exif_orientation", "only_picture", "png_chunks"]

MOST_PARTS = 20_000  # chunks, segments or blocks: a 32 MB PNG in the usual 8 KB pieces has 4096
MOST_SCANS = 100  # of a JPEG: encoders write about ten, and each costs a pass over the picture
LARGEST_TILE = 4096 * 4096  # of a TIFF, in pixels: the decoder allocates whole tiles
LARGEST_PROFILE = 1 << 20  # of a PNG, unpacked: where Pillow would refuse the whole picture

PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"IDAT", b"IEND"}
TIFF_KEPT = {254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323}
TIFF_KEPT |= {324, 325, 338, 339, 34675}
TIFF_COMPRESSION = {1, 5, 8, 32773, 32946}  # none, LZW, deflate, PackBits, the older deflate
TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}

MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
SOI, EOI, SOS, TEM = 0xD8, 0xD9, 0xDA, 0x01
APP1, APP2, APP15 = 0xE1, 0xE2, 0xEF
COMMENT = 0xFE
ORIENTATION = 0x0112


def only_picture(kind: str, data: bytes) -> tuple[bytes, bytes]:
    """The file without what its picture does not need, and its EXIF block (empty: none found).

    `kind` is Pillow's name of the format; those without a hazard of this sort come back as they
    are. Raises BadInput for a file that asks for more work than a picture can.
    """
    try:
        return CLEANERS[kind](data) if kind in CLEANERS else (data, b"")
    except (struct.error, IndexError):
        raise BadInput(f"This {kind} is cut short: its header does not hold together.") from None


def exif_orientation(exif: bytes) -> int:
    """1 to 8, from an EXIF block; 1 (upright) where it says nothing or is broken."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, at)
            if tag == ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of each chunk of a PNG; its body is data[start + 8 : end - 4]."""
    at, parts = 8, 0
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        parts = _counted(parts)
        yield data[at + 4 : at + 8], at, at + 12 + length
        at += 12 + length


def _png(data: bytes) -> tuple[bytes, bytes]:
    kept, exif = [data[:8]], b""
    for name, start, end in png_chunks(data):
        body = data[start + 8 : end - 4]
        if name in PNG_KEPT and not (name == b"iCCP" and _profile_is_giant(body)):
            kept.append(data[start:end])
        elif name == b"eXIf":
            exif = body
    return b"".join(kept), exif


def _profile_is_giant(body: bytes) -> bool:
    inflate = zlib.decompressobj()
    try:
        inflate.decompress(body[body.index(b"\0") + 2 :], LARGEST_PROFILE)
    except (ValueError, zlib.error):
        return False
    return not inflate.eof


def _jpeg(data: bytes) -> tuple[bytes, bytes]:
    kept, exif, scans, coded = [b"\xff\xd8"], b"", 0, len(data)
    for code, start, end in _jpeg_segments(data):
        body = data[start + 4 : end]
        if code == SOS:
            scans += 1
            coded = min(coded, start)
            if scans > MOST_SCANS:
                raise BadInput(f"This JPEG has more than the {MOST_SCANS} scans allowed.")
        elif scans:
            continue
        elif code == APP1 and body.startswith(b"Exif\0\0"):
            exif = exif or body
        elif not _is_note(code, body):
            kept.append(data[start:end])
    kept.append(data[coded:])
    return b"".join(kept), exif


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) up to the end of the picture, stepping over the coded data."""
    at, parts = 2, 0
    while found := MARKER.search(data, at):
        code, start = data[found.start() + 1], found.start()
        parts = _counted(parts)
        if code == EOI:
            return
        at = found.end()
        if code not in (SOI, TEM):
            (length,) = struct.unpack_from(">H", data, at)
            at += max(2, length)
            yield code, start, at


def _is_note(code: int, body: bytes) -> bool:
    """Everything applications write but ICC profiles, JFIF and Adobe's colour transform."""
    if code == APP2:
        return not body.startswith(b"ICC_PROFILE\0")
    return code == COMMENT or (APP1 <= code <= APP15 and not body.startswith(b"Adobe"))


def _gif(data: bytes) -> tuple[bytes, bytes]:
    """Up to the first picture keep only the control block, which holds the transparency."""
    flags = data[10]
    at = body = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    control, parts = b"", 0
    while at < len(data) and data[at] not in b",;":
        parts = _counted(parts)
        if data[at] != ord("!"):
            at += 1
            continue
        end = at + 2
        while end < len(data) and data[end]:
            parts = _counted(parts)
            end += 1 + data[end]
        if data[at + 1 : at + 2] == b"\xf9":
            control = data[at : end + 1]
        at = end + 1
    return data[:body] + control + data[at:], b""


def _tiff(data: bytes) -> tuple[bytes, bytes]:
    """One directory, each entry once, none of them larger than the file."""
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    kept: dict[int, bytes] = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", data, at)
        if tag in TIFF_KEPT and tag not in kept:
            if values * TIFF_SIZES.get(kind, 1) > len(data):
                raise BadInput("This TIFF is damaged: an entry is larger than the whole file.")
            kept[tag] = data[at : at + 12]
    _check_tiff({tag: _tiff_number(order, kept[tag]) for tag in (259, 322, 323) if tag in kept})
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept.values()) + b"\0\0\0\0"
    return data[:start] + directory + data[start + len(directory) :], b""


def _tiff_number(order: str, entry: bytes) -> int:
    kind, values = struct.unpack_from(order + "HI", entry, 2)
    if values != 1 or kind not in (3, 4):
        raise BadInput("This TIFF is damaged: an entry is not the number it should be.")
    return struct.unpack_from(order + ("H" if kind == 3 else "I"), entry, 8)[0]


def _check_tiff(numbers: dict[int, int]) -> None:
    packed = numbers.get(259, 1)
    if packed not in TIFF_COMPRESSION:
        raise BadInput(
            f"This TIFF is packed in a way that is not read here (compression {packed}): "
            "none, LZW, deflate and PackBits are."
        )
    width, height = numbers.get(322, 1), numbers.get(323, 1)
    if width * height > LARGEST_TILE:
        raise BadInput(
            f"This TIFF is made of tiles of {width} x {height} pixels: "
            f"at most {LARGEST_TILE / 1e6:.3g} megapixels each are allowed."
        )


def _counted(parts: int) -> int:
    if parts >= MOST_PARTS:
        raise BadInput(f"The file is made of more than the {MOST_PARTS} parts allowed.")
    return parts + 1


CLEANERS = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "TIFF": _tiff}

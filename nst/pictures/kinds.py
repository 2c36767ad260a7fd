"""What a file is, by its content: the kinds read here, and the others by their names.

Decoders are written for honest files. `tamed` takes out of a file what would cost its decoder
far more than a picture does, each by the bytes that introduce it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from nst.errors import BadInput
from nst.pictures.limits import MEGABYTE
from nst.pictures.tiff import largest_page

# The decoders themselves: nothing is registered with Pillow, and what others have registered
# there does not matter.
DECODERS: dict[str, tuple[bytes, type[ImageFile]]] = {
    "JPEG": (rb"\xff\xd8\xff", JpegImageFile),
    "PNG": (rb"\x89PNG\r\n\x1a\n", PngImageFile),
    "WebP": (rb"RIFF....WEBP", WebPImageFile),
    "GIF": (rb"GIF8[79]a", GifImageFile),
    "BMP": (rb"BM", BmpImageFile),
    "TIFF": (rb"II[*+]\0(?!....CR)|MM\0\*", TiffImageFile),
    "AVIF": (rb"....ftyp(?:....){0,16}?avi[fs]", AvifImageFile),
    "HEIC": (rb"....ftyp(?:....){0,16}?(?:hei[cmsx]|hev[cmsx]|mif1|msf1)", HeifImageFile),
}
NOT_SHOWN_BY_BROWSERS = ("TIFF", "HEIC")
RAW = "a camera's raw file"
OTHERS = {
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XR": rb"II\xbc",
    RAW: rb"II\*\0....CR|II(?:RO|RS|U\0)|MMOR|FUJIFILMCCD-RAW|....ftypcrx |\0MRM|FOVb",
    "a Photoshop document": rb"8BP[SB]",
    "a GIMP document": rb"gimp xcf",
    "an HDR picture": rb"v/1\x01|#\?(?:RADIANCE|RGBE)",
    "an icon": rb"\0\0[\1\2]\0|icns",
    "a PDF document": rb"%PDF",
    "a PostScript document": rb"%!PS",
    "an SVG drawing": rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg",
    "a web page": rb"(?i)\s*<(?:!doctype )?html",
    "a Netpbm picture": rb"P[1-7]\s",
    "a video": rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ",
    "an archive": rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!",
    "a BigTIFF in big-endian order": rb"MM\0\+",
}
MOST_SCANS = 100  # of a JPEG: encoders write about ten, and each costs a pass over the picture
MOST_FRAMES = 20  # of a GIF
METADATA = 256 * MEGABYTE  # of a HEIC, where every item may be the whole file

SCAN = re.compile(rb"\xff\xda\0[\x08\x0a\x0c\x0e][\1-\4]")
JPEG_EXIF = re.compile(rb"\xff\xe1(..)Exif\0\0", re.DOTALL)
AVIF_EXIF = re.compile(rb"infe[\2\3].{3}(?:..){1,2}..Exif", re.DOTALL)


def kind_of(data: bytes) -> str:
    """A key of DECODERS. Raises BadInput, with the name of what was found where it has one."""
    for kind, (mark, _) in DECODERS.items():
        if re.match(mark, data, re.DOTALL):
            return kind
    for name, mark in OTHERS.items():
        if re.match(mark, data[:4096], re.DOTALL):
            raise not_read(name)
    raise BadInput(
        "This is not a picture of a kind that can be read. Try JPEG or PNG; "
        "WebP, GIF, BMP, TIFF, HEIC and AVIF work too."
    )


def not_read(name: str) -> BadInput:
    """The sentence for a kind that is known and not read."""
    return BadInput(f"This is {name}, which can't be read here: export it as JPEG or PNG.")


def tamed(kind: str, data: bytes) -> tuple[bytes, bytes]:
    """The file without what its picture does not need and its decoder would suffer from, and
    its EXIF block where that was taken out. Raises BadInput for more work than a picture is."""
    if kind == "TIFF" and (found := largest_page(data)):
        return found, b""
    if kind == "TIFF":
        raise not_read(RAW)
    return TAMERS[kind](data) if kind in TAMERS else (data, b"")


def _jpeg(data: bytes) -> tuple[bytes, bytes]:
    """Pillow joins all EXIF blocks, and reads as much of them as they say, as often as they say."""
    scans = SCAN.findall(data)
    if len(scans) > MOST_SCANS:
        raise BadInput(f"This JPEG has {len(scans)} scans: at most {MOST_SCANS} are allowed.")
    exif, first = JPEG_EXIF.search(data), SCAN.search(data)
    # Behind the first scan lie other pictures, which may stand otherwise.
    own = exif and (first is None or exif.start() < first.start())
    block = data[exif.end() : exif.start() + 2 + int.from_bytes(exif[1])] if exif and own else b""
    return JPEG_EXIF.sub(lambda found: found[0][:4] + bytes(6), data), block


def _png(data: bytes) -> tuple[bytes, bytes]:
    """Without texts: Pillow refuses a picture for one that is damaged, or longer than a novel."""
    kept, at = [data[:8]], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] not in (b"tEXt", b"zTXt", b"iTXt"):
            kept.append(data[at:end])
        at = end
    return b"".join(kept), b""


def _gif(data: bytes) -> tuple[bytes, bytes]:
    """The first frames without comments, which Pillow joins in time by the square of their size."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    kept, frames = [data[:at]], 0
    while at < len(data) and data[at] in b"!," and frames < MOST_FRAMES:
        start, is_frame = at, data[at] == ord(",")
        at += 2
        if is_frame:
            flags = data[start + 9]
            at = start + 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
            frames += 1
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
        if is_frame or data[start + 1] == 0xF9:  # the graphic control, which holds transparency
            kept.append(data[start:at])
    return b"".join(kept), b""


def _avif(data: bytes) -> tuple[bytes, bytes]:
    """An AVIF says itself how it is turned, and its EXIF may ask for gigabytes."""
    return AVIF_EXIF.sub(lambda found: found[0][:-4] + b"skip", data), b""


def _heic(data: bytes) -> tuple[bytes, bytes]:
    if data.count(b"cdsc") * len(data) > METADATA:
        raise BadInput("This HEIC has more metadata than a photo: export it as JPEG or PNG.")
    return data, b""


TAMERS: dict[str, Callable[[bytes], tuple[bytes, bytes]]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "AVIF": _avif,
    "HEIC": _heic,
}

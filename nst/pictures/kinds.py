"""What a file is, by its content: the kinds read here, and the others by their names."""

import re

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

# The decoders themselves, as `Image.open` refuses the largest phone pictures before they are
# reduced. Nothing is registered with Pillow, and what others have registered does not matter.
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
    RAW: rb"II\*\0....CR|II(?:RO|RS|U\0)|MMOR|FUJIFILMCCD-RAW|....ftypcrx |\0MRM|FOVb",
    "a Photoshop document": rb"8BP[SB]",
    "an HDR picture": rb"v/1\x01|#\?(?:RADIANCE|RGBE)",
    "an icon": rb"\0\0[\1\2]\0|icns",
    "a PDF document": rb"%PDF",
    "an SVG drawing": rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg",
    "a web page": rb"(?i)\s*<(?:!doctype )?html",
    "a video": rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ",
    "an archive": rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!",
}
MOST_SCANS = 100  # of a JPEG: encoders write about ten, and each costs a pass over the picture
METADATA = 256 * MEGABYTE  # of a HEIC, where every item may be the whole file
SCAN = re.compile(rb"\xff\xda\0[\x08\x0a\x0c\x0e][\1-\4]")
AVIF_EXIF = re.compile(rb"(infe[\2\3].{3}(?:..){1,2}..)Exif", re.DOTALL)


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


def tamed(kind: str, data: bytes) -> bytes:
    """The file without metadata that would cost its decoder far more than a picture does.

    Raises BadInput where the picture itself would.
    """
    if kind == "TIFF":
        if (page := largest_page(data)) is None:
            raise not_read(RAW)
        return page
    if kind == "JPEG":
        if (scans := len(SCAN.findall(data))) > MOST_SCANS:
            raise BadInput(f"This JPEG has {scans} scans: at most {MOST_SCANS} are allowed.")
        # Pillow joins all EXIF blocks, and reads as much of them as they say, as often as they say.
        start, exif, rest = data.partition(b"Exif\0\0")
        return start + exif + rest.replace(b"Exif\0\0", b"Skip\0\0")
    if kind == "HEIC" and data.count(b"cdsc") * len(data) > METADATA:
        raise BadInput("This HEIC has more metadata than a photo: export it as JPEG or PNG.")
    # An AVIF says itself how it is turned, and its EXIF may ask for gigabytes.
    return AVIF_EXIF.sub(rb"\1skip", data) if kind == "AVIF" else data

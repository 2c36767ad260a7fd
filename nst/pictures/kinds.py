"""What a file is, by its content: the kinds read here, the others by their names, and of the many
kinds of TIFF those that Pillow reads right."""

import re
import warnings
from contextlib import suppress

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import COMPRESSION_INFO, ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from nst.errors import BadInput
from nst.pictures.files import BoundedReader
from nst.pictures.limits import MEGABYTE

# What is broken in a TIFF or an EXIF block is said by what is raised, if it matters.
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")

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
MOST_PAGES = 50
LARGEST_TILE, MOST_PARTS = 4096 * 4096, 200_000  # pixels: the decoder allocates whole tiles
REDUCED, MASK, SEPARATE, YCBCR, LAB, JPEG = 1, 4, 2, 6, 8, 7
MOSAICS = (32803, 34892)  # what a sensor saw, and that in linear light
DNG_VERSION = 50706
NUMBERS = {1: "unsigned", 2: "signed", 3: "floating"}
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
        return _largest_page(data)
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


def _largest_page(data: bytes) -> bytes:
    """The TIFF with its largest page first. Raises BadInput for a camera's raw file, and with the
    page's kind where Pillow cannot read it, or would read it wrong.
    """
    reader = BoundedReader(data)
    pages: dict[int, dict] = {}
    head = reader.read(8)
    big = head[2] == 43
    directory = ImageFileDirectory_v2(head + reader.read(8 if big else 0))
    while (at := directory.next) and at not in pages and len(pages) < MOST_PAGES:
        reader.seek(at)
        directory.load(reader)
        tags = pages[at] = directory.named()
        preview = "SubIFDs" in tags and tags.get("NewSubfileType") == REDUCED
        mosaic = tags.get("PhotometricInterpretation") in MOSAICS
        if preview or mosaic or DNG_VERSION in directory:
            raise not_read(RAW)
        shown = not tags.get("NewSubfileType", 0) & MASK
        tags["area"] = tags["ImageWidth"] * tags["ImageLength"] * shown
    at = max(pages, key=lambda at: pages[at]["area"])
    size = 8 if big else 4  # of the first page's place, and where that is told
    pointer = at.to_bytes(size, "little" if data.startswith(b"II") else "big")
    found = data[:size] + pointer + data[2 * size :]
    tags = pages[at]
    bits, form = tags.get("BitsPerSample", (1,)), tags.get("SampleFormat", (1,))[0]
    packing, colours = tags.get("Compression", 1), tags.get("PhotometricInterpretation")
    apart = len(bits) > 1 and tags.get("PlanarConfiguration") == SEPARATE
    parts = max(len(tags.get(name, ())) for name in ("StripOffsets", "TileOffsets"))
    read_right = (
        (form == 1 and colours != LAB and len({*bits}) == 1)
        and bits[0] in ((8,) if apart else (1, 2, 4, 8, 16))
        and (colours != YCBCR or packing == JPEG)  # which has one colour for four pixels
        and tags.get("TileWidth", 1) * tags.get("TileLength", 1) <= LARGEST_TILE
        and parts <= MOST_PARTS
    )
    with suppress(SyntaxError):  # Pillow knows no mode or no compression for it
        TiffImageFile(BoundedReader(found))
        if read_right:
            return found
    raise not_read(
        f"a TIFF of {len(bits)} x {bits[0]} bits, {NUMBERS.get(form, form)} numbers"
        f"{', in planes' * apart}, colours {colours}, {parts} parts and compression "
        f"{COMPRESSION_INFO.get(packing, packing)}"
    )

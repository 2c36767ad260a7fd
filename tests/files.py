"""Picture files, made as others write them."""

import io
import struct
import zlib

import pillow_heif
from PIL import Image

LOSSLESS = {"WEBP": {"lossless": True, "exact": True}, "JPEG": {"quality": 95, "subsampling": 0}}


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    """As good as the kind can, unless told otherwise."""
    file = io.BytesIO()
    if kind == "HEIC":
        heic = pillow_heif.from_pillow(image)
        heic.info["exif"] = options.get("exif", Image.Exif()).tobytes()
        heic.save(file, quality=100, chroma=444)
    else:
        image.save(file, kind, **LOSSLESS.get(kind, {}) | options)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

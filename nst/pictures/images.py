"""Files and PIL images in, tensors out, and back.

Everything from outside comes through `open_photo`: checked from its header, decoded in bounded
memory, turned upright, converted to sRGB. At the default limits one call needs at most 1 GB
above what the process had (the worst is a 50-megapixel WebP), and calls decode one at a time,
so that is the bound for the process too.
"""

from __future__ import annotations

import io
import re
import reprlib
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageCms

from nst.errors import BadInput
from nst.pictures.limits import LIMITS, MEGABYTE, Limits
from nst.pictures.sanitize import exif_orientation, only_picture

__all__ = [
    "fit",
    "join_alpha",
    "open_photo",
    "quoted",
    "read_file",
    "split_alpha",
    "to_image",
    "to_tensor",
]

# The second line of defence, for pictures that other libraries decode in this process.
Image.MAX_IMAGE_PIXELS = LIMITS.max_pixels
warnings.simplefilter("error", Image.DecompressionBombWarning)

SIGNATURES = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "GIF": re.compile(rb"GIF8[79]a"),
    "BMP": re.compile(rb"BM"),
    "TIFF": re.compile(rb"II\x2a\x00|MM\x00\x2a"),
    "HEIF": re.compile(rb"....ftyp(?:hei|hev|mif1|msf1)", re.DOTALL),
}
SHORTEST_SIDE = 16
LARGEST_PROFILE = 4 * MEGABYTE
PROFILE_SPACE = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

UPRIGHT = {  # EXIF 2.3, tag 0x0112
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_one_decode_at_a_time = threading.Lock()
_quote = reprlib.Repr()
_quote.maxstring = 120


def open_photo(source: str | Path | bytes | BinaryIO, limits: Limits = LIMITS) -> Image.Image:
    """Open a picture from outside: upright, in sRGB, of mode RGB, or RGBA where it has alpha.

    `source` is a path, the bytes of a file, or an open binary file. Of an animation the first
    frame is taken. A picture longer than `limits.kept_side` is reduced to it. No metadata is
    carried over. Raises BadInput, before decoding wherever the header can tell.
    """
    data = read_file(source, limits)
    kind = _kind(data)
    data, exif = only_picture(kind, data)
    # A broken file makes Pillow's plugins raise almost anything: this is where it becomes one
    # sentence.
    try:
        with _one_decode_at_a_time, Image.open(io.BytesIO(data), formats=[kind]) as image:
            _check_header(image, limits)
            return _decode(image, exif, limits)
    except BadInput:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        found = _millions(int(re.findall(r"\d+", str(error))[0]))
        raise BadInput(
            f"The picture has {found} megapixels: "
            f"at most {_millions(LIMITS.max_pixels)} are allowed."
        ) from None
    except MemoryError:
        raise BadInput("The picture needs more memory than there is; try a smaller one.") from None
    except Exception as error:
        raise BadInput(
            f"This {kind} is damaged or cut short and cannot be read; save or upload it again."
        ) from error


def fit(image: Image.Image, long_side: int, *, enlarge: bool = True) -> Image.Image:
    """Resize to `long_side` pixels on the longer side, keeping the aspect (Lanczos).

    With `enlarge=False` a smaller picture comes back as it is. The short side is never below 16
    pixels, so that every encoder layer has something to look at.
    """
    longest = max(image.size)
    if longest == long_side or (longest < long_side and not enlarge):
        return image
    floor = min(SHORTEST_SIDE, long_side)
    width, height = (max(floor, round(side * long_side / longest)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """An RGB picture to paint, and its alpha (mode L), or None where there is none.

    What lies under transparent pixels is arbitrary, often black, and would be painted as a
    fringe: the picture is composited on the mean colour of what can be seen.
    """
    if image.mode != "RGBA":
        return image.convert("RGB"), None
    alpha = image.getchannel("A")
    weights = np.asarray(alpha, np.float32)
    seen = weights.sum(dtype=np.float64)
    mean = (128, 128, 128)
    if seen:
        channels = (np.asarray(image.getchannel(c), np.float32) for c in "RGB")
        mean = tuple(round((c * weights).sum(dtype=np.float64) / seen) for c in channels)
    return Image.composite(image.convert("RGB"), Image.new("RGB", image.size, mean), alpha), alpha


def join_alpha(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Give a painted RGB picture its photo's alpha back, resized to it."""
    if alpha is None:
        return image
    if alpha.size != image.size:
        alpha = alpha.resize(image.size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    joined = image.copy()
    joined.putalpha(alpha)
    return joined


def to_tensor(image: Image.Image) -> torch.Tensor:
    """(1, 3, H, W) float32 in 0..1, on the CPU. Alpha is composited as in `split_alpha`."""
    pixels = torch.from_numpy(np.array(split_alpha(image)[0]))
    return pixels.permute(2, 0, 1)[None].float().div_(255)


def to_image(tensor: torch.Tensor) -> Image.Image:
    """An RGB image from (1, 3, H, W) of any float type on any device; clamped, then rounded."""
    if tensor.ndim != 4 or tensor.shape[:2] != (1, 3):
        raise ValueError(f"expected (1, 3, H, W), found {tuple(tensor.shape)}")
    pixels = tensor.detach()[0].float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())


def read_file(source: str | Path | bytes | BinaryIO, limits: Limits = LIMITS) -> bytes:
    """All bytes of a file from outside, as `open_photo` takes it; bounded. Raises BadInput."""
    if isinstance(source, (str, Path)):
        data = _read_path(Path(source), limits)
    elif isinstance(source, bytes):
        data = source
    else:
        data = source.read(limits.max_bytes + 1)
    _check_size(len(data), limits)
    return data


def quoted(path: Path) -> str:
    """A path as sentences have it: in quotes, its middle left out where it is long."""
    return _quote.repr(str(path))


def _read_path(path: Path, limits: Limits) -> bytes:
    shown = quoted(path)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise BadInput(f"{shown} is a directory, not a picture.")
        # Opening a pipe or a device could wait for ever.
        if not stat.S_ISREG(found.st_mode):
            raise BadInput(f"{shown} is not an ordinary file.")
        _check_size(found.st_size, limits)
        with path.open("rb") as file:
            return file.read(limits.max_bytes + 1)
    except FileNotFoundError:
        raise BadInput(f"There is no file {shown}.") from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise BadInput(f"{shown} cannot be read: {reason}.") from None


def _check_size(size: int, limits: Limits) -> None:
    if not size:
        raise BadInput("The file is empty (0 bytes).")
    if size > limits.max_bytes:
        raise BadInput(
            f"The file holds {size / MEGABYTE:.1f} MB: "
            f"at most {limits.max_bytes / MEGABYTE:g} MB are allowed."
        )


def _kind(data: bytes) -> str:
    # HEIF only where the operator has registered a plugin for it; the rest is Pillow's own.
    allowed = {
        kind: mark for kind, mark in SIGNATURES.items() if kind != "HEIF" or kind in Image.OPEN
    }
    for kind, mark in allowed.items():
        if mark.match(data):
            return kind
    raise BadInput(f"This is not a picture of a kind that can be read: {', '.join(allowed)}.")


def _check_header(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    found = f"The picture is {width} x {height} pixels"
    if min(width, height) < limits.min_side:
        raise BadInput(f"{found}: each side must have at least {limits.min_side}.")
    if max(width, height) > limits.max_side:
        raise BadInput(f"{found}: no side may have more than {limits.max_side}.")
    if width * height > limits.max_pixels:
        raise BadInput(
            f"{found}, {_millions(width * height)} megapixels: "
            f"at most {_millions(limits.max_pixels)} are allowed."
        )
    if max(width, height) > limits.max_aspect * min(width, height):
        raise BadInput(
            f"{found}: the longer side may be at most {limits.max_aspect:g} times the shorter."
        )


def _decode(image: Image.Image, exif: bytes, limits: Limits) -> Image.Image:
    image.draft("RGB", (limits.kept_side, limits.kept_side))
    image.load()
    exif, profile = exif or image.info.get("exif", b""), image.info.get("icc_profile")
    photo = _to_srgb(fit(_straight(image), limits.kept_side, enlarge=False), profile)
    turn = UPRIGHT.get(exif_orientation(exif))
    return photo.transpose(turn) if turn is not None else photo


def _straight(image: Image.Image) -> Image.Image:
    """Eight bits a channel, without palettes: L, LA, RGB, RGBA, CMYK or LAB."""
    if image.mode.startswith(("I", "F")):
        return _from_deep(image)
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        wanted = "LA" if grey else "RGBA"
    elif image.mode in ("CMYK", "LAB"):
        wanted = image.mode
    else:
        wanted = "L" if grey else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _from_deep(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and floating grey to 8 bits, a band of rows at a time.

    16-bit white is 65535 (also in mode I, where Pillow may put it) and floating white is 1;
    values outside say that the file means something else, and its own range is stretched.
    """
    low = min(float(band.min()) for _, band in _bands(image))
    high = max(float(band.max()) for _, band in _bands(image))
    white = 1.0 if image.mode == "F" else 65535.0
    if low >= 0 and high <= white:
        low, high = 0.0, white
    grey = np.empty((image.height, image.width), np.uint8)
    for top, band in _bands(image):
        scaled = (band - low) * (255 / (high - low or 1.0))
        grey[top : top + len(band)] = np.rint(scaled)
    return Image.fromarray(grey)


def _bands(image: Image.Image, rows: int = 64) -> Iterator[tuple[int, np.ndarray]]:
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        yield top, np.nan_to_num(np.asarray(band, np.float64), posinf=0, neginf=0)


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB, or RGBA where something is transparent; always a new image without metadata."""
    alpha = picture.getchannel("A") if picture.mode.endswith("A") else None
    colour = picture.convert(picture.mode.removesuffix("A")) if alpha is not None else picture
    photo = _converted(colour, profile) or colour.convert("RGB")
    if alpha is not None and alpha.getextrema() != (255, 255):
        photo.putalpha(alpha)
    photo.info = {}
    return photo


def _converted(colour: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Through its profile to sRGB; None if that is broken, giant or made for other channels."""
    if colour.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return ImageCms.profileToProfile(colour, lab, SRGB, outputMode="RGB")
    if not profile or len(profile) > LARGEST_PROFILE:
        return None
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if found.profile.xcolor_space.strip() != PROFILE_SPACE[colour.mode]:
            return None
        return ImageCms.profileToProfile(colour, found, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:.4g}"

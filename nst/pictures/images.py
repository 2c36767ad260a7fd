"""Files and PIL images in, tensors out, and back.

Everything from outside comes through `open_photo`: checked from its header, decoded in bounded
memory, turned upright, converted to sRGB. At the default limits one call needs at most 1 GB
above what the process had (the worst is a 50-megapixel WebP), and calls decode one at a time,
so that is the bound for the process too.
"""

from __future__ import annotations

import reprlib
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps, TiffTags

from nst.errors import BadInput
from nst.pictures.kinds import DECODERS, MOST_FRAMES, NOT_SHOWN_BY_BROWSERS, kind_of, tamed
from nst.pictures.limits import LIMITS, MEGABYTE, Limits
from nst.pictures.profiles import profile_of, to_srgb
from nst.pictures.tiff import BITS, COLOURS, ORIENTATION, SAMPLE_FORMAT, BoundedReader, orientation

Source = str | Path | bytes | BinaryIO
Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]

SHORTEST_SIDE = 16
PLAIN_SIDE, PLAIN_RANGE = 64, 8  # pixels, values of 255
LUMA = (0.299, 0.587, 0.114)  # of mode L
LARGEST_LOSS = 0.5  # of a JPEG that is cut short
LARGEST_REDUCTION = 4  # of a JPEG beyond the limit, in each direction
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
CODES_COLOURS = ("PNG", "AVIF", "HEIC")

_one_decode_at_a_time = threading.Lock()
_quote = reprlib.Repr()
_quote.maxstring = 120


def open_photo(source: Source | Image.Image, limits: Limits = LIMITS) -> Image.Image:
    """Open a picture from outside: upright, in sRGB, of mode RGB, or RGBA where it has alpha.

    `source` is a path, the bytes of a file, an open binary file, or a PIL picture, which is left
    as it is. Of an animation the first frame that shows something is taken, of a TIFF the largest
    page. A picture longer than `limits.kept_side` is reduced to it. No metadata is carried over;
    `info["note"]` is a sentence where part of the file is missing. Raises BadInput, before
    decoding wherever the header can tell.
    """
    if isinstance(source, Image.Image):
        kind, data = source.format or "picture", b""
    else:
        data = read_file(source, limits)
        kind = kind_of(data)
    # A broken file makes Pillow's plugins raise almost anything: this is where it becomes one
    # sentence.
    try:
        with _one_decode_at_a_time:
            if not isinstance(source, Image.Image):
                return _decoded(kind, data, limits)
            _check_size(source, limits)
            turn = source.getexif().get(ORIENTATION, 1)
            return _finished(_straight(source), profile_of(source), turn, limits)
    except BadInput:
        raise
    except MemoryError:
        raise BadInput("The picture needs more memory than there is; try a smaller one.") from None
    except Exception as error:
        raise BadInput(
            f"This {kind} is damaged or cut short and cannot be read; save or upload it again."
        ) from error


def browser_preview(path: str | Path, long_side: int = 1024) -> Image.Image | None:
    """A picture to show in place of a file that browsers cannot show; None where they can."""
    if kind_of(read_file(path)) not in NOT_SHOWN_BY_BROWSERS:
        return None
    return fit(open_photo(path), long_side, enlarge=False)


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


def plain_colour(image: Image.Image) -> Colour | None:
    """The colour of a picture that has only one, give or take a JPEG's noise; or None."""
    small = np.asarray(fit(split_alpha(image)[0], PLAIN_SIDE, enlarge=False))
    if np.ptp(small, axis=(0, 1)).max() > PLAIN_RANGE:
        return None
    red, green, blue = small.mean((0, 1)).round().astype(int).tolist()
    return red, green, blue


def in_colour(photo: Image.Image, colour: Colour) -> Image.Image:
    """A photo in one colour, from black through that to white: what a style of one colour gives."""
    picture, alpha = split_alpha(photo)
    grey = round(float(np.dot(colour, LUMA)))
    painted = ImageOps.colorize(
        picture.convert("L"), "black", "white", colour, midpoint=min(max(grey, 1), 254)
    )
    return join_alpha(painted, alpha)


def concerns(photo: Image.Image, styles: Sequence[Image.Image]) -> list[str]:
    """Sentences to say before these are painted; none where all is well."""
    said = [picture.info["note"] for picture in (photo, *styles) if "note" in picture.info]
    if all(plain_colour(style) is not None for style in styles):
        said.append("The style is of one colour: the photo is given that colour and not painted.")
    return said


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


def read_file(source: Source, limits: Limits = LIMITS) -> bytes:
    """All bytes of a file from outside, as `open_photo` takes it; bounded. Raises BadInput."""
    if isinstance(source, (str, Path)):
        data = _read_path(Path(source), limits)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif hasattr(source, "read"):
        if source.seekable():
            source.seek(0)
        data = source.read(limits.max_bytes + 1)
    else:
        data = None
    if not isinstance(data, bytes):
        raise BadInput(
            "A picture is given as a path, bytes, an open binary file or a PIL image, "
            f"not as {type(source).__name__}."
        )
    _check_bytes(len(data), limits)
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
        _check_bytes(found.st_size, limits)
        with path.open("rb") as file:
            return file.read(limits.max_bytes + 1)
    except FileNotFoundError:
        raise BadInput(f"There is no file {shown}.") from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise BadInput(f"{shown} cannot be read: {reason}.") from None


def _check_bytes(size: int, limits: Limits) -> None:
    if not size:
        raise BadInput("The file is empty (0 bytes).")
    if size > limits.max_bytes:
        raise BadInput(
            f"The file holds {size / MEGABYTE:.1f} MB: "
            f"at most {limits.max_bytes / MEGABYTE:g} MB are allowed."
        )


def _check_size(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    found = f"The picture is {width} x {height} pixels"
    if min(width, height) < limits.min_side:
        raise BadInput(f"{found}: each side must have at least {limits.min_side}.")
    if max(width, height) > limits.max_side:
        raise BadInput(f"{found}: no side may have more than {limits.max_side}.")
    if width * height > limits.max_pixels:
        raise BadInput(
            f"{found}, {width * height / 1e6:.4g} megapixels: at most "
            f"{limits.max_pixels / 1e6:.4g} are allowed. Make it smaller; a JPEG that is not "
            f"progressive can have {LARGEST_REDUCTION**2} times as many."
        )
    if max(width, height) > limits.max_aspect * min(width, height):
        raise BadInput(
            f"{found}: the longer side may be at most {limits.max_aspect:g} times the shorter."
        )


def _decoded(kind: str, data: bytes, limits: Limits) -> Image.Image:
    data, exif = tamed(kind, data)
    image = _opened(kind, data, limits)
    profile = profile_of(image, data if kind in CODES_COLOURS else b"")
    box, note = (image.tile and image.tile[0][1]) or (0, 0, *image.size), ""
    try:
        image.load()
    except OSError:
        if kind != "JPEG":
            raise
        # With an end to it, the decoder shows what there is, as viewers do.
        image = _opened(kind, data + b"\xff\xd9", limits)
        image.load()
        if lost := _lost(image):
            note = f"This JPEG is cut short: its last {lost:.0%} are missing."
        elif "progressive" in image.info:
            note = "This JPEG is cut short and may be coarser than it was."
    if kind not in ("TIFF", "HEIC"):  # which their decoders turn
        exif = exif or image.info.get("exif", b"")
    photo = _finished(_shown(image, box, limits), profile, orientation(exif), limits)
    if note:
        photo.info["note"] = note
    return photo


def _opened(kind: str, data: bytes, limits: Limits) -> ImageFile.ImageFile:
    """The header read and found good, and nothing decoded yet."""
    file = BoundedReader(data)
    image = DECODERS[kind][1](file)
    if kind == "JPEG":
        _reduce(image, limits)
    _check_size(image, limits)
    if kind == "PNG" and isinstance(clear := image.info.get("transparency"), tuple):
        bits = data[24]  # Pillow takes 16 of them to 8, but leaves the transparent value
        image.info["transparency"] = tuple(value >> (bits - 8) for value in clear)
    if kind == "TIFF":
        for tag in TiffTags.TAGS_V2_GROUPS:  # the decoder would read what is behind them
            image.getexif().pop(tag, None)
    file.left = sys.maxsize
    return image


def _reduce(image: ImageFile.ImageFile, limits: Limits) -> None:
    """Have a JPEG decoded at a half, quarter or eighth: none of its pixels would be kept anyway.

    One beyond the limit may become smaller than what would be kept; a progressive one cannot,
    for its decoder holds it whole, whatever size comes out.
    """
    width, height, size = *image.size, (limits.kept_side, limits.kept_side)
    if width * height > limits.max_pixels:
        if "progressive" in image.info or width * height > LARGEST_REDUCTION**2 * limits.max_pixels:
            return
        scale = next(s for s in (2, 4) if width * height <= s**2 * limits.max_pixels)
        size = width // scale, height // scale
    image.draft(None, size)


def _lost(image: Image.Image) -> float:
    """The share of rows that a decoder left as they were. Raises BadInput where it is most."""
    edge = np.asarray(image.crop((image.width - 8, 0, *image.size))).reshape(image.height, -1)
    grey = (edge == edge[-1]).all(1) & (edge[-1] == edge[-1, 0]).all()
    lost = 1.0 if grey.all() else float(grey[::-1].argmin() / len(grey))
    if lost > LARGEST_LOSS:
        raise BadInput("This JPEG is cut short: most of it is missing; save or upload it again.")
    return lost


def _shown(image: Image.Image, box: Box, limits: Limits) -> Image.Image:
    """The first frame that shows something, or else the first; `box` is where that lies."""
    first = _straight(image)
    if image.format == "GIF" and box != (0, 0, *image.size):
        frame = first.convert("RGBA").crop(box)
        first = Image.new("RGBA", image.size)  # browsers leave the rest of it transparent
        first.paste(frame, box)
    shown, frames = first, getattr(image, "n_frames", 1) if image.format in ANIMATED else 1
    for number in range(1, min(frames, MOST_FRAMES)):
        if not _is_plain(shown):
            return shown
        first = first.copy()
        image.seek(number)
        _check_size(image, limits)
        shown = _straight(image)
    return first if _is_plain(shown) else shown


def _is_plain(picture: Image.Image) -> bool:
    """Whether it is of one colour, or nothing of it can be seen."""
    ranges = [picture.getchannel(band).getextrema() for band in picture.getbands()]
    return all(low == high for low, high in ranges) or (
        picture.mode.endswith("A") and ranges[-1][1] == 0
    )


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
    """16-bit, 32-bit and floating grey to 8 bits; LA where one of its values is transparent.

    White is what the file's bits can hold, up to 16 of them, and 1 in floating point; values
    outside say that the file means something else, and its own range is stretched.
    """
    tags = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    if tags and values.dtype == np.int32 and tags.get(SAMPLE_FORMAT, (1,))[0] == 1:
        values = values.view(np.uint32)
    deep = np.nan_to_num(values.astype(np.float32), copy=False, posinf=0, neginf=0)
    white = 1.0 if image.mode == "F" else 2.0 ** min(tags.get(BITS, (16,))[0], 16) - 1
    low, high = float(deep.min()), float(deep.max())
    if values.dtype == np.uint32 and high > 2.0**31:
        white = 2.0**32 - 1
    if low >= 0 and high <= white:
        low, high = 0.0, white
    deep -= low
    deep *= 255 / (high - low or 1.0)
    if tags.get(COLOURS) == 0:  # white is zero, which Pillow heeds up to 8 bits
        np.subtract(255, deep, out=deep)
    grey = Image.fromarray(np.rint(deep, out=deep).astype(np.uint8))
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return grey
    return Image.merge(
        "LA", [grey, Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))]
    )


def _finished(
    picture: Image.Image, profile: bytes | None, turn: int, limits: Limits
) -> Image.Image:
    """RGB, or RGBA where something is transparent; always a new image without metadata."""
    picture = fit(picture, limits.kept_side, enlarge=False)
    alpha = picture.getchannel("A") if picture.mode.endswith("A") else None
    photo = to_srgb(picture.convert(picture.mode.removesuffix("A")) if alpha else picture, profile)
    if alpha and alpha.getextrema()[1] == 0:
        raise BadInput("The picture is transparent all over: there is nothing in it to see.")
    if alpha and alpha.getextrema() != (255, 255):
        photo.putalpha(alpha)
    photo.info = {}
    if turn != 1:
        photo.getexif()[ORIENTATION] = turn
        ImageOps.exif_transpose(photo, in_place=True)
    return photo

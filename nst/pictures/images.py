"""Files and PIL images in, tensors out, and back.

Everything from outside comes through `open_photo`: checked from its header, decoded in bounded
memory, turned upright, converted to sRGB. At the default limits one call needs at most 1 GB
above what the process had (the worst is a 50-megapixel WebP), and calls decode one at a time.
"""

import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps, ImageStat

from nst.errors import BadInput
from nst.pictures.files import BoundedReader, Source, read_file
from nst.pictures.kinds import DECODERS, NOT_SHOWN_BY_BROWSERS, kind_of, not_read, tamed
from nst.pictures.limits import LIMITS, Limits
from nst.pictures.profiles import to_srgb

SHORTEST_SIDE = 16  # so that every encoder layer has something to look at
PLAIN_SIDE, PLAIN_RANGE = 64, 8  # pixels, values of 255
LUMA = (0.299, 0.587, 0.114)  # of mode L
ORIENTATION, LARGEST_EXIF = 274, 1 << 16  # bytes, as in a JPEG
MOST_REDUCED = 8  # how many times the pixels a JPEG may have that is decoded smaller
MOST_FRAMES = 20  # that are looked at
CUT_SHORT = "This JPEG is cut short: what is missing is grey, or coarser than it was."

_one_decode_at_a_time = threading.Lock()


def open_photo(source: Source | Image.Image, limits: Limits = LIMITS) -> Image.Image:
    """Open a picture from outside: upright, in sRGB, RGB or RGBA, at most `limits.kept_side` long.

    source: a path, bytes, an open binary file, or a PIL picture, which is left as it is. Only
    `info["note"]`, a sentence where part of the file is missing, is carried over. Raises BadInput,
    before decoding wherever the header can tell.
    """
    data = b"" if isinstance(source, Image.Image) else read_file(source, limits)
    kind = kind_of(data) if data else "picture"
    try:
        with _one_decode_at_a_time:
            if not isinstance(source, Image.Image):
                return _decoded(kind, data, limits)
            _check_size(source, limits)
            return _finished(_straight(source), source.info, b"", limits)
    except BadInput:
        raise
    except Exception as error:  # a broken file makes Pillow's plugins raise almost anything
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

    With `enlarge=False` a smaller picture comes back as it is.
    """
    longest = max(image.size)
    if longest == long_side or (longest < long_side and not enlarge):
        return image
    floor = min(SHORTEST_SIDE, long_side)
    width, height = (max(floor, round(side * long_side / longest)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def plain_colour(image: Image.Image) -> tuple[int, ...] | None:
    """The colour of a picture that has only one, give or take a JPEG's noise; or None."""
    small = np.asarray(fit(split_alpha(image)[0], PLAIN_SIDE, enlarge=False))
    plain = np.ptp(small, axis=(0, 1)).max() <= PLAIN_RANGE
    return tuple(small.mean((0, 1)).round().astype(int).tolist()) if plain else None


def in_colour(photo: Image.Image, colour: tuple[int, ...]) -> Image.Image:
    """A photo in one colour, from black through that to white: what a style of one colour gives."""
    picture, alpha = split_alpha(photo)
    grey = min(max(round(float(np.dot(colour, LUMA))), 1), 254)
    painted = ImageOps.colorize(picture.convert("L"), "black", "white", colour, midpoint=grey)
    return join_alpha(painted, alpha)


def concerns(photo: Image.Image, styles: Sequence[Image.Image]) -> list[str]:
    """Sentences to say before these are painted; none where all is well."""
    said = [picture.info["note"] for picture in (photo, *styles) if "note" in picture.info]
    if all(plain_colour(style) is not None for style in styles):
        said.append("The style is of one colour: the photo is given that colour and not painted.")
    return said


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """An RGB picture to paint, and its alpha (mode L), or None where there is none."""
    picture = image.convert("RGB")
    if image.mode != "RGBA":
        return picture, None
    # What lies under transparent pixels is arbitrary, often black, and would make a fringe: it
    # becomes the mean of what can be seen.
    alpha = image.getchannel("A")
    seen = ImageStat.Stat(picture, alpha)
    mean = tuple(map(round, seen.mean)) if seen.count[0] else (128, 128, 128)
    return Image.composite(picture, Image.new("RGB", image.size, mean), alpha), alpha


def join_alpha(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Give a painted RGB picture its photo's alpha back, resized to it."""
    if alpha is None:
        return image
    joined = image.copy()
    joined.putalpha(alpha.resize(image.size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    return joined


def to_tensor(image: Image.Image) -> torch.Tensor:
    """(1, 3, H, W) float32 in 0..1, on the CPU. Alpha is composited as in `split_alpha`."""
    pixels = torch.from_numpy(np.array(split_alpha(image)[0]))
    return pixels.permute(2, 0, 1)[None].float().div_(255)


def to_image(tensor: torch.Tensor) -> Image.Image:
    """An RGB image from (1, 3, H, W) of any float type on any device; clamped, then rounded."""
    pixels = tensor.detach()[0].float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())


def _check_size(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if not limits.min_side <= min(image.size) <= max(image.size) <= limits.max_side:
        allowed = f"a side may have from {limits.min_side} to {limits.max_side}"
    elif width * height > limits.max_pixels:
        allowed = f"at most {limits.max_pixels / 1e6:.4g} megapixels are allowed; make it smaller"
    elif max(image.size) > limits.max_aspect * min(image.size):
        allowed = f"the longer side may be at most {limits.max_aspect:g} times the shorter"
    else:
        return
    raise BadInput(f"The picture is {width} x {height} pixels: {allowed}.")


def _decoded(kind: str, data: bytes, limits: Limits) -> Image.Image:
    data = tamed(kind, data)
    image, note = _opened(kind, data, limits), ""
    box = image.tile[0][1] if image.tile else None
    try:
        image.load()
    except OSError:
        if kind != "JPEG":
            raise
        # With an end to it, the decoder shows what there is, as viewers do, and the rest grey.
        image = _opened(kind, data + b"\xff\xd9", limits)
        image.load()
        corner = image.crop((image.width - 8, image.height - 8, *image.size))
        if "progressive" in image.info or (np.asarray(corner) == 128).all():
            note = CUT_SHORT
    photo = _finished(_shown(image, box, limits), image.info, data, limits)
    photo.info |= {"note": note} if note else {}
    return photo


def _opened(kind: str, data: bytes, limits: Limits) -> ImageFile.ImageFile:
    """The header read and found good, and nothing decoded yet."""
    file = BoundedReader(data)
    image = DECODERS[kind][1](file)
    if kind == "JPEG":
        # At a half, quarter or eighth where none of the pixels would be kept; but the decoder of
        # a progressive one holds it whole.
        times = 1 if "progressive" in image.info else MOST_REDUCED
        _check_size(image, replace(limits, max_pixels=times * limits.max_pixels))
        kept = limits.kept_side / max(image.size)
        image.draft(None, (int(image.width * kept), int(image.height * kept)))
    _check_size(image, limits)
    if kind not in ("GIF", "TIFF"):
        file.bytes_left = file.reads_left = sys.maxsize
    return image


def _shown(image: Image.Image, box: tuple | None, limits: Limits) -> Image.Image:
    """The first frame that shows something, or else the first, which lies in `box`."""
    first = shown = _straight(image)
    if image.format == "GIF" and box != (0, 0, *image.size):
        first = shown = Image.new("RGBA", image.size)  # browsers leave the rest transparent
        first.paste(image.convert("RGBA").crop(box), box)
    with suppress(EOFError):
        for number in range(1, 1 if image.format in ("TIFF", "HEIF") else MOST_FRAMES):
            low, high = np.reshape(shown.getextrema(), (-1, 2)).T
            invisible = shown.mode.endswith("A") and high[-1] == 0
            if not invisible and (low != high).any():
                return shown
            first = first.copy()
            image.seek(number)
            _check_size(image, limits)
            shown = _straight(image)
    return first


def _straight(image: Image.Image) -> Image.Image:
    """Eight bits a channel, without palettes: L, LA, RGB, RGBA or CMYK."""
    if image.mode in ("F", "LAB"):
        raise not_read(f"a picture of mode {image.mode}")
    if image.mode == "CMYK":
        return image
    if not image.mode.startswith("I"):
        wanted = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
        wanted += "A" * image.has_transparency_data
        return image if image.mode == wanted else image.convert(wanted)
    values = np.asarray(image)  # grey of 16 bits
    grey = (np.clip(values, 0, 65535) / np.float32(257)).round().astype(np.uint8)
    if getattr(image, "tag_v2", {}).get(262) == 0:  # white is zero: Pillow heeds it in 8 bits
        grey = 255 - grey
    straight = Image.fromarray(grey)
    if isinstance(clear := image.info.get("transparency"), int):
        straight.putalpha(Image.fromarray(values != clear).convert("L"))
    return straight


def _finished(picture: Image.Image, info: dict, data: bytes, limits: Limits) -> Image.Image:
    """RGB, or RGBA where something is transparent, without metadata. info, data: of its file."""
    picture = fit(picture, limits.kept_side, enlarge=False)
    alpha = picture.getchannel("A") if picture.mode.endswith("A") else None
    photo = to_srgb(picture.convert(picture.mode.removesuffix("A")), info, data)
    if alpha and alpha.getextrema()[1] == 0:
        raise BadInput("The picture is transparent all over: there is nothing in it to see.")
    if alpha and alpha.getextrema() != (255, 255):
        photo.putalpha(alpha)
    photo.info, exif = {}, Image.Exif()
    with suppress(Exception):  # a picture is not refused for its metadata
        exif.load((info.get("exif") or b"")[:LARGEST_EXIF])
    if (turn := exif.get(ORIENTATION, 1)) in range(2, 9):
        photo.getexif()[ORIENTATION] = turn
        ImageOps.exif_transpose(photo, in_place=True)
    return photo

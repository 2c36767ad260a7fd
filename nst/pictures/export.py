"""What people take home: a picture that knows its recipe, sheets and cards."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps, ImageStat, PngImagePlugin

from nst.errors import BadInput
from nst.pictures.images import read_file, split_alpha
from nst.pictures.lettering import Words, set_words
from nst.pictures.limits import MEGABYTE, Limits
from nst.pictures.sanitize import png_chunks
from nst.recipe import Recipe

__all__ = [
    "contact_sheet",
    "read_notes",
    "read_recipe",
    "save_picture",
    "share_card",
]

PREFIX = "nst-"
LONGEST_NOTE = 16_384
MOST_NOTES = 32
PRINTS = Limits(max_bytes=128 * MEGABYTE)  # a 4096-pixel PNG is larger than a photo may be

PAPER, INK, PENCIL = "#faf8f4", "#26231f", "#6f6a62"
WHITE, CHALK = "#ffffff", "#dcd9d3"
CARD = (1200, 630)  # what social networks show of a link
MARGIN = 48

Box = tuple[int, int, int, int]  # left, top, right, bottom


def save_picture(
    image: Image.Image,
    where: str | Path | BinaryIO,
    recipe: Recipe | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Save as the suffix of a path says (.png, .jpg, .jpeg, .webp), or as PNG into a file.

    A PNG carries its recipe, and notes such as the name of the preset, as text; the other
    formats do not. A path never holds half a picture. Raises BadInput where it cannot be written.
    """
    if not isinstance(where, (str, Path)):
        image.save(where, "PNG", pnginfo=_texts(recipe, notes or {}))
        return
    path = Path(where)
    # A name of its own: the picture's may be as long as a name can be.
    part = path.with_name(f".{token_hex(8)}.part")
    try:
        with part.open("wb") as file:
            _encode(image, path.suffix.lower(), file, _texts(recipe, notes or {}))
        os.replace(part, path)
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):  # what was raised above says more
            part.unlink(missing_ok=True)


def read_recipe(source: str | Path | bytes | BinaryIO) -> Recipe:
    """The recipe that a PNG of `save_picture` carries. Raises BadInput where there is none."""
    text = _read_texts(source).get("recipe")
    if text is None:
        raise BadInput(
            "There is no recipe in this picture: only PNG files painted here remember theirs."
        )
    return Recipe.from_json(text)


def read_notes(source: str | Path | bytes | BinaryIO) -> dict[str, str]:
    """The notes that a PNG of `save_picture` carries beside its recipe."""
    return {name: text for name, text in _read_texts(source).items() if name != "recipe"}


def contact_sheet(
    tiles: Sequence[tuple[Image.Image, str]], columns: int, title: str = "", tile: int = 420
) -> Image.Image:
    """Pictures in rows with their captions below, on paper. RGB; `tile` is a cell's side.

    Pictures of any aspect are shown whole. Large sets get smaller tiles, so that a sheet stays
    below about 30 megapixels.
    """
    if not tiles:
        raise BadInput("There are no pictures for a contact sheet: one is needed at least.")
    columns = max(1, min(columns, len(tiles)))
    tile = max(48, min(tile, int((3e7 / len(tiles)) ** 0.5), 8000 // columns))
    gap, size = round(tile * 0.08), max(11, round(tile * 0.048))
    pictures = [_contained(picture, tile, tile) for picture, _ in tiles]
    captions = [Words(caption, size, tile, most_lines=3) for _, caption in tiles]
    rows = [range(i, min(i + columns, len(tiles))) for i in range(0, len(tiles), columns)]
    heights = [
        (max(pictures[i].height for i in row), max(captions[i].height for i in row)) for row in rows
    ]
    width = columns * (tile + gap) + 3 * gap
    heading = Words(title, round(tile * 0.09), width - 4 * gap, most_lines=2)
    top = 2 * gap + (heading.height + gap if heading.lines else 0)
    height = top + sum(picture + caption + 2 * gap for picture, caption in heights) + gap // 2
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    heading.draw(pen, 2 * gap, round(1.6 * gap), INK)
    for row, (tallest, below) in zip(rows, heights, strict=True):
        for column, i in enumerate(row):
            left = 2 * gap + column * (tile + gap)
            at = (left + (tile - pictures[i].width) // 2, top + tallest - pictures[i].height)
            sheet.paste(pictures[i], at)
            captions[i].draw(pen, left + tile / 2, top + tallest + gap * 0.35, PENCIL, "m")
        top += tallest + below + 2 * gap
    return sheet


def share_card(
    photo: Image.Image, style: Image.Image, result: Image.Image, title: str, credit: str = ""
) -> Image.Image:
    """1200 x 630: the result large, what it was made of small, a title and whose style it is.

    All three pictures are shown whole, whatever their aspects; behind them lies the result
    itself, out of focus, so that the card has its colours.
    """
    card, (width, height) = _backdrop(result), CARD
    if result.width > 2.4 * result.height:
        shown = _contained(result, width - 2 * MARGIN, 320)
        _hang(card, shown, (width - shown.width) // 2, MARGIN)
        top = 2 * MARGIN + shown.height - 8
        left, middle, right = MARGIN, width // 2 + MARGIN // 2, width - MARGIN
        _letter(
            card, (left, top, middle - MARGIN, height - MARGIN), title, credit, range(40, 23, -2), 2
        )
        _sources(card, (middle, top, right, height - MARGIN), photo, style)
    else:
        shown = _contained(result, 748, height - 2 * MARGIN)
        _hang(card, shown, MARGIN, (height - shown.height) // 2)
        column = (2 * MARGIN + shown.width, MARGIN, width - MARGIN, height - MARGIN)
        above, below = _letter(card, column, title, credit, range(54, 23, -2), 4)
        _sources(card, (column[0], above + 32, column[2], below - 24), photo, style)
    return card


def _texts(recipe: Recipe | None, notes: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    own = {"recipe": recipe.to_json()} if recipe is not None else {}
    for name, text in {**notes, **own}.items():
        if len(text) > LONGEST_NOTE:
            raise BadInput(f"{name} has {len(text)} letters: at most {LONGEST_NOTE} fit a picture.")
        # tEXt can only hold Latin-1.
        info.add_itxt(PREFIX + name, text)
    return info


def _encode(image: Image.Image, suffix: str, file: BinaryIO, texts: PngImagePlugin.PngInfo) -> None:
    if suffix == ".png":
        image.save(file, "PNG", pnginfo=texts)
    elif suffix == ".webp":
        image.save(file, "WEBP", quality=95)
    elif suffix in (".jpg", ".jpeg"):
        split_alpha(image)[0].save(file, "JPEG", quality=95, subsampling=0)
    else:
        raise BadInput(f"A picture cannot be saved as {suffix!r}: .png, .jpg and .webp are known.")


def _read_texts(source: str | Path | bytes | BinaryIO) -> dict[str, str]:
    data = read_file(source, PRINTS)
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise BadInput("Only PNG files remember their recipe, and this is none.")
    found: dict[str, str] = {}
    for kind, start, end in png_chunks(data):
        body = data[start + 8 : end - 4]
        if kind == b"iTXt" and body.startswith(PREFIX.encode()):
            if len(body) > 4 * LONGEST_NOTE + 100 or len(found) >= MOST_NOTES:
                raise BadInput("The notes in this picture are larger than any written here.")
            if data[end - 4 : end] != struct.pack(">I", zlib.crc32(kind + body)):
                raise BadInput("The recipe in this picture is damaged.")
            name, text = _itxt(body)
            found.setdefault(name, text)
    return found


def _itxt(body: bytes) -> tuple[str, str]:
    """Name and text of an iTXt chunk as `_texts` writes it: not compressed, in no language."""
    name, mark, text = body.partition(b"\0\0\0\0\0")
    try:
        if not mark:
            raise ValueError
        return name.decode("ascii").removeprefix(PREFIX), text.decode("utf-8")
    except ValueError:
        raise BadInput("The recipe in this picture is damaged.") from None


def _contained(image: Image.Image, width: int, height: int) -> Image.Image:
    """Whole and as large as fits the box, never more than three times its own pixels."""
    picture = split_alpha(image)[0]
    scale = min(width / picture.width, height / picture.height, 3.0)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _backdrop(image: Image.Image) -> Image.Image:
    covered = ImageOps.fit(split_alpha(image)[0], (CARD[0] // 8, CARD[1] // 8))
    vivid = ImageEnhance.Color(covered).enhance(1.4)
    soft = vivid.filter(ImageFilter.GaussianBlur(7)).resize(CARD, Image.Resampling.BICUBIC)
    (grey,) = ImageStat.Stat(soft.convert("L")).mean
    # White letters need a dark ground whatever the painting: about a sixth of white.
    return ImageEnhance.Brightness(soft).enhance(min(0.5, 44 / max(grey, 1)))


def _letter(
    card: Image.Image, box: Box, title: str, credit: str, sizes: range, lines: int
) -> tuple[int, int]:
    """Title at the top of the box, credit at its bottom; (top, bottom) of the room between."""
    left, top, right, bottom = box
    pen, room = ImageDraw.Draw(card), right - left
    words = set_words(title, sizes, room, lines)
    thanks = Words(credit, 19, room, most_lines=3)
    words.draw(pen, left, top - 8, WHITE)
    thanks.draw(pen, left, bottom - thanks.height + 5, CHALK)
    return top + words.height, bottom - thanks.height


def _sources(card: Image.Image, box: Box, photo: Image.Image, style: Image.Image) -> None:
    """Photo and style side by side at the bottom of the box, each with its name below."""
    left, top, right, bottom = box
    gap = 24
    width = (right - left - gap) // 2
    for i, (picture, name) in enumerate([(photo, "the photo"), (style, "the style")]):
        label = Words(name, 19, width, most_lines=1)
        foot = bottom - label.height - 6
        small = _contained(picture, width, min(260, foot - top))
        at = left + i * (width + gap)
        _hang(card, small, at, foot - small.height)
        label.draw(ImageDraw.Draw(card), at, bottom - label.height + 5, CHALK)


def _hang(card: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    """Paste with a soft shadow and a thin white frame."""
    reach = 24
    size = (picture.width + 2 * reach, picture.height + 2 * reach)
    shadow = Image.new("L", size, 0)
    shadow.paste(150, (reach, reach + 6, size[0] - reach, size[1] - reach + 6))
    shadow = shadow.filter(ImageFilter.GaussianBlur(reach / 3))
    card.paste("#000000", (left - reach, top - reach), shadow)
    card.paste(ImageOps.expand(picture, 3, "#ffffff"), (left - 3, top - 3))

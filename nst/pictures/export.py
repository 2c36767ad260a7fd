"""What people take home: a picture that knows its recipe, a sheet of many, a card to share."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps, ImageStat
from PIL.PngImagePlugin import PngImageFile, PngInfo

from nst.errors import BadInput
from nst.pictures.images import Source, quoted, read_file, split_alpha
from nst.pictures.lettering import height, written
from nst.pictures.limits import MEGABYTE, Limits
from nst.recipe import Recipe

PREFIX = "nst-"
LONGEST_NOTE = 16_384
MOST_NOTES = 32
PRINTS = Limits(max_bytes=128 * MEGABYTE)  # a 4096-pixel PNG is larger than a photo may be
PAPER, INK, PENCIL = "#faf8f4", "#26231f", "#6f6a62"
WHITE, CHALK = "#ffffff", "#dcd9d3"
CARD = WIDTH, HEIGHT = 1200, 630  # what social networks show of a link
MARGIN, GAP, SMALL = 48, 24, 19

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
    texts = _texts(recipe, notes or {})
    if not isinstance(where, (str, Path)):
        image.save(where, "PNG", pnginfo=texts)
        return
    path = Path(where)
    # A name of its own: the picture's may be as long as a name can be.
    part = path.with_name(f".{token_hex(8)}.part")
    try:
        part.write_bytes(_encoded(image, path.suffix.lower(), texts))
        os.replace(part, path)
    except OSError as error:
        raise BadInput(f"{quoted(path)} cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):  # what was raised above says more
            part.unlink(missing_ok=True)


def read_recipe(source: Source) -> Recipe:
    """The recipe that a PNG of `save_picture` carries. Raises BadInput where there is none."""
    text = _read_texts(source).get("recipe")
    if text is None:
        raise BadInput(
            "There is no recipe in this picture: only PNG files painted here remember theirs."
        )
    return Recipe.from_json(text)


def read_notes(source: Source) -> dict[str, str]:
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
        raise BadInput("There are no pictures for a contact sheet: at least one is needed.")
    columns = max(1, min(columns, len(tiles)))
    tile = max(48, min(tile, int((3e7 / len(tiles)) ** 0.5), 8000 // columns))
    gap, size = round(tile * 0.08), max(11, round(tile * 0.048))
    pictures = [_contained(picture, tile, tile) for picture, _ in tiles]
    captions = [written(caption, tile, 3, [size]) for _, caption in tiles]
    rows = [range(i, min(i + columns, len(tiles))) for i in range(0, len(tiles), columns)]
    heights = [
        (max(pictures[i].height for i in row), max(height(captions[i]) for i in row))
        for row in rows
    ]
    width = columns * (tile + gap) + 3 * gap
    heading = written(title, width - 4 * gap, 2, [round(tile * 0.09)])
    top = 2 * gap + (height(heading) + gap if heading.text else 0)
    below = sum(picture + caption + 2 * gap for picture, caption in heights)
    sheet = Image.new("RGB", (width, top + below + gap // 2), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((2 * gap, round(1.6 * gap)), heading, INK)
    for row, (tallest, lines) in zip(rows, heights, strict=True):
        for column, i in enumerate(row):
            middle = 2 * gap + column * (tile + gap) + tile // 2
            at = (middle - pictures[i].width // 2, top + tallest - pictures[i].height)
            sheet.paste(pictures[i], at)
            under = (middle, top + tallest + gap * 0.4)
            pen.text(under, captions[i], PENCIL, anchor="ma", align="center")
        top += tallest + lines + 2 * gap
    return sheet


def share_card(
    photo: Image.Image, style: Image.Image, result: Image.Image, title: str, credit: str = ""
) -> Image.Image:
    """1200 x 630: the result large, what it was made of small, a title and whose style it is.

    All three pictures are shown whole, whatever their aspects; behind them lies the result
    itself, out of focus, so that the card has its colours.
    """
    card, foot = _backdrop(result), HEIGHT - MARGIN
    if result.width > 2.4 * result.height:
        shown = _contained(result, WIDTH - 2 * MARGIN, 320)
        _hang(card, shown, (WIDTH - shown.width) // 2, MARGIN)
        top, middle = 2 * MARGIN + shown.height, WIDTH // 2
        _letter(card, (MARGIN, top, middle - GAP, foot), title, credit, range(40, 23, -2), 2)
        sources = (middle + GAP, top, WIDTH - MARGIN, foot)
    else:
        shown = _contained(result, 748, HEIGHT - 2 * MARGIN)
        _hang(card, shown, MARGIN, (HEIGHT - shown.height) // 2)
        left, right = 2 * MARGIN + shown.width, WIDTH - MARGIN
        top, bottom = _letter(
            card, (left, MARGIN, right, foot), title, credit, range(54, 23, -2), 4
        )
        sources = (left, top + 32, right, bottom - GAP)
    _sources(card, sources, photo, style)
    return card


def _texts(recipe: Recipe | None, notes: Mapping[str, str]) -> PngInfo:
    info = PngInfo()
    own = {"recipe": recipe.to_json()} if recipe is not None else {}
    for name, text in {**notes, **own}.items():
        if len(text) > LONGEST_NOTE:
            raise BadInput(f"{name} has {len(text)} letters: at most {LONGEST_NOTE} fit a picture.")
        info.add_itxt(PREFIX + name, text)  # tEXt can only hold Latin-1
    return info


def _encoded(image: Image.Image, suffix: str, texts: PngInfo) -> bytes:
    file = io.BytesIO()
    if suffix == ".png":
        image.save(file, "PNG", pnginfo=texts)
    elif suffix == ".webp":
        image.save(file, "WEBP", quality=95)
    elif suffix in (".jpg", ".jpeg"):
        split_alpha(image)[0].save(file, "JPEG", quality=95, subsampling=0)
    else:
        raise BadInput(f"A picture can't be saved as {suffix!r}: use .png, .jpg or .webp.")
    return file.getvalue()


def _read_texts(source: Source) -> dict[str, str]:
    """From a PNG's header alone: what `_texts` writes stands before the picture."""
    data = read_file(source, PRINTS)
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise BadInput("Only PNG files remember their recipe, and this is not one.")
    try:
        info = PngImageFile(io.BytesIO(data)).info
    except Exception:  # Pillow's plugins raise almost anything
        raise BadInput("This PNG is damaged, and its recipe with it.") from None
    found = {
        name.removeprefix(PREFIX): str(text)
        for name, text in info.items()
        if isinstance(name, str) and name.startswith(PREFIX)
    }
    if len(found) > MOST_NOTES or any(len(text) > LONGEST_NOTE for text in found.values()):
        raise BadInput("The notes in this picture are larger than any written here.")
    return found


def _contained(image: Image.Image, width: int, height: int) -> Image.Image:
    """Whole and as large as fits the box, never more than three times its own pixels."""
    picture = split_alpha(image)[0]
    scale = min(width / picture.width, height / picture.height, 3.0)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _backdrop(image: Image.Image) -> Image.Image:
    covered = ImageOps.fit(split_alpha(image)[0], (WIDTH // 8, HEIGHT // 8))
    vivid = ImageEnhance.Color(covered).enhance(1.4).filter(ImageFilter.GaussianBlur(7))
    soft = vivid.resize(CARD, Image.Resampling.BICUBIC)
    (grey,) = ImageStat.Stat(soft.convert("L")).mean
    # White letters need a dark ground whatever the painting: about a sixth of white.
    return ImageEnhance.Brightness(soft).enhance(min(0.5, 44 / max(grey, 1)))


def _letter(
    card: Image.Image, box: Box, title: str, credit: str, sizes: range, lines: int
) -> tuple[int, int]:
    """Title at the top of the box, credit at its bottom; (top, bottom) of the room between."""
    left, top, right, bottom = box
    pen = ImageDraw.Draw(card)
    words = written(title, right - left, lines, sizes)
    thanks = written(credit, right - left, 3, [SMALL])
    pen.text((left, top - 8), words, WHITE)
    pen.text((left, bottom - height(thanks)), thanks, CHALK)
    return top + height(words), bottom - height(thanks)


def _sources(card: Image.Image, box: Box, photo: Image.Image, style: Image.Image) -> None:
    """Photo and style side by side at the bottom of the box, each with its name below."""
    left, top, right, bottom = box
    width = (right - left - GAP) // 2
    for picture, name in ((photo, "the photo"), (style, "the style")):
        label = written(name, width, 1, [SMALL])
        foot = bottom - height(label) - 10
        small = _contained(picture, width, min(260, foot - top))
        _hang(card, small, left, foot - small.height)
        ImageDraw.Draw(card).text((left, bottom - height(label)), label, CHALK)
        left += width + GAP


def _hang(card: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    """Paste with a soft shadow and a thin white frame."""
    reach = 24
    shadow = Image.new("L", picture.size, 150)
    shadow = ImageOps.expand(shadow, reach).filter(ImageFilter.GaussianBlur(reach / 3))
    card.paste("#000000", (left - reach, top - reach + 6), shadow)
    card.paste(ImageOps.expand(picture, 3, WHITE), (left - 3, top - 3))

"""What people take home: a picture that knows its recipe, and a sheet of many."""

import io
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageDraw, ImageFont, ImageOps
from PIL.ImageText import Text
from PIL.PngImagePlugin import PngImageFile, PngInfo

from nst.errors import BadInput
from nst.pictures.files import Source, read_file, replacing
from nst.pictures.images import split_alpha
from nst.pictures.limits import MEGABYTE, Limits
from nst.recipe import Recipe

PREFIX = "nst-"
MOST_NOTES, LONGEST_NOTE = 32, 16_384
PRINTS = Limits(max_bytes=128 * MEGABYTE)  # a 4096-pixel PNG is larger than a photo may be
JPEG = ("JPEG", {"quality": 95, "subsampling": 0})
WEBP = ("WEBP", {"quality": 95})
FORMATS = {".png": ("PNG", {}), ".jpg": JPEG, ".jpeg": JPEG, ".webp": WEBP}
PAPER, INK, PENCIL = "#faf8f4", "#26231f", "#6f6a62"
# Letters that the font lacks, and those nearest to them; accents go by themselves.
NEAREST = str.maketrans("×–—−→≈“”‘’ßøØæłŁđĐ", "x---›~\"\"''soOalLdD")


def save_picture(
    image: Image.Image,
    where: str | Path | BinaryIO,
    recipe: Recipe | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Save as the suffix of a path says, never half, or as PNG into a file.

    Only a PNG carries its recipe, and notes such as the preset's name. Raises BadInput.
    """
    texts = PngInfo()
    for name, text in {**(notes or {}), "recipe": recipe.to_json() if recipe else ""}.items():
        if text:
            texts.add_itxt(PREFIX + name, text)  # tEXt can only hold Latin-1
    if not isinstance(where, (str, Path)):
        image.save(where, "PNG", pnginfo=texts)
        return
    suffix = Path(where).suffix.lower()
    if suffix not in FORMATS:
        raise BadInput(f"A picture can't be saved as {suffix!r}: use .png, .jpg or .webp.")
    kind, options = FORMATS[suffix]
    with replacing(Path(where)) as part:
        picture = split_alpha(image)[0] if kind == "JPEG" else image
        picture.save(part, kind, pnginfo=texts, **options)


def read_recipe(source: Source) -> Recipe:
    """The recipe that a PNG of `save_picture` carries. Raises BadInput where there is none."""
    text = _read_texts(source).get("recipe")
    if text is None:
        raise BadInput("There is no recipe in this picture: only PNGs painted here have theirs.")
    return Recipe.from_json(text)


def read_notes(source: Source) -> dict[str, str]:
    """The notes that a PNG of `save_picture` carries beside its recipe."""
    return {name: text for name, text in _read_texts(source).items() if name != "recipe"}


def _read_texts(source: Source) -> dict[str, str]:
    """From a PNG's header alone: what is written here stands before the picture."""
    data = read_file(source, PRINTS)
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise BadInput("Only PNG files remember their recipe, and this is not one.")
    try:
        info = PngImageFile(io.BytesIO(data)).info
    except Exception:  # Pillow's plugins raise almost anything
        raise BadInput("This PNG is damaged, and its recipe with it.") from None
    texts = {str(name): str(text) for name, text in info.items()}
    found = {k.removeprefix(PREFIX): text for k, text in texts.items() if k.startswith(PREFIX)}
    if len(found) > MOST_NOTES or any(len(text) > LONGEST_NOTE for text in found.values()):
        raise BadInput("The notes in this picture are larger than any written here.")
    return found


def contact_sheet(
    tiles: Sequence[tuple[Image.Image, str]], columns: int, title: str = "", tile: int = 420
) -> Image.Image:
    """Whole pictures in rows, captions below. tile: a cell's side in pixels, less for many."""
    if not tiles:
        raise BadInput("There are no pictures for a contact sheet: at least one is needed.")
    columns = max(1, min(columns, len(tiles)))
    tile = max(48, min(tile, int((3e7 / len(tiles)) ** 0.5), 8000 // columns))
    gap = round(tile * 0.08)
    pictures = [_contained(picture, tile, tile) for picture, _ in tiles]
    captions = [written(caption, tile, 3, max(11, round(tile * 0.048))) for _, caption in tiles]
    tallest = max(picture.height for picture in pictures)
    row = tallest + max(map(_height, captions)) + 2 * gap
    width = columns * (tile + gap) + 3 * gap
    heading = written(title, width - 4 * gap, 2, round(tile * 0.09))
    top = 2 * gap + (_height(heading) + gap if title else 0)
    sheet = Image.new("RGB", (width, top + ceil(len(tiles) / columns) * row + gap // 2), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((2 * gap, round(1.6 * gap)), heading, INK)
    for i, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        foot = top + i // columns * row + tallest
        middle = 2 * gap + i % columns * (tile + gap) + tile // 2
        sheet.paste(picture, (middle - picture.width // 2, foot - picture.height))
        pen.text((middle, foot + gap * 0.4), caption, PENCIL, anchor="ma", align="center")
    return sheet


def written(text: str, width: int, most_lines: int, size: int) -> Text[str]:
    """One line of text broken into lines of `width` pixels, or cut off, for `ImageDraw.text`.

    Letters that the font lacks would be empty boxes: accents go, other scripts are left out.
    """
    plain = unicodedata.normalize("NFKD", text[:400].translate(NEAREST))
    held = (c for c in plain if c.isspace() or " " <= c <= "~" or c in "©›…")
    words = " ".join("".join(held).split())
    font, letters = ImageFont.load_default(size), 1 + 4 * width // size
    while True:
        lines = textwrap.wrap(words, letters, max_lines=most_lines, placeholder="…")
        if letters == 1 or all(font.getlength(line) <= width for line in lines):
            return Text("\n".join(lines), font, spacing=round(0.3 * size))
        letters -= 1


def _height(text: Text[str]) -> int:
    return round(text.get_bbox()[3]) if text.text else 0


def _contained(image: Image.Image, width: int, height: int) -> Image.Image:
    return ImageOps.contain(split_alpha(image)[0], (width, height), Image.Resampling.LANCZOS)

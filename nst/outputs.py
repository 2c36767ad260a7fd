"""Which photos are painted and where to: checked before, so that nothing is lost."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from secrets import token_hex

from PIL import Image

from nst.errors import BadInput
from nst.pictures.export import FORMATS, save_picture
from nst.pictures.files import cannot, quoted
from nst.recipe import Recipe

PICTURES = ".jpg .jpeg .jfif .jpe .mpo .png .webp .gif .bmp .tif .tiff .heic .heif .avif".split()


def find_photos(names: Iterable[str]) -> list[Path]:
    """Files as they are, folders as the pictures in them; hidden files are not counted."""
    found: list[Path] = []
    for path in map(Path, names):
        try:
            inside = sorted(path.iterdir()) if path.is_dir() else [path]
        except OSError as error:
            raise cannot(path, "read", error) from None
        if path.is_dir():
            seen = (p for p in inside if not p.name.startswith("."))
            inside = [p for p in seen if p.suffix.lower() in PICTURES]
        if not inside:
            raise BadInput(f"There is no picture in the folder {path}.")
        found += inside
    return found


def plan(
    names: Sequence[str], out: str, inputs: Iterable[Path], overwrite: bool
) -> tuple[list[tuple[Path, Path]], bool]:
    """Each photo with where its painting goes, and whether there may be several photos.

    That is `out` or, in a folder, a PNG by the photo's name; a name that is taken gets a number.
    inputs, overwrite: as for `check_output`; of several photos some may have been painted before.
    """
    photos, path = find_photos(names), Path(out)
    many = len(photos) > 1 or Path(names[0]).is_dir()
    outs = {"": path}
    if many or out.endswith("/") or path.is_dir():
        make_folder(path)
        outs = {}
        for photo in photos:
            name, number = photo.stem, 1
            while name.casefold() in outs:  # on Windows and macOS "A" and "a" are one file
                number += 1
                name = f"{photo.stem}-{number}"
            outs[name.casefold()] = path / f"{name}.png"
    for path in outs.values():
        check_output(path, [*inputs, *photos], overwrite or many)
    return list(zip(photos, outs.values(), strict=True)), many


def make_folder(folder: Path) -> Path:
    """The folder, made where it is missing. Raises BadInput where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot(folder, "made", error) from None
    return folder


def check_output(
    out: Path, inputs: Iterable[Path], overwrite: bool, kinds: Sequence[str] = tuple(FORMATS)
) -> None:
    """Raise BadInput where a picture cannot be saved, or something would be lost to it.

    inputs: files that are never overwritten, whatever they are called. overwrite: whether other
    files that exist may be replaced. Leaves no file behind.
    """
    if out.suffix.lower() not in kinds:
        ends = f"its name must end in {'one of ' if len(kinds) > 1 else ''}{', '.join(kinds)}"
        raise BadInput(f"{quoted(out)} cannot be saved: {ends}.")
    try:
        exists = out.exists()
        if exists and not (out.is_file() and os.access(out, os.W_OK)):
            raise BadInput(f"{quoted(out)} cannot be written: it is no file of yours.")
        if exists and any(path.exists() and out.samefile(path) for path in inputs):
            raise BadInput(f"{quoted(out)} is a picture to paint from; save to another name.")
        tempfile.TemporaryFile(dir=out.resolve().parent).close()  # a new file will take its place
    except (OSError, ValueError) as error:
        raise cannot(out, "written", error) from None
    if exists and not overwrite:
        raise BadInput(f"{quoted(out)} exists; choose another name or add --overwrite.")


def save_output(
    picture: Image.Image, out: Path, recipe: Recipe | None = None, notes: Mapping[str, str] = {}
) -> Path:
    """Save where a symbolic link leads, or beside that where it fails; returns where it is.

    Raises BadInput where it cannot be saved there either.
    """
    target = out.resolve() if out.is_symlink() else out
    try:
        save_picture(picture, target, recipe, notes)
        return out
    except BadInput as error:
        beside = target.with_stem(f"{target.stem[:100]}-{token_hex(3)}")
        try:
            save_picture(picture, beside, recipe, notes)
            return beside
        except BadInput:
            raise error from None

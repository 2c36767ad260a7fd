"""Which photos are painted and where to: checked before, so that nothing is lost."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from secrets import token_hex

from PIL import Image

from nst.errors import BadInput
from nst.pictures.export import save_picture
from nst.pictures.files import quoted
from nst.recipe import Recipe

PICTURES = frozenset(
    ".jpg .jpeg .jfif .jpe .mpo .png .webp .gif .bmp .tif .tiff .heic .heif .avif".split()
)
SAVED_AS = (".png", ".jpg", ".jpeg", ".webp")


def find_photos(names: Iterable[str]) -> list[Path]:
    """Files as they are, folders as the pictures in them; hidden files are not counted."""
    found: list[Path] = []
    for path in map(Path, names):
        try:
            inside = sorted(path.iterdir()) if path.is_dir() else [path]
        except OSError as error:
            raise BadInput(f"The folder {str(path)!r} cannot be read: {error.strerror}.") from None
        if path.is_dir():
            seen = (p for p in inside if not p.name.startswith("."))
            inside = [p for p in seen if p.suffix.lower() in PICTURES]
        if not inside:
            raise BadInput(f"There is no picture in the folder {path}.")
        found += inside
    return found


def plan(photos: Sequence[Path], out: str, folder: bool) -> list[Path]:
    """Where each photo goes: `out` itself or, in a folder, a PNG by its name.

    folder: whether `out` is one though it does not say so. A name that is taken gets a number.
    """
    if not (folder or out.endswith(("/", os.sep)) or Path(out).is_dir()):
        return [Path(out)]
    made: dict[str, Path] = {}
    for photo in photos:
        names = chain([photo.stem], (f"{photo.stem}-{number}" for number in count(2)))
        # On Windows and macOS "A" and "a" are one file.
        name = next(name for name in names if name.casefold() not in made)
        made[name.casefold()] = make_folder(Path(out)) / f"{name}.png"
    return list(made.values())


def make_folder(folder: Path) -> Path:
    """The folder, made where it is missing. Raises BadInput where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be made: {error.strerror}.") from None
    return folder


def check_outputs(
    outs: Iterable[Path],
    inputs: Sequence[Path],
    overwrite: bool = False,
    kinds: Sequence[str] = SAVED_AS,
) -> None:
    """Raise BadInput where a picture cannot be saved, or something would be lost to it.

    inputs: files that are never overwritten, whatever they are called. overwrite: whether other
    files that exist may be replaced. Leaves no file behind.
    """
    for out in outs:
        if out.suffix.lower() not in kinds:
            ends = f"its name must end in {'one of ' if len(kinds) > 1 else ''}{', '.join(kinds)}"
            raise BadInput(f"{quoted(out)} cannot be saved: {ends}.")
        try:
            exists = out.exists()
            if exists and not (out.is_file() and os.access(out, os.W_OK)):
                raise BadInput(f"{quoted(out)} cannot be written: it is no file of yours.")
            if exists and any(path.exists() and out.samefile(path) for path in inputs):
                raise BadInput(f"{quoted(out)} is a picture to paint from; save to another name.")
            with tempfile.TemporaryFile(
                dir=out.resolve().parent
            ):  # as a new file will take its place
                pass
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BadInput(f"{quoted(out)} cannot be written: {reason}.") from None
        if exists and not overwrite:
            raise BadInput(f"{quoted(out)} exists; choose another name or add --overwrite.")


def save_output(
    picture: Image.Image, out: Path, recipe: Recipe | None = None, notes: Mapping[str, str] = {}
) -> Path:
    """Save where a symbolic link leads; beside that or in the temporary folder where it fails.

    Returns where the picture is. Raises BadInput where it cannot be saved anywhere.
    """
    target = out.resolve() if out.is_symlink() else out
    other = f"{target.stem[:100]}-{token_hex(3)}{target.suffix}"
    refused: list[BadInput] = []
    for path in (target, target.parent / other, Path(tempfile.gettempdir()) / other):
        try:
            save_picture(picture, path, recipe, notes)
            return path if refused else out
        except BadInput as error:
            refused.append(error)
    raise refused[0]

"""Which photos are painted and where to: checked before, so that nothing is lost."""

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from PIL import Image

from nst.errors import BadInput
from nst.pictures.export import read_notes, save_picture
from nst.pictures.files import quoted
from nst.recipe import Recipe

UNFINISHED = "unfinished"  # the note inside a painting that was stopped
PICTURES = frozenset(
    ".jpg .jpeg .jfif .jpe .mpo .png .webp .gif .bmp .tif .tiff .heic .heif .avif".split()
)
SAVED_AS = (".png", ".jpg", ".jpeg", ".webp")
MOUNTS = Path("/proc/self/mountinfo")  # Linux only


@dataclass(frozen=True)
class Job:
    """A photo to paint, where to, and where its frames go by their steps."""

    photo: Path
    out: Path
    frames: dict[int, Path]


def find_photos(names: list[str]) -> list[Path]:
    """Files as they are, folders as the pictures in them; hidden files are not counted."""
    found: list[Path] = []
    for path in map(Path, names):
        try:
            inside = sorted(path.iterdir()) if path.is_dir() else None
        except OSError as error:
            raise BadInput(f"The folder {str(path)!r} cannot be read: {error.strerror}.") from None
        if inside is None:
            found.append(path)
            continue
        pictures = [
            p for p in inside if p.suffix.lower() in PICTURES and not p.name.startswith(".")
        ]
        if not pictures:
            raise BadInput(f"There is no picture in the folder {path}.")
        found += pictures
    return found


def outputs_in(folder: Path, photos: Iterable[Path]) -> list[Path]:
    """A PNG in the folder for each photo, by its name; a name that is taken gets a number."""
    outs: list[Path] = []
    taken: set[str] = set()
    for photo in photos:
        name, number = photo.stem, 1
        while name.casefold() in taken:  # on Windows and macOS "A" and "a" are one file
            number += 1
            name = f"{photo.stem}-{number}"
        taken.add(name.casefold())
        outs.append(folder / f"{name}.png")
    return outs


def plan(photos: Sequence[Path], out: str, film: Path | None, recipe: Recipe) -> list[Job]:
    """Where each photo and its frames go, in folders that are made where they are missing.

    out: a picture, or a folder, which several photos need. film: a folder for frames. Raises
    BadInput where a folder cannot be made, or there is one for frames and none is kept.
    """
    folder = len(photos) > 1 or os.path.isdir(out) or out.endswith(("/", os.sep))
    outs = outputs_in(Path(out), photos) if folder else [Path(out)]
    steps = [step for step in range(1, recipe.steps + 1) if recipe.keeps(step)]
    if film and not steps:
        raise BadInput(
            f"--frames was given, but no frame of {recipe.steps} steps is kept: "
            "add --keep-every or --keep-at."
        )
    for made in filter(None, [Path(out) if folder else None, film]):
        try:
            made.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"The folder {made} cannot be made: {error.strerror}.") from None
    digits = len(str(max(steps, default=0)))
    return [
        Job(
            photo,
            out,
            {step: film / f"{out.stem}-{step:0{digits}}.png" for step in steps} if film else {},
        )
        for photo, out in zip(photos, outs, strict=True)
    ]


def is_missing(out: Path) -> bool:
    """Whether a painting is not there, or was stopped before its end."""
    if not out.exists():
        return True
    try:
        return UNFINISHED in read_notes(out)
    except BadInput:  # none of ours
        return False


def check_outputs(outs: Sequence[Path], inputs: Iterable[Path], overwrite: bool = False) -> None:
    """Raise BadInput where a picture cannot be saved, or something would be lost to it.

    inputs: files that are never overwritten, whatever they are called. overwrite: whether other
    files that exist may be replaced. Leaves no file behind.
    """
    kept = {_identity(path) for path in inputs} - {None}
    for out in outs:
        if out.suffix.lower() not in SAVED_AS:
            raise BadInput(
                f"{quoted(out)} cannot be saved: its name must end in one of {', '.join(SAVED_AS)}."
            )
        found = _identity(out)
        if found in kept:
            raise BadInput(f"{quoted(out)} is a picture to paint from; save to another name.")
        _check_writable(out)
        if found and not overwrite:
            raise BadInput(f"{quoted(out)} exists; choose another name or add --overwrite.")


def save_output(
    picture: Image.Image, out: Path, recipe: Recipe | None = None, notes: Mapping[str, str] = {}
) -> Path:
    """Save where a symbolic link leads; beside that or in the temporary folder where it fails.

    Returns where the picture is. Raises BadInput where it cannot be saved anywhere.
    """
    target = out.resolve() if out.is_symlink() else out
    try:
        save_picture(picture, target, recipe, notes)
        return out
    except BadInput:
        for folder in (target.parent, Path(tempfile.gettempdir())):
            other = folder / f"{target.stem[:100]}-{token_hex(3)}{target.suffix}"
            with suppress(BadInput):
                save_picture(picture, other, recipe, notes)
                return other
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others, by whatever name; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _check_writable(path: Path) -> None:
    try:
        path = path.resolve() if path.is_symlink() else path
        new = not path.exists()
        if not new and not path.is_file():  # to open a pipe could wait for ever
            raise BadInput(f"{quoted(path)} cannot be written: it is not an ordinary file.")
        os.close(os.open(path, os.O_WRONLY | (os.O_CREAT | os.O_EXCL if new else 0)))
        if new:
            path.unlink()
            return
        with tempfile.TemporaryFile(dir=path.parent):  # a new file will take the old one's place
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{quoted(path)} cannot be written: {reason}.") from None
    if _is_pinned(path):
        raise BadInput(f"{quoted(path)} cannot be replaced here; save to another name.")


def _is_pinned(path: Path) -> bool:
    """Whether no other file can take its place: a mount, or somebody else's in a sticky folder."""
    folder, owner, me = path.parent.stat(), path.stat().st_uid, getattr(os, "geteuid", int)()
    if folder.st_mode & stat.S_ISVTX and me not in (0, owner, folder.st_uid):
        return True
    place = str(path.resolve()).replace(" ", r"\040")
    return MOUNTS.exists() and any(
        line.split()[4] == place for line in MOUNTS.read_text().splitlines()
    )

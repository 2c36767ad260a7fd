"""Where pictures are saved: checked before they are painted, so that nothing is lost to them."""

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from PIL import Image

from nst.errors import BadInput
from nst.pictures.export import save_picture
from nst.pictures.images import quoted
from nst.recipe import Recipe

SAVED_AS = (".png", ".jpg", ".jpeg", ".webp")
MOUNTS = Path("/proc/self/mountinfo")  # Linux only


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


def frames_of(out: Path, folder: Path, steps: Sequence[int]) -> dict[int, Path]:
    """{step: a PNG in the folder}, named for the painting and the step."""
    digits = len(str(max(steps, default=0)))
    return {step: folder / f"{out.stem}-{step:0{digits}}.png" for step in steps}


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

"""Where pictures are saved: checked before they are painted, so that nothing is lost to them."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from nst.errors import BadInput
from nst.pictures.images import quoted

__all__ = ["check_outputs", "frames_in", "outputs_in"]

SAVED_AS = (".png", ".jpg", ".jpeg", ".webp")


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


def frames_in(folder: Path, outs: Iterable[Path], steps: Sequence[int]) -> list[dict[int, Path]]:
    """For each picture that is painted, {step: a PNG in the folder}, by its name and the step."""
    digits = len(str(max(steps, default=0)))
    return [{step: folder / f"{out.stem}-{step:0{digits}}.png" for step in steps} for out in outs]


def check_outputs(outs: Sequence[Path], inputs: Iterable[Path], overwrite: bool = False) -> None:
    """Raise BadInput where a picture cannot be saved, or something would be lost to it.

    inputs: files that are never written to, whatever they are called. overwrite: whether other
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


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others, by whatever name; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _check_writable(path: Path) -> None:
    try:
        new = not path.exists()
        if not new and not path.is_file():  # to open a pipe could wait for ever
            raise BadInput(f"{quoted(path)} cannot be written: it is not an ordinary file.")
        os.close(os.open(path, os.O_WRONLY | (os.O_CREAT | os.O_EXCL if new else 0)))
        if new:
            path.unlink()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{quoted(path)} cannot be written: {reason}.") from None

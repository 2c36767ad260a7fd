"""Files in and out: bounded, never a pipe, and never half a file in another's place."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from nst.errors import BadInput
from nst.pictures.limits import LIMITS, MEGABYTE, Limits

Source = str | Path | bytes | BinaryIO

MOST_READS = 20_000  # of a file's header, or of all of a TIFF or GIF


class BoundedReader(io.BytesIO):
    """Bytes that can be read a few times over: a thousand entries can point at the same ones."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.bytes_left, self.reads_left = 8 * len(data) + 16 * MEGABYTE, MOST_READS

    def read(self, size: int | None = -1) -> bytes:
        """As `BytesIO`. Raises BadInput where more is asked for than an honest file holds."""
        found = super().read(size)
        self.bytes_left -= len(found)
        self.reads_left -= 1
        if min(self.bytes_left, self.reads_left) < 0:
            raise BadInput("The file is damaged: its parts are larger than the whole.")
        return found


def quoted(path: Path) -> str:
    """A path as sentences have it: in quotes, and no more than the end of a long one."""
    return repr(str(path)[-120:])


def read_file(source: Source, limits: Limits = LIMITS) -> bytes:
    """All bytes of a path, of bytes, or of an open binary file wherever it stands. BadInput."""
    data: object = source
    if isinstance(source, (str, Path)):
        path = Path(source)
        try:
            # Opening a pipe or a device could wait for ever.
            if path.exists() and not path.is_file():
                raise BadInput(f"{quoted(path)} is not an ordinary file.")
            with path.open("rb") as file:
                data = file.read(limits.max_bytes + 1)
        except (OSError, ValueError) as error:
            raise cannot(path, "read", error) from None
    elif not isinstance(source, bytes) and hasattr(source, "read"):
        if source.seekable():
            source.seek(0)
        data = source.read(limits.max_bytes + 1)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise BadInput(
            "A picture is given as a path, bytes, an open binary file or a PIL image, "
            f"not as {type(source).__name__}."
        )
    if not data:
        raise BadInput("The file is empty (0 bytes).")
    if len(data) > limits.max_bytes:
        most = limits.max_bytes / MEGABYTE
        raise BadInput(f"The file is too large: at most {most:g} MB are allowed.")
    return bytes(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file that takes the place of `path` at the end, or is gone. Raises BadInput."""
    # A name of its own: the picture's may be as long as a name can be.
    part = path.with_name(f".{token_hex(8)}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise cannot(path, "written", error) from None
    finally:
        with suppress(OSError):  # what was raised above says more
            part.unlink(missing_ok=True)


def cannot(path: Path, verb: str, error: Exception) -> BadInput:
    """The sentence for what the system refused."""
    return BadInput(f"{quoted(path)} cannot be {verb}: {getattr(error, 'strerror', '') or error}.")

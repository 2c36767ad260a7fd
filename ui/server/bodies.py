"""What arrives in requests, checked before Gradio sees it: JSON values and uploaded files.

Both are written anew from what was checked, so that nothing can be read differently afterwards.
"""

import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

__all__ = ["Refused", "Upload", "boundary_of", "files_in", "is_address", "read_json"]

MOST_VALUES = 10_000  # of one request: every control of the page together sends about 50
DEEPEST = 24  # an event with two galleries of pictures is 7 deep
HEADERS = 4096  # bytes of a header before an uploaded file: a name of 255 takes 3,000 at most
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif"}


class Refused(Exception):
    """A request that goes no further.

    status: the HTTP status. sentence: what was wrong, found and allowed, fit to be shown.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def read_json(raw: bytes, folder: Path) -> dict[str, Any]:
    """The object that a request's body holds, without the names that files had at home.

    folder: where uploads lie. Raises Refused for anything that is not one plain JSON object of a
    bounded size, and for files that are not in the folder: other paths, `http:` and `data:`
    addresses.
    """
    try:
        value = json.loads(raw.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "The request is not valid JSON.") from None
    if not isinstance(value, dict):
        raise Refused(400, "The request must be one JSON object.")
    for count, found in enumerate(_values(value)):
        if count >= MOST_VALUES:
            raise Refused(413, f"The request has more than {MOST_VALUES} values.")
        _check(found, folder)
    return value


def files_in(value: dict[str, Any]) -> set[str]:
    """The uploads that a checked request is about."""
    found = (
        inner["path"] for inner in _values(value) if isinstance(inner, dict) and "path" in inner
    )
    return {os.path.abspath(path) for path in found if path is not None}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _values(root: Any) -> Iterator[Any]:
    """Everything inside, keys included, without recursion."""
    waiting = [(root, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise Refused(400, f"The request is nested more than {DEEPEST} deep.")
        yield value
        if isinstance(value, dict):
            yield from value
            waiting.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list):
            waiting.extend((inner, depth + 1) for inner in value)


def _check(value: Any, folder: Path) -> None:
    if isinstance(value, dict):
        _check_file(value, folder)
    elif isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Refused(400, "A number in the request is infinite.")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise Refused(400, "A number in the request has more than 64 bits.")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Refused(400, "A text in the request holds a zero character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(400, "A text in the request is not valid Unicode.") from None


def _check_file(value: dict[str, Any], folder: Path) -> None:
    """Refuse files that were not uploaded, and forget what a file was called."""
    path, url = value.get("path"), value.get("url")
    if isinstance(url, str) and url.strip().lower().startswith("data:"):
        raise Refused(400, "Pictures come as uploads; a data: address cannot be opened here.")
    if path is None:
        return
    if not isinstance(path, str) or is_address(path):
        raise Refused(400, "Pictures come as uploads; an address cannot be opened here.")
    # What a visitor names is not looked up on the disk before it is known to be ours.
    named = Path(os.path.abspath(path))
    if not any(named.is_relative_to(root) for root in (folder.absolute(), folder.resolve())):
        raise Refused(
            400, "That file was not uploaded here, or it has expired: please send it again."
        )
    if not named.exists():
        raise Refused(410, "That picture has expired here: please choose or send it again.")
    if "orig_name" in value:
        value["orig_name"] = None


def is_address(path: str, system: ModuleType = os.path) -> bool:
    """Whether a path names a scheme or another machine: "http:...", "//host".

    system: `ntpath`, to which "C:..." is a drive, or `posixpath`, to which it is a scheme.
    """
    if re.match(r"[a-z]:", path, re.IGNORECASE):
        path = system.splitdrive(path)[1]
    return re.match(r"\s*([a-z][a-z0-9+.-]*:|[/\\]{2})", path, re.IGNORECASE) is not None


def boundary_of(content_type: bytes) -> bytes:
    """The boundary in a multipart content type. Raises Refused when there is none."""
    found = re.fullmatch(
        rb'multipart/form-data;\s*boundary="?([\w\'()+,./:=?-]{1,70})"?\s*',
        content_type.strip(),
        re.IGNORECASE,
    )
    if found is None:
        raise Refused(400, "An upload must be multipart/form-data with a boundary.")
    return found[1]


class Upload:
    """Rewrites a multipart body as it streams: every file loses its name and keeps its suffix.

    Feed it the chunks in order. Only parts called "files" with a file name are let in.
    """

    def __init__(self, boundary: bytes, most: int) -> None:
        self._line, self._most, self._files = b"--" + boundary, most, 0
        self._name, self._value, self._out = bytearray(), bytearray(), bytearray()
        self._disposition = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header,
                "on_headers_finished": self._head,
                "on_part_data": lambda data, start, end: self._out.extend(data[start:end]),
                "on_part_end": lambda: self._out.extend(b"\r\n"),
                "on_end": self._end,
            },
            max_header_size=HEADERS,
        )

    def feed(self, chunk: bytes) -> bytes:
        """What can be passed on so far. Raises Refused for what is not an upload of pictures."""
        self._out.clear()
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise Refused(400, "The upload is not well-formed multipart/form-data.") from None
        return bytes(self._out)

    def _begin(self) -> None:
        self._files += 1
        if self._files > self._most:
            raise Refused(413, f"One upload may have at most {self._most} files.")
        self._disposition = b""

    def _header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _end(self) -> None:
        if not self._files:
            raise Refused(400, "The upload holds no file.")
        self._out += self._line + b"--\r\n"

    def _head(self) -> None:
        """Write the part's headers anew."""
        _, given = parse_options_header(self._disposition)
        if given.get(b"name") != b"files" or b"filename" not in given:
            raise Refused(400, 'Only files, in parts called "files", can be uploaded.')
        self._out += self._line + (
            b'\r\nContent-Disposition: form-data; name="files"; filename="picture%s"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" % _suffix(given[b"filename"])
        )


def _suffix(name: bytes) -> bytes:
    suffix = PurePosixPath(name.decode("latin-1").strip().lower()).suffix
    return suffix.encode() if suffix in SUFFIXES else b".bin"

"""What the mask editor sends while a visitor draws: bounded, and only the layer that is used.

Gradio keeps every drawing in memory until a run takes it, with no bound on their number, and
makes as many layers as a request's number says.
"""

import io
from typing import Any

import httpx
from PIL import Image
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope

from nst.pictures.limits import LIMITS
from ui.server.admission import SESSION
from ui.server.bodies import Refused, boundary_of
from ui.server.gradio_internals import drawings_of

__all__ = ["read_drawing"]

KEPT = 64  # drawings that no run has taken yet; a mask is some 20 KB
FIELDS = {"id", "type", "index", "component_id", "fn_name", "session_hash"}


async def read_drawing(scope: Scope, receive: Receive, page: Any) -> tuple[Scope, bytes] | None:
    """The scope and body that Gradio gets of a drawing; None for parts that this page ignores.

    page: the `gr.Blocks`. Raises Refused.
    """
    boundary_of(dict(scope["headers"]).get(b"content-type", b""))
    try:
        async with Request(scope, receive).form(max_files=1, max_fields=8) as form:
            files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            fields = {key: value for key, value in form.multi_items() if isinstance(value, str)}
            picture = await files[0].read() if files else b""
    except (MultiPartException, HTTPException, ClientDisconnect):
        raise Refused(400, "The drawing cannot be read.") from None
    if fields.keys() != FIELDS or not picture:
        raise Refused(400, "The drawing is not complete.")
    _check(fields, picture)
    kept = drawings_of(fields["component_id"], page)
    if kept is None or fields["fn_name"] != "accept_blobs":
        raise Refused(404, "There is no such editor.")
    while len(kept) >= KEPT:
        kept.pop(next(iter(kept)))
    if fields["type"] != "layer" or fields["index"] != "0":
        return None
    made = httpx.Request(
        "POST", "http://localhost", data=fields, files={"file": ("layer", picture)}
    )
    headers = [(k, v) for k, v in scope["headers"] if k not in (b"content-type", b"content-length")]
    headers.append((b"content-type", made.headers["content-type"].encode()))
    return {**scope, "headers": headers}, made.read()


def _check(fields: dict[str, str], picture: bytes) -> None:
    known = fields["type"] in ("background", "layer", "composite")
    if not known or not all(SESSION.fullmatch(fields[key]) for key in ("id", "session_hash")):
        raise Refused(400, "The drawing is not from this page.")
    try:
        width, height = Image.open(io.BytesIO(picture), formats=["PNG", "JPEG", "WEBP"]).size
    except Exception:  # Pillow raises many kinds for what is no picture
        raise Refused(400, "The drawing is not a picture.") from None
    if width * height > LIMITS.max_pixels:
        raise Refused(
            400, f"The drawing has {width} x {height} pixels; at most {LIMITS.max_pixels} can be."
        )

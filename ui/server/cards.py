"""What other sites show of a link to the app: its own title and card, where Gradio has its own."""

import io
import os
import re
from functools import cache
from html import escape

from PIL import Image, ImageOps
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nst.presets import EXAMPLES

TITLE = "A photo, repainted"
DESCRIPTION = "Repaint a photo in the style of a painting, and watch it happen."
PAINTED = ("lion-swirling-night", "tower-woodblock-wave", "cheetah-mosaic")
SIDE, HEIGHT = 400, 630  # pixels of each on the card
GRADIOS = re.compile(rb"<meta\s+(property|name)=\"(og|twitter):[^>]*>\s*")


@cache
def _card() -> bytes:
    sheet, file = Image.new("RGB", (SIDE * len(PAINTED), HEIGHT)), io.BytesIO()
    for number, name in enumerate(PAINTED):
        with Image.open(EXAMPLES / "samples" / f"{name}.jpg") as painted:
            sheet.paste(ImageOps.fit(painted, (SIDE, HEIGHT)), (number * SIDE, 0))
    sheet.save(file, "JPEG", quality=88)
    return file.getvalue()


def card(request: Request) -> Response:
    """The app's card: photos that were painted here, side by side."""
    return Response(_card(), media_type="image/jpeg")


def base_of(scope: Scope) -> str:
    """The address that a request was sent to, without its path."""
    if host := os.environ.get("SPACE_HOST"):
        return f"https://{host}"
    return str(Request(scope).base_url).rstrip("/") if scope else "http://localhost"


def tags(title: str, description: str, image: str, address: str) -> str:
    """The part of a page's head that sites read for a preview of a link."""
    told = {"title": title, "description": description, "image": image, "url": address}
    shown = "".join(f'<meta property="og:{k}" content="{escape(v)}">' for k, v in told.items())
    kind = '<meta property="og:type" content="website">'
    large = '<meta name="twitter:card" content="summary_large_image">'
    return f"<title>{escape(title)}</title>{shown}{kind}{large}"


class Cards:
    """The middleware: puts the tags into the page's head, and compresses the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._page = app, GZipMiddleware(self._tagged, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        await (self._page if path in ("/", "/config") else self._app)(scope, receive, send)

    async def _tagged(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body, base = bytearray(), base_of(scope)
        ours = tags(TITLE, DESCRIPTION, f"{base}/card.jpg", f"{base}/").encode()

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                page = GRADIOS.sub(b"", bytes(body)).replace(b"<head>", b"<head>" + ours, 1)
                MutableHeaders(scope=start)["content-length"] = str(len(page))
                await send(start)
                await send({**message, "body": page})

        await self._app(scope, receive, tagged)

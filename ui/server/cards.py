"""What other sites show of a link to the app: its own title and card, where Gradio has its own."""

import io
import os
import re
from functools import cache
from html import escape

from PIL import Image, ImageOps
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nst.presets import EXAMPLES

TITLE = "A photo, repainted"
DESCRIPTION = "Repaint a photo in the style of a painting, and watch it happen."
CARD, CARD_SIZE = "/card.jpg", (1200, 630)
PAINTED = ("lion-swirling-night.jpg", "tower-woodblock-wave.jpg", "cheetah-mosaic.jpg")
GRADIOS = re.compile(rb"<meta\s+(property|name)=\"(og|twitter):[^>]*>\s*")


@cache
def card() -> bytes:
    """The app's card, as a JPEG: photos that were painted here, side by side."""
    sheet, file = Image.new("RGB", CARD_SIZE), io.BytesIO()
    width = CARD_SIZE[0] // len(PAINTED)
    for number, name in enumerate(PAINTED):
        with Image.open(EXAMPLES / "samples" / name) as painted:
            sheet.paste(ImageOps.fit(painted, (width, CARD_SIZE[1])), (number * width, 0))
    sheet.save(file, "JPEG", quality=88)
    return file.getvalue()


def base_of(scope: Scope) -> str:
    """The address that a request was sent to, without its path."""
    headers, host = Headers(scope=scope), os.environ.get("SPACE_HOST")
    secure = host or headers.get("x-forwarded-proto", scope["scheme"]).startswith("https")
    named = host or headers.get("host", "localhost")
    return f"http{'s' if secure else ''}://{named}{scope.get('root_path', '')}"


def tags(title: str, description: str, image: str, address: str) -> str:
    """The part of a page's head that sites read for a preview of a link."""
    told = {"title": title, "description": description, "image": image, "url": address}
    shown = "".join(f'<meta property="og:{k}" content="{escape(v)}">' for k, v in told.items())
    kind = '<meta property="og:type" content="website">'
    large = '<meta name="twitter:card" content="summary_large_image">'
    return f"<title>{escape(title)}</title>{shown}{kind}{large}"


class Cards:
    """The middleware: serves the card, and puts the tags into the page's head."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if path == CARD:
            await Response(card(), media_type="image/jpeg")(scope, receive, send)
        elif path == "/" and scope["type"] == "http":
            await self._app(scope, receive, _tagged(scope, send))
        else:
            await self._app(scope, receive, send)


def _tagged(scope: Scope, send: Send) -> Send:
    """Send a page with our tags in its head instead of Gradio's."""
    start: Message = {}
    body, base = bytearray(), base_of(scope)

    async def tagged(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        ours = tags(TITLE, DESCRIPTION, base + CARD, f"{base}/").encode()
        page = GRADIOS.sub(b"", bytes(body)).replace(b"<head>", b"<head>" + ours, 1)
        if page != body:
            MutableHeaders(scope=start)["content-length"] = str(len(page))
        await send(start)
        await send({**message, "body": page})

    return tagged

"""What a visitor shares of a result: the picture, before and after, or a film, in a shape that fits
where it goes; and a link to the picture itself, if asked for.
"""

from typing import Any

import gradio as gr
from PIL import Image, ImageDraw, ImageFont, ImageOps

from nst.errors import BadInput
from nst.pictures.animation import animation
from nst.pictures.images import fit
from ui.events import DECODES, MADE, PRIVATE
from ui.messages import user_errors
from ui.result import Result, flat, jpeg
from ui.server.cards import base_of
from ui.server.gradio_internals import keep_file
from ui.server.shared import shared
from ui.visit import Visit, painted

SHAPES = {"Original": 0.0, "Square": 1.0, "9:16": 9 / 16}  # width over height; 0: the picture's own
KINDS = ("Picture", "Before and after", "Film")
LONG_SIDE = 1920  # pixels of what is shared
GROUND = "#161513"
WIPE = (0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0)  # how much of the photo is seen
TERMS = (
    f"Anyone who has the link sees the picture. It ends after {shared.hours:g} hours, and you can "
    "take it back before."
)


class Share:
    """The choices and their button, hidden until `button` is pressed."""

    def __init__(self) -> None:
        with gr.Group(visible=False, elem_id="sharing") as self.box:
            self.kind = gr.Radio(list(KINDS), value=KINDS[0], label="Share", elem_id="share-kind")
            self.shape = gr.Radio(list(SHAPES), value="Original", label="Shape")
            self.address = gr.Checkbox(True, label="This page's address small in a corner")
            self.send = gr.Button("Share it", variant="primary", elem_id="send")
            self.link = gr.Textbox(
                label="Link to this very picture",
                info=TERMS,
                interactive=False,
                max_lines=1,
                buttons=["copy"],
                visible=bool(shared.hours),
                elem_id="picture-link",
            )
            self.publish = gr.Button("Make a link", visible=bool(shared.hours), elem_id="publish")
        self.file = gr.DownloadButton("share", elem_id="share-file", elem_classes="unseen")

    def wire(self, button: gr.Button, visit: gr.State, status: gr.HTML) -> None:
        """Let the page's Share button open it, and its own ones answer."""
        told = [self.box, self.link, self.publish]
        button.click(self._open, visit, told, **DECODES)
        inputs = [visit, self.kind, self.shape, self.address]
        sent = self.send.click(self._make, inputs, self.file, show_progress_on=[status], **MADE)
        sent.success(None, self.file, None, js="(file) => nst.send(file)", **PRIVATE)
        self.publish.click(self._publish, visit, told[1:], **DECODES)

    def _open(self, visit: Visit, request: gr.Request) -> tuple[Any, ...]:
        with user_errors():
            name = painted(visit).link
            link = shared.link(name, request) if shared.get(name) else ""
            return gr.update(visible=True), *_linked(link)

    def _make(self, visit: Visit, kind: str, shape: str, address: bool, request: gr.Request) -> str:
        with user_errors():
            result = painted(visit)
            if kind not in KINDS or shape not in SHAPES:
                raise BadInput("There is no such picture to share.")
            corner = (
                base_of(request.request.scope if request.request else {}).split("//")[1]
                if address
                else ""
            )
            data, ending = made(result, kind, SHAPES[shape], corner)
            return keep_file(self.file, data, f"{result.name}{ending}")

    def _publish(self, visit: Visit, request: gr.Request) -> tuple[Any, ...]:
        """Make a link, or take back the one that is there."""
        with user_errors():
            result = painted(visit)
            if shared.remove(result.link):
                result.link = ""
                return _linked("")
            picture = fit(flat(result.shown), LONG_SIDE, enlarge=False)
            result.link = shared.add(jpeg(picture, 90), result.job.title)
            return _linked(shared.link(result.link, request))


def _linked(link: str) -> tuple[str, str]:
    """The link as it is shown, and what its button does."""
    return link, "Take it back" if link else "Make a link"


def made(result: Result, kind: str, aspect: float, corner: str) -> tuple[bytes, str]:
    """What is shared, and how its file's name ends. aspect, corner: as for `framed`."""
    photo, painting = flat(result.before), flat(result.shown)
    if kind == "Film":
        wipe = [_wiped(photo, painting, share) for share in WIPE]
        stages = [photo, *(flat(stage) for stage in result.stages()), *wipe]
        sized = [framed(stage.resize(painting.size), aspect, corner) for stage in stages]
        return animation(sized, framed(painting, aspect, corner)), ".mp4"
    picture = _together(photo, painting) if kind == "Before and after" else painting
    return jpeg(framed(picture, aspect, corner), 92), ".jpg"


def framed(picture: Image.Image, aspect: float, corner: str) -> Image.Image:
    """A picture, whole, on a ground of that aspect (0: its own), with words in its corner. RGB."""
    picture = fit(picture, LONG_SIDE, enlarge=False)
    width, height = picture.size
    if aspect:
        width, height = max(width, round(height * aspect)), max(height, round(width / aspect))
    framed = fit(ImageOps.pad(picture, (width, height), color=GROUND), LONG_SIDE, enlarge=False)
    if corner:
        size = max(11, max(framed.size) // 60)
        font, place = ImageFont.load_default(size), (framed.width - size, framed.height - size)
        pen = ImageDraw.Draw(framed)
        pen.text(place, corner, "white", font, "rs", stroke_width=size // 9, stroke_fill=GROUND)
    return framed


def _together(photo: Image.Image, painting: Image.Image) -> Image.Image:
    """Before and after: beside each other, or wide ones below each other."""
    (width, height), wide = painting.size, painting.width > painting.height
    both = Image.new("RGB", (width, 2 * height) if wide else (2 * width, height))
    both.paste(photo)
    both.paste(painting, (0, height) if wide else (width, 0))
    return both


def _wiped(photo: Image.Image, painting: Image.Image, share: float) -> Image.Image:
    """The painting with the photo over its left part."""
    wiped = painting.copy()
    wiped.paste(photo.crop((0, 0, round(share * photo.width), photo.height)))
    return wiped

"""What a visitor shares or saves of a result: the picture, before and after, or a film, in a shape
that fits where it goes; and a link to the picture itself, if asked for.
"""

from typing import Any

import gradio as gr
from PIL import Image, ImageDraw, ImageFont, ImageOps

from nst.errors import BadInput
from nst.pictures.animation import animation
from nst.pictures.images import fit
from ui.events import DECODES, MADE, PRIVATE, QUICK
from ui.messages import user_errors
from ui.result import Result, flat, jpeg, still
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
    """The choices and their buttons, hidden until `button` is pressed."""

    def __init__(self) -> None:
        links = bool(shared.hours)
        with gr.Group(visible=False, elem_id="sharing") as self.box:
            self.kind = gr.Radio(list(KINDS), value=KINDS[0], label="Share", elem_id="share-kind")
            self.shape = gr.Radio(
                list(SHAPES), value="Original", label="Shape", elem_id="share-shape"
            )
            self.corner = gr.Checkbox(True, label="This page's address small in a corner")
            with gr.Row(elem_id="share-how"):
                self.send = gr.Button("Share it", variant="primary", min_width=90, elem_id="send")
                self.save = gr.Button("Save it", min_width=90, elem_id="save")
            looks: dict[str, Any] = {"interactive": False, "max_lines": 1, "buttons": ["copy"]}
            self.link = gr.Textbox(
                label="Link to this very picture",
                info=TERMS,
                visible=links,
                elem_id="picture-link",
                **looks,
            )
            self.publish = gr.Button("Make a link", visible=links, elem_id="publish")
        self.file = gr.DownloadButton("file", elem_id="made-file", elem_classes="unseen")

    def wire(self, button: gr.Button, png: gr.Button, visit: gr.State, status: gr.HTML) -> None:
        """Let the page's buttons Share and Download answer, and its own ones."""
        linked = [self.link, self.publish]
        opened = button.click(self._open, visit, [self.box, *linked], **DECODES)
        opened.success(None, None, None, js="() => nst.toStatus('#sharing')", **QUICK)
        self.publish.click(self._publish, visit, linked, **DECODES)
        wanted = [visit, self.kind, self.shape, self.corner]
        save = "() => nst.save('#made-file')"
        for press, make, inputs, js, told in (
            (png, self._png, visit, save, status),
            (self.save, self._make, wanted, save, self.kind),  # a film takes seconds
            (self.send, self._make, wanted, "(file) => nst.send(file)", self.kind),
        ):
            made = press.click(make, inputs, self.file, show_progress_on=[told], **MADE)
            made.success(None, self.file, None, js=js, **PRIVATE)

    def _open(self, visit: Visit, request: gr.Request) -> tuple[Any, ...]:
        with user_errors():
            name = painted(visit).link
            visit.sharing = True
            link = shared.link(name, request) if shared.get(name) else ""
            return gr.update(visible=True), *_linked(link)

    def _png(self, visit: Visit) -> str:
        with user_errors():
            result = painted(visit)
            return keep_file(self.file, result.png(), f"{result.name}.png")

    def _make(self, visit: Visit, kind: str, shape: str, corner: bool, request: gr.Request) -> str:
        with user_errors():
            result = painted(visit)
            if kind not in KINDS or shape not in SHAPES:
                raise BadInput("There is no such picture to share.")
            scope = request.request.scope if request.request else {}
            words = base_of(scope).split("//")[1] if corner else ""
            data, ending = made(result, kind, SHAPES[shape], words)
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
    painting = flat(result.shown)
    (width, height), photo = painting.size, flat(result.before(painting.size))
    if kind == "Film":  # how it developed, and the photo wiped over it
        stages = [photo, *(still(frame).resize(photo.size) for _, frame in result.frames), painting]
        for share in WIPE:
            stages.append(painting.copy())
            stages[-1].paste(photo.crop((0, 0, round(share * width), height)))
        first, *sized = (framed(stage, aspect, corner) for stage in (painting, *stages))
        return animation(sized, first), ".mp4"
    picture = painting
    if kind == "Before and after":  # beside each other, or wide ones below each other
        below = width > height
        picture = Image.new("RGB", (width, 2 * height) if below else (2 * width, height))
        picture.paste(photo)
        picture.paste(painting, (0, height) if below else (width, 0))
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

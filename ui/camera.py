"""The Camera tab: what the webcam sees, painted as it comes."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData
from PIL import Image

from nst.errors import BadInput
from nst.instant import instant_painter
from nst.pictures.images import open_photo
from nst.presets import find_style, load_presets, preset_of
from nst.recipe import Recipe
from ui.events import DECODES, PRIVATE, QUICK, UNSEEN
from ui.links import Shared
from ui.messages import user_errors
from ui.paint import PaintTab
from ui.paintings import choose_look
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS

SIDE = 256  # pixels that are painted
EVERY = 0.1  # seconds between frames, where the machine keeps up
SCENE = 3.0  # seconds for which what was measured in one frame holds: so nothing flickers
CAMERAS = 2  # at work; others wait
SEEN = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}}
# A camera that is out of sight is stopped.
STOP = """() => document.querySelector('#live')?.offsetParent
  || document.querySelector('#live-camera [title="stop recording"]')?.click()"""
NEEDS_HTTPS = """<p class="hint camera-off">A browser hands out its camera only over https, or on
the machine itself. Open this page with https to use it.</p>"""


class CameraBox(gr.Image):
    """A webcam that hands over the bytes of each frame, which `open_photo` then checks."""

    is_template = True  # the browser's side of it is `gr.Image`'s

    def preprocess(self, payload: ImageData | None) -> bytes | None:  # type: ignore[override]
        """The JPEG inside a frame's data URL."""
        _, _, data = (payload.url if payload and payload.url else "").partition("base64,")
        return base64.b64decode(data) if data else None


@dataclass
class Live:
    """What is painted with, as long as painting and strength stay; and the last frame."""

    chosen: tuple[str, float]
    painter: Callable[[Image.Image], Image.Image]
    until: float
    frame: bytes = b""


def repaint(frame: bytes | None, style: str, strength: float, live: Live | None) -> tuple[Any, Any]:
    """The painted frame, and what the next one is painted with."""
    if frame is None:
        return gr.skip(), live
    with user_errors():
        photo, now = open_photo(frame), time.monotonic()
        if live is None or live.chosen != (style, strength) or now > live.until:
            recipe = asked(style, strength).recipe.replace(size=SIDE)
            painter = instant_painter([find_style(style)], recipe, [style])
            live = Live((style, strength), painter, now + SCENE)
        live.frame = frame
        return live.painter(photo), live


def asked(style: str, strength: float) -> Shared:
    """A painting and a strength, as a link would hold them. Raises BadInput for what is none."""
    preset = preset_of(style)
    if preset is None:
        raise BadInput(f"There is no preset called {str(style)[:40]!r}.")
    return Shared(preset.recipe(Recipe()).replace(strength=strength), None, preset.id)


def build(paint: PaintTab, tabs: gr.Tabs) -> None:
    """Lay out the tab inside the current context. tabs: the page's, to go to the Paint tab."""
    form = paint.form
    gr.HTML(NEEDS_HTTPS, padding=False)
    live = gr.State(None, time_to_live=RUN_LIMITS.visit)
    looks: dict[str, Any] = {"show_label": False, "buttons": [], "streaming": True}
    with gr.Row(elem_id="live"):
        webcam = gr.WebcamOptions(constraints=SEEN)
        box = CameraBox(elem_id="live-camera", webcam_options=webcam, **looks)
        shown = gr.Image(interactive=False, format="jpeg", elem_id="live-painting", **looks)
    with gr.Column(elem_id="live-choices"):
        look = choose_look(load_presets()[0][0], "live")
        shutter = gr.Button("Take this picture to Paint", variant="primary", elem_id="shutter")

    def shoot(live: Live | None, style: str, strength: float) -> dict[Any, Any]:
        """Updates that hand the last frame to the Paint tab, with painting and strength."""
        with user_errors():
            if live is None:
                raise BadInput("The camera does not run yet: start it first.")
            updates = form.restore(asked(style, strength), "Your picture is here: press Paint.")
            updates[form.photo] = keep_file(form.photo, live.frame, "camera.jpg")
            return updates | {tabs: gr.Tabs(selected="paint")}

    timing: dict[str, Any] = {"stream_every": EVERY, "time_limit": int(RUN_LIMITS.deadline)}
    looking = [box, *look, live]
    box.stream(
        repaint, looking, [shown, live], concurrency_limit=CAMERAS, **timing, **UNSEEN, **PRIVATE
    )
    tabs.change(None, None, None, js=STOP, **QUICK)
    shutter.click(shoot, [live, *look], [*form.restored, tabs], **DECODES)

"""What can be done with a finished painting: taken home, shared, blended, enlarged."""

from typing import Any

import gradio as gr

from ui.curves import curves
from ui.events import QUICK
from ui.links import address, to_query
from ui.result import Result
from ui.share import Share
from ui.visit import Visit

LINKED = (
    "It holds the settings and the names of samples and presets. No picture of yours is ever in it."
)


class ResultPanel:
    """What is below the picture, some of it in the fold `more`. show: its values for a result."""

    def __init__(self) -> None:
        with gr.Row(elem_id="take"):
            self.png = gr.Button("Download", variant="primary", min_width=100, elem_id="png")
            self.share = gr.Button("Share", min_width=70, elem_id="share")
            self.larger = gr.Button("Larger", min_width=90, elem_id="larger")
            self.further = gr.Button("Paint more", min_width=90, elem_id="keep")
        self.sharing = Share()
        looks: dict[str, Any] = {"buttons": [], "elem_id": "fade", "label": "Blend"}
        with gr.Row(elem_id="tune"):
            self.fade = gr.Slider(
                0, 100, 100, step=5, info="100 is the painting, 0 the photo.", **looks
            )
            self.recolour = gr.Checkbox(
                label="In the photo's colours", elem_id="recolour", min_width=120
            )
        looks = {"buttons": [], "elem_id": "scrub", "label": "How it developed"}
        with gr.Accordion("More", open=False, elem_id="more") as self.more:
            self.scrub = gr.Slider(
                1, 2, 2, step=1, info="What you see here is what Download saves.", **looks
            )
            looks = {"buttons": ["copy"], "elem_id": "link", "label": "Link to these settings"}
            self.link = gr.Textbox(info=LINKED, max_lines=1, interactive=False, **looks)
            self.curves = gr.HTML(elem_id="curves")

    @property
    def adjustments(self) -> list[Any]:
        """What decides how the picture is looked at, as `Result.adjust` takes it."""
        return [self.scrub, self.fade, self.recolour]

    @property
    def shown(self) -> list[Any]:
        """What `show` sets."""
        return [self.larger, self.sharing.box, *self.adjustments, self.link, self.curves]

    def wire(self, visit: gr.State, status: gr.HTML) -> None:
        """Let what needs nothing else of the page answer."""
        self.sharing.wire(self.share, self.png, visit, status)
        self.fade.input(None, self.fade, None, js="(percent) => nst.fade(percent)", **QUICK)

    def show(self, visit: Visit, result: Result) -> dict[Any, Any]:
        """Updates for `shown`."""
        frames, larger = len(result.frames), result.next_print
        size = {"value": f"Larger, {larger[0]}"} if larger else {}
        last = max(frames, 2)
        return {
            self.larger: gr.update(visible=bool(larger), **size),
            self.sharing.box: gr.update(visible=visit.sharing),
            self.scrub: gr.update(maximum=last, value=result.frame or last, visible=frames > 1),
            self.fade: round(100 * result.blend),
            self.recolour: result.photos_colours,
            self.link: link_to(result, visit.query),
            self.curves: curves(result.losses),
        }


def link_to(result: Result, own: str) -> str:
    """A link that restores a result's settings. own: the page's address."""
    return address(to_query(result.shared), own)

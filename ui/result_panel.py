"""What can be done with a finished painting: taken home, shared, blended, enlarged."""

from typing import Any

import gradio as gr

from ui.curves import curves
from ui.events import MADE, PRIVATE, QUICK
from ui.links import address, to_query
from ui.messages import user_errors
from ui.result import Result
from ui.server.gradio_internals import keep_file
from ui.share import Share
from ui.visit import Visit, painted

# Made when it is asked for: how, and how its file's name ends.
MAKERS = {
    "film": (Result.film, ".mp4"),
    "gif": (Result.gif, ".gif"),
    "card": (Result.card, "-card.jpg"),
}


class ResultPanel:
    """What is below the picture, some of it in the fold `fold`. show: its values for a result."""

    def __init__(self) -> None:
        with gr.Row(elem_id="take"):
            self.png = gr.DownloadButton(
                "Download", variant="primary", min_width=100, elem_id="png"
            )
            self.share = gr.Button("Share", min_width=70, elem_id="share")
            self.film = gr.Button("Animation", min_width=80, elem_id="film")
            self.larger = gr.Button("Larger", min_width=90, elem_id="larger")
            self.further = gr.Button("Paint more", min_width=90, elem_id="keep")
        self.sharing = Share()
        with gr.Row(elem_id="tune"):
            self.fade = gr.Slider(
                0,
                100,
                100,
                step=5,
                label="Blend",
                elem_id="fade",
                info="100 is the painting, 0 the photo.",
                buttons=[],
            )
            self.recolour = gr.Checkbox(
                label="In the photo's colours", elem_id="recolour", min_width=120
            )
        with gr.Accordion("More", open=False, elem_id="more") as self.more:
            self.scrub = gr.Slider(
                1,
                2,
                2,
                step=1,
                label="How it developed",
                elem_id="scrub",
                info="What you see here is what Download saves.",
                buttons=[],
            )
            with gr.Row():
                self.gif = gr.Button("Animation as GIF", min_width=120, elem_id="gif")
                self.card = gr.Button("Card to share", min_width=120, elem_id="card")
                self.copy = gr.Button("Copy link", min_width=90, elem_id="copy")
            self.link = gr.Textbox(
                label="Link to these settings",
                elem_id="link",
                max_lines=1,
                interactive=False,
                info="It holds the settings and the names of samples and presets. No picture of "
                "yours is ever in it.",
            )
            self.curves = gr.HTML(elem_id="curves")
        self.made = {
            name: gr.DownloadButton(name, elem_id=f"{name}-file", elem_classes="unseen")
            for name in MAKERS
        }

    @property
    def adjustments(self) -> list[Any]:
        """What decides how the picture is looked at, as `Result.adjust` takes it."""
        return [self.scrub, self.fade, self.recolour]

    @property
    def shown(self) -> list[Any]:
        """What `show` sets."""
        adjusted = [*self.adjustments, self.link, self.curves]
        return [self.png, self.larger, self.sharing.box, *adjusted]

    def wire(self, visit: gr.State, status: gr.HTML) -> None:
        """Let what needs nothing else of the page answer."""
        self.copy.click(None, self.link, None, js="(link) => nst.copy(link)", **PRIVATE)
        self.sharing.wire(self.share, visit, status)
        for name, button in (("film", self.film), ("gif", self.gif), ("card", self.card)):
            file = self.made[name]
            made = button.click(_maker(file, name), visit, file, show_progress_on=[status], **MADE)
            made.success(None, None, None, js=f"() => nst.save('#{name}-file')", **PRIVATE)
        self.fade.input(None, self.fade, None, js="(percent) => nst.fade(percent)", **QUICK)

    def show(self, result: Result, own: str) -> dict[Any, Any]:
        """Updates for `shown`. own: the page's address."""
        frames, larger = len(result.frames), result.next_print
        return {
            self.png: self.saved(result),
            self.sharing.box: gr.update(visible=False),
            self.larger: gr.update(
                value=f"Larger, {larger[0]}" if larger else "Larger", visible=bool(larger)
            ),
            self.scrub: gr.update(
                maximum=max(frames, 2), value=result.frame or max(frames, 2), visible=frames > 1
            ),
            self.fade: round(100 * result.blend),
            self.recolour: result.photos_colours,
            self.link: link_to(result, own),
            self.curves: curves(result.losses),
        }

    def saved(self, result: Result) -> str:
        """The file that Download gives: the picture as it is looked at."""
        return result.once("png", lambda: keep_file(self.png, result.png(), f"{result.name}.png"))


def link_to(result: Result, own: str) -> str:
    """A link that restores a result's settings. own: the page's address."""
    return address(to_query(result.shared), own)


def _maker(button: gr.DownloadButton, name: str) -> Any:
    make, ending = MAKERS[name]

    def made(visit: Visit) -> str:
        with user_errors():
            result = painted(visit)
            return keep_file(button, make(result), f"{result.name}{ending}")

    return made

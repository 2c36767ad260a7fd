"""The offer to fetch VGG-19, which then finishes what the encoder that ships paints."""

import html
from typing import Any

import gradio as gr

from nst.weights import SOURCES, is_fetchable
from ui.runs import zero
from ui.runs.events import QUICK
from ui.runs.painting import BACKGROUND

__all__ = ["FetchOffer"]

NETWORK = "vgg19"
OFFER = (
    f"Fetch {SOURCES[NETWORK].title} ({SOURCES[NETWORK].size / 1e6:.0f} MB) for better paintings"
)
TOLD_EVERY = 2.0  # seconds


class FetchOffer:
    """A line that can be pressed, where VGG-19 is not here; below it how its download stands.

    Painting goes on meanwhile, and the next painting uses what has come.
    """

    def __init__(self) -> None:
        self.button = gr.Button(
            OFFER, visible=False, size="sm", elem_id="fetch", elem_classes="quiet-button"
        )
        self.status = gr.Markdown(visible=False, elem_id="fetched", elem_classes="hint")
        self.clock = gr.Timer(TOLD_EVERY, active=False)

    def wire(self, demo: gr.Blocks) -> None:
        """Let it answer."""
        shown = [self.button, self.status, self.clock]
        demo.load(self.arrive, None, shown, **QUICK)
        self.button.click(self.fetch, None, shown, **QUICK)
        self.clock.tick(self.show, None, shown, **QUICK)

    def arrive(self) -> list[Any]:
        """What a page that opens shows: a download only while it is under way."""
        return self.show() if BACKGROUND.is_fetching(NETWORK) else _page("")

    def fetch(self) -> list[Any]:
        """Begin, unless somebody else has."""
        BACKGROUND.want(NETWORK)
        return self.show()

    def show(self) -> list[Any]:
        """How the download stands, and the offer again where it failed."""
        return _page(BACKGROUND.status(NETWORK))


def _page(told: str) -> list[Any]:
    """Updates of offer, status and clock."""
    fetching = BACKGROUND.is_fetching(NETWORK)
    # A worker of ZeroGPU has only the networks that were there at the start.
    offered = is_fetchable(NETWORK) and not fetching and not zero.ACTIVE
    return [
        gr.update(visible=offered),
        gr.update(value=html.escape(told), visible=bool(told)),
        gr.update(active=fetching),
    ]

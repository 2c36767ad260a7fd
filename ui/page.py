"""The page: its head and its tabs."""

import gradio as gr

from ui import about as about_tab
from ui import api as endpoint
from ui.compare import CompareTab
from ui.server.gradio_internals import Page
from ui.server.limits import REQUEST_LIMITS, RUN_LIMITS
from ui.tabs.paint import PaintTab
from ui.wall import build_endpoint as build_wall

__all__ = ["create_demo"]

TITLE = "A photo, repainted"
MASTHEAD = f"""
# {TITLE}
Choose a photo and a painting. The photo is repainted in the painting's manner while you watch.
"""


def create_demo() -> gr.Blocks:
    """The whole app, ready to launch."""
    with Page(
        title=TITLE,
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(600, int(REQUEST_LIMITS.cache_seconds)),
    ) as demo:
        gr.Markdown(MASTHEAD, elem_id="masthead")
        with gr.Tabs() as tabs:
            with gr.Tab("Paint", id="paint"):
                paint = PaintTab(demo)
            with gr.Tab("Compare", id="compare") as compare:
                CompareTab(paint, tabs, compare)
            with gr.Tab("How it works", id="about") as about:
                about_tab.build(about)
        endpoint.build()
        build_wall()
    # The guard says who may wait, in sentences; this only has to be more than it lets in.
    places = 2 * (RUN_LIMITS.queue + RUN_LIMITS.concurrency)
    demo.queue(max_size=places, api_open=False, default_concurrency_limit=8)
    return demo

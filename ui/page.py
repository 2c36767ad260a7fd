"""The page: its head and its tabs."""

import gradio as gr

from ui import about as about_tab
from ui import api as endpoint
from ui import camera, wall, zero
from ui import compare as compare_tab
from ui.film import FilmTab
from ui.paint import PaintTab
from ui.server.expiry import CACHE_SECONDS
from ui.server.limits import RUN_LIMITS

TITLE = "A photo, repainted"
MASTHEAD = f"""<a class="skip" href="#go">Skip to Paint</a>
<h1>{TITLE}</h1>
<p>Choose a photo and a painting. Your photo is repainted in its style while you watch.</p>"""


def create_demo() -> gr.Blocks:
    """The whole app, ready to launch."""
    with gr.Blocks(
        title=TITLE,
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(600, CACHE_SECONDS),
    ) as demo:
        gr.HTML(MASTHEAD, elem_id="masthead", padding=False)
        with gr.Tabs() as tabs:
            with gr.Tab("Paint", id="paint"):
                paint = PaintTab(demo)
            with gr.Tab("Compare", id="compare") as compare:
                compare_tab.build(paint, tabs, compare)
            with gr.Tab("Camera", id="camera"):
                camera.build(paint, tabs)
            with gr.Tab("Film", id="film", visible=not zero.ACTIVE):
                FilmTab()
            with gr.Tab("How it works", id="about") as about:
                about_tab.build(about)
        endpoint.build()
        wall.build_endpoint()
    demo.queue(max_size=RUN_LIMITS.queue, api_open=False, default_concurrency_limit=8)
    return demo

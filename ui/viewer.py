"""The picture of the Paint tab: photo and painting over each other, with a divider between them."""

from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.data_classes import FileData
from PIL import Image

from nst.pictures.images import fit
from ui.assets import asset
from ui.result import flat, jpeg
from ui.server.gradio_internals import keep_file

SCREEN = 1600  # pixels: a print is seen smaller than it is


def picture_box(**options: Any) -> gr.HTML:
    """One component for all that can be seen, so that nothing moves when a run begins or ends.

    What its value may hold is said in `ui/assets/viewer.js`.
    """
    return gr.HTML(
        html_template=asset("viewer.html"), js_on_load=asset("viewer.js"), elem_classes="viewer",
        apply_default_css=False, **options,
    )  # fmt: skip


def shown_file(box: Component, picture: Image.Image, name: str = "shown") -> dict[str, Any]:
    """A picture, no larger than a screen shows it, as a file that the page may fetch."""
    data = jpeg(fit(flat(picture), SCREEN, enlarge=False), 88)
    return file_of(keep_file(box, data, f"{name}.jpg"))


def file_of(path: str) -> dict[str, Any]:
    """A file in the form in which Gradio gives it an address."""
    return FileData(path=path).model_dump()

"""The picture of the Paint tab: photo and painting over each other, with a divider between them."""

from functools import lru_cache
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.data_classes import FileData
from PIL import Image

from nst.pictures.images import fit, open_photo
from nst.presets import preset_of
from ui.assets import asset
from ui.result import flat, jpeg
from ui.samples import OPENING, SAMPLES, painted_before, sample_id
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


def example(box: Component, photo: str, style: str) -> dict[str, Any]:
    """The pair of a sample photo and what was painted from it before."""
    painting, preset = painted_before(photo, style), preset_of(style)
    if painting is None or preset is None:
        return {}
    with Image.open(painting) as after:
        size = after.size
    title = f"{SAMPLES[photo].title.lower()} in {preset.title}"
    return {
        "photo": file_of(keep_file(box, _sample_photo(photo, size), "sample.jpg")),
        "painting": file_of(keep_file(box, painting.read_bytes(), painting.name)),
        "aspect": size[0] / size[1], "alt": title, "caption": f"Example: {title}", "at": 50,
    }  # fmt: skip


@lru_cache(maxsize=2 * len(SAMPLES))
def _sample_photo(name: str, size: tuple[int, int]) -> bytes:
    """A sample as a JPEG file of the size of what was painted from it."""
    return jpeg(fit(open_photo(SAMPLES[name].path), max(size)).resize(size), 88)


def example_of(chosen: tuple[Any, ...]) -> tuple[str, str] | None:
    """Sample and preset, when they alone are chosen and were painted before."""
    if not chosen:
        return OPENING
    photo, style, _, second = chosen[:4]
    sample = sample_id(photo)
    if sample is None or not style or second or not painted_before(sample, style):
        return None
    return sample, style

"""The picture of the Paint tab: photo and painting over each other, with a divider between them."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import gradio as gr
import torch
from gradio.data_classes import FileData
from PIL import Image, ImageOps

from nst.errors import BadInput, NstError
from nst.pictures.images import fit, open_photo, to_image
from nst.presets import preset_of
from ui.assets import asset
from ui.instant import preview
from ui.job import Job
from ui.result import Result, flat, jpeg
from ui.samples import OPENING, SAMPLES, painted_before, sample_id
from ui.server.gradio_internals import keep_file
from ui.visit import Visit

SCREEN = 1600  # pixels: a print is seen smaller than it is
PICTURES = 5  # of the values chosen are pictures and their shares

View = dict[str, Any]  # what `ui/assets/viewer.js` takes


class Viewer:
    """One component for all that can be seen, so that nothing moves when a run begins or ends."""

    def __init__(self) -> None:
        self.box = gr.HTML(
            html_template=asset("viewer.html"),
            js_on_load=asset("viewer.js"),
            elem_classes="viewer",
            apply_default_css=False,
            elem_id="picture",
            # So Gradio gives its files an address and keeps them.
            value=self._example(*OPENING, keeper=gr.Textbox(visible=False)),
        )

    def file(self, picture: Image.Image, name: str) -> dict[str, Any]:
        """A picture, no larger than a screen shows it, as a file that the page may fetch."""
        data = jpeg(fit(flat(picture), SCREEN, enlarge=False), 88)
        return _file(keep_file(self.box, data, f"{name}.jpg"))

    def beginning(self, result: Result) -> View:
        """What is seen of a run before its first picture."""
        photo, start = result.job.photo, result.start
        if isinstance(start, tuple):
            start = to_image(torch.from_numpy(start[0]))
        small = fit(photo, result.job.shared.recipe.size)
        alt = "The painting as it develops"
        return self._pair(small, start or small, alt) | {"phase": "painting"}

    def view(self, visit: Visit, job_of: Callable[[tuple[Any, ...]], Job]) -> View:
        """What is seen of a visit when nothing is being painted. job_of: opens what is chosen."""
        result, chosen = visit.result, visit.chosen
        if result is not None and (visit.looking or not visit.outdated):
            view = self._finished(visit, result)
            return view | self._beside(result, visit.results[0]) if visit.beside else view
        if not chosen:
            return self._example(*OPENING)
        mine = result is not None and chosen[:PICTURES] == result.chosen[:PICTURES]
        sample = None if mine else _sample_of(chosen)
        view = self._example(*sample) if sample else self._instant(chosen, job_of)
        if not view and result is not None:
            return self._finished(visit, result)
        return {"phase": visit.phase, **(view or self._unpainted(chosen))}

    def _finished(self, visit: Visit, result: Result) -> View:
        caption = "Your previous result" if visit.outdated else ""
        if result is not visit.results[0]:
            caption = f"An earlier result: {result.job.title}"
        return self._result(result) | {"caption": caption, "live": True}

    def _result(self, result: Result) -> View:
        def made() -> View:
            coloured = result.coloured
            photo = result.job.photo.resize(coloured.size)
            return self._pair(photo, coloured, result.job.title, result.name)

        fade = round(100 * result.blend)
        return result.once("view", made) | {"fade": fade, "phase": "finished"}

    def _beside(self, earlier: Result, latest: Result) -> View:
        """An earlier result under the divider, the latest beside it."""
        padded = ImageOps.pad(flat(earlier.shown), latest.coloured.size, color="#161513")
        return {
            **self._pair(padded, latest.coloured, "Two results"),
            "fade": 100,
            "at": 50,
            "caption": "",
            "left": f"Earlier: {earlier.job.title}",
            "right": f"Latest: {latest.job.title}",
        }

    def _instant(self, chosen: tuple[Any, ...], job_of: Callable[[tuple[Any, ...]], Job]) -> View:
        """The instant painting of what is chosen; nothing where there is none."""
        try:
            job = job_of(chosen)
            ids = (job.shared.style, job.shared.second)[: len(job.styles)]
            picture = preview(job.photo, job.styles, job.shared.recipe, ids)
        except NstError:  # Paint will say what is wrong
            return {}
        if picture is None:
            return {}
        photo = job.photo.resize(picture.size)
        return self._pair(photo, picture, job.title) | {"caption": "Preview"}

    def _unpainted(self, chosen: tuple[Any, ...]) -> View:
        """The photo as it is chosen, or the opening pair where it cannot be shown."""
        try:
            photo = open_photo(chosen[0] or "")
        except BadInput:  # Paint will say what is wrong with it
            return self._example(*OPENING)
        return self._pair(photo, photo, "The photo") | {"photo": None, "caption": "Not painted yet"}

    def _pair(
        self, photo: Image.Image, painting: Image.Image, alt: str, name: str = "painting"
    ) -> View:
        return {
            "photo": self.file(photo, "photo"),
            "painting": self.file(painting, name),
            "aspect": photo.width / photo.height,
            "alt": alt,
        }

    def _example(self, photo: str, style: str, keeper: Any = None) -> View:
        """The pair of a sample photo and what was painted from it before."""
        painting, preset = painted_before(photo, style), preset_of(style)
        if painting is None or preset is None:
            return {}
        keeper = keeper or self.box
        with Image.open(painting) as after:
            size = after.size
        title = f"{SAMPLES[photo].title.lower()} in {preset.title}"
        return {
            "photo": _file(keep_file(keeper, _sample_photo(photo, size), "sample.jpg")),
            "painting": _file(keep_file(keeper, painting.read_bytes(), painting.name)),
            "aspect": size[0] / size[1],
            "alt": title,
            "caption": f"Example: {title}",
            "at": 50,
        }


def _file(path: str) -> dict[str, Any]:
    """A file in the form in which Gradio gives it an address."""
    return FileData(path=path).model_dump()


@lru_cache(maxsize=2 * len(SAMPLES))
def _sample_photo(name: str, size: tuple[int, int]) -> bytes:
    """A sample as a JPEG file of the size of what was painted from it."""
    return jpeg(fit(open_photo(SAMPLES[name].path), max(size)).resize(size), 80)


def _sample_of(chosen: tuple[Any, ...]) -> tuple[str, str] | None:
    """Sample and preset, when they alone are chosen and were painted before."""
    photo, style, _, second = chosen[:4]
    sample = sample_id(photo)
    if sample is None or not style or second or not painted_before(sample, style):
        return None
    return sample, style

"""The picture of the Paint tab: photo and painting over each other, with a divider between them."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from PIL import Image

from nst.errors import NstError
from nst.pictures.images import fit, open_photo
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
JobOf = Callable[[tuple[Any, ...]], Job]


class Viewer:
    """One component for all that can be seen, so that nothing moves when a run begins or ends."""

    def __init__(self) -> None:
        self.box: Any = gr.Textbox(visible=False)  # files are kept by a component
        self.box = gr.HTML(
            html_template=asset("viewer.html"),
            js_on_load=asset("viewer.js"),
            elem_classes="viewer",
            apply_default_css=False,
            elem_id="picture",
            value=self._example(*OPENING),  # so Gradio gives its files an address
        )

    def file(self, picture: Image.Image, name: str, quality: int = 88) -> dict[str, Any]:
        """A picture, no larger than a screen shows it, as a file that the page may fetch."""
        return self._kept(jpeg(fit(flat(picture), SCREEN, enlarge=False), quality), f"{name}.jpg")

    def _kept(self, data: bytes, name: str) -> dict[str, Any]:
        return FileData(path=keep_file(self.box, data, name)).model_dump()

    def beginning(self, result: Result) -> View:
        """What is seen of a run before its first picture."""
        photo = fit(result.job.photo, result.job.shared.recipe.size)
        alt = "The painting as it develops"
        return self._pair(photo, result.start or photo, alt) | {"phase": "painting"}

    def view(self, visit: Visit, job_of: JobOf) -> View:
        """What is seen of a visit when nothing is being painted. job_of: opens what is chosen."""
        result, chosen = visit.result, visit.chosen
        if result is not None and (visit.looking or not visit.outdated):
            return self._finished(visit, result)
        mine = result is not None and chosen[:PICTURES] == result.chosen[:PICTURES]
        sample = (None if mine else _sample_of(chosen)) if chosen else OPENING
        view = self._example(*sample) if sample else self._preview(chosen, job_of)
        if not view:
            return self._finished(visit, result) if result else self._example(*OPENING)
        return {"phase": visit.phase, **view}

    def _finished(self, visit: Visit, result: Result) -> View:
        coloured, caption = result.coloured, "Your previous result" if visit.outdated else ""
        if result is not visit.results[0]:
            caption = f"An earlier result: {result.job.title}"
        return {
            **self._pair(result.job.photo, coloured, result.job.title, result.name),
            "fade": round(100 * result.blend),
            "phase": "finished",
            "caption": caption,
            "live": True,
        }

    def _preview(self, chosen: tuple[Any, ...], job_of: JobOf) -> View:
        """The instant painting of what is chosen, or its photo; nothing where it cannot be used."""
        try:
            job = job_of(chosen)
            ids = (job.shared.style, job.shared.second)[: len(job.styles)]
            picture = preview(job.photo, job.styles, job.shared.recipe, ids)
        except NstError:  # Paint will say what is wrong
            return {}
        if picture is None:
            unpainted = {"photo": None, "caption": "Not painted yet"}
            return self._pair(job.photo, job.photo, "The photo") | unpainted
        return self._pair(job.photo, picture, job.title) | {"caption": "Preview"}

    def _pair(
        self, photo: Image.Image, painting: Image.Image, alt: str, name: str = "painting"
    ) -> View:
        return {
            "photo": self.file(photo.resize(painting.size), "photo", 80),
            "painting": self.file(painting, name),
            "aspect": photo.width / photo.height,
            "alt": alt,
        }

    def _example(self, photo: str, style: str) -> View:
        """A sample photo and what was painted from it before."""
        sample, preset, painting = SAMPLES[photo], preset_of(style), painted_before(photo, style)
        if painting is None or preset is None:
            return {}
        title = f"{sample.title.lower()} in {preset.title}"
        return {
            **self._pair(open_photo(sample.path), open_photo(painting), title),
            "painting": self._kept(painting.read_bytes(), painting.name),
            "caption": f"Example: {title}",
            "at": 50,
        }


def _sample_of(chosen: tuple[Any, ...]) -> tuple[str, str] | None:
    """Sample and preset, when they alone are chosen and were painted before."""
    photo, style, _, second = chosen[:4]
    sample = sample_id(photo)
    return (sample, style) if sample and not second and painted_before(sample, style) else None

"""`/paint`: the named, typed way in for programs (`gradio_client`)."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.presets import load_presets, preset_of
from nst.recipe import Recipe
from ui.events import PAINTS
from ui.job import open_job
from ui.links import read_settings
from ui.messages import user_errors
from ui.photo_box import PhotoBox
from ui.result import Result
from ui.run import run
from ui.samples import SAMPLES
from ui.server.gradio_internals import keep_file

ABOUT = """Repaint a photo in the style of a painting.

photo: a picture, as `handle_file("photo.jpg")`; with None, a sample.
style: a picture of a painting, or None and preset: one of {presets}.
recipe: settings as a query string, such as "strength=60&size=256&colours=photo"; empty for the
preset's own. Yields (None, facts) while it paints and (PNG file, facts) at the end.
"""


def build() -> None:
    """Put the endpoint into the current `gr.Blocks`; nothing of it can be seen."""
    presets = [preset.id for preset in load_presets()[0]]
    with gr.Row(visible=False):
        photo, style = PhotoBox(label="photo"), PhotoBox(label="style")
        preset, recipe = gr.Textbox("", label="preset"), gr.Textbox("", label="recipe")
        picture, facts = gr.File(label="picture"), gr.JSON(label="facts")
        button = gr.Button()

    def paint(
        photo: str | None = None, style: str | None = None, preset: str = "", recipe: str = ""
    ) -> Iterator[tuple[str | None, dict[str, Any]]]:
        with user_errors(plain=True):
            chosen = None if style else preset_of(preset or presets[0])
            if chosen is None and style is None:
                raise BadInput(
                    f"There is no preset called {str(preset)[:40]!r}; "
                    f"choose one of {', '.join(presets)}."
                )
            settings = read_settings(str(recipe or ""), chosen)
            job = open_job(photo or SAMPLES["lion"].path, chosen or style, settings)
            result = Result(job)
            for progress in run(job.photo, job.styles, settings, every=1.0):
                result.take(progress)
                told = {
                    "step": progress.step,
                    "steps": progress.total,
                    "width": progress.size[0],
                    "height": progress.size[1],
                    "seconds": round(progress.seconds, 3),
                    "losses": progress.losses._asdict() if progress.losses else {},
                    "status": progress.details,
                    "notes": list(progress.notes),
                    "recipe": settings.to_query(Recipe()),
                }
                if progress.picture is not None and not progress.done:
                    yield None, told
            yield keep_file(picture, result.png(), f"{result.name}.png"), told

    about = ABOUT.format(presets=", ".join(presets))
    given = [photo, style, preset, recipe]
    button.click(paint, given, [picture, facts], api_name="paint", api_description=about, **PAINTS)

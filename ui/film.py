"""The Film tab: a short clip repainted frame by frame by the instant painter, with its sound."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from PIL import Image

from nst.errors import BadInput
from nst.instant import instant_painter
from nst.pictures.film import MOST_SECONDS, Clip, open_clip, read_frames, repaint
from nst.presets import find_style, load_presets, preset_of
from ui.camera import asked
from ui.events import AT_ONCE, PAINTS, PRIVATE, QUICK
from ui.messages import status_html, user_errors
from ui.pace import about, clock
from ui.paintings import choose_look
from ui.photo_box import PictureButton
from ui.samples import OPENING
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS

SHARES = (1, 0.75, 0.5)  # of its size: the largest at which a clip is painted within a run
EXPECTED = 0.7  # of a run that a clip is expected to take at most
TOLD_EVERY = 0.25  # seconds
ASK = f"Choose a clip of up to {MOST_SECONDS} seconds; every frame is repainted, its sound stays."


class FilmTab:
    """What goes in, and a film that comes out. Build it inside a `gr.Tab`."""

    def __init__(self) -> None:
        looks: dict[str, Any] = {"interactive": False, "visible": False}
        with gr.Row():
            with gr.Column(min_width=320):
                clip = PictureButton("Choose a clip", file_types=["video"], elem_id="clip")
                still = gr.Image(
                    label="Its first frame", height=240, format="jpeg", buttons=[], **looks
                )
                look = choose_look(preset_of(OPENING[1]) or load_presets()[0][0], "reel")
                with gr.Row():
                    go = gr.Button("Paint the clip", variant="primary", elem_id="film-go")
                    stop = gr.Button("Stop", interactive=False, elem_id="film-stop")
            with gr.Column(min_width=320):
                status = gr.HTML(status_html(ASK), elem_id="film-status", elem_classes="run-status")
                looks |= {"label": "The film", "height": 420, "buttons": ["download"]}
                self.film = gr.Video(elem_id="painted", **looks)
        given, shown = [clip, *look], [status, self.film]
        told: dict[str, Any] = {"show_progress": "minimal", "show_progress_on": [status]}
        changes = [clip.upload, *(part.change for part in look)]
        gr.on(changes, self._look, given, [still, status], trigger_mode="always_last", **AT_ONCE)
        # First, for Gradio does what one click starts one after the other.
        go.click(partial(gr.update, interactive=True), None, stop, **QUICK)
        going = go.click(self._paint, given, shown, **told, **PAINTS, **PRIVATE)
        going.then(partial(gr.update, interactive=False), None, stop, **QUICK)
        stop.click(
            lambda: (status_html("Stopped."), gr.update(interactive=False)),
            None,
            [status, stop],
            cancels=[going],
            **QUICK,
        )

    def _look(self, path: str | None, style: str, strength: float) -> tuple[Any, str]:
        """The first frame as it will be painted, and how long the whole should take."""
        if path is None:
            return gr.skip(), status_html(ASK)
        with user_errors():
            try:
                clip, painted, each = _measured(path, style, strength)
            except BadInput as error:
                return gr.update(visible=False), status_html(str(error))
        size = f"{clip.frames} frames, {clip.size[0]} × {clip.size[1]}"
        told = status_html(f"{size}: {about(each * clip.frames)}.")
        return gr.update(value=painted, visible=True), told

    def _paint(self, path: str | None, style: str, strength: float) -> Iterator[tuple[str, Any]]:
        with user_errors(), TemporaryDirectory() as folder:
            if path is None:
                raise BadInput(f"There is no clip yet. {ASK}")
            clip, *_ = _measured(path, style, strength)
            out, began, told = Path(folder, "painted.mp4"), time.monotonic(), 0.0
            with closing(repaint(clip, out, _painter(clip, style, strength))) as done:
                for frame in done:
                    passed = time.monotonic() - began
                    if passed > RUN_LIMITS.deadline:  # others wait
                        raise BadInput("This takes longer than expected: choose a shorter clip.")
                    if passed - told >= TOLD_EVERY:
                        told = passed
                        left = about(passed / frame * (clip.frames - frame))
                        line = f"Frame {frame} of {clip.frames}, {left} left"
                        yield status_html(line, share=frame / clip.frames), gr.skip()
            film = keep_file(self.film, out.read_bytes(), f"painted-{style}.mp4")
            yield status_html(f"Done in {clock(passed)}."), gr.update(value=film, visible=True)


def _measured(path: str, style: str, strength: float) -> tuple[Clip, Image.Image, float]:
    """A clip at a size that fits a run, its first frame painted, and seconds for each frame."""
    whole = open_clip(path)
    for share in SHARES:
        width, height = (max(2, round(side * share / 2) * 2) for side in whole.size)
        clip = replace(whole, size=(width, height))
        with closing(read_frames(clip)) as frames:
            first = next(frames)
        paint = _painter(clip, style, strength)
        painted = paint(first)
        began = time.monotonic()
        paint(first)
        each = time.monotonic() - began
        if each * clip.frames <= EXPECTED * RUN_LIMITS.deadline:
            return clip, painted, each
    raise BadInput(
        f"This clip would take {about(each * clip.frames)} here, and a run ends after "
        f"{clock(RUN_LIMITS.deadline)}: trim it first."
    )


def _painter(clip: Clip, style: str, strength: float) -> Callable[[Image.Image], Image.Image]:
    recipe = asked(style, strength).recipe.replace(size=max(clip.size))
    return instant_painter([find_style(style)], recipe, [style])

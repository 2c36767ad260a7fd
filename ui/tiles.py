"""Paintings side by side: made one after the other, shown as they finish.

The style wall, the sweep and the authors' comparisons are each a source of `Scene`s; one `Panel`
shows any of them.
"""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
from PIL import Image

from nst.errors import BadInput, NstError
from nst.images import fit
from nst.keepsakes import contact_sheet
from ui.limits import RULES
from ui.links import Shared
from ui.order import Order
from ui.painting import clock, run
from ui.result import flat, store
from ui.telling import sentences, telling

__all__ = ["ACTIONS", "Panel", "Plan", "Scene", "Tile", "jpeg", "paint_all"]

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", **PRIVATE}
DEVICE = {"concurrency_id": "device", "concurrency_limit": RULES.concurrency}
ACTIONS = {"Paint it properly": "paint", "Pin it as A": "A", "Pin it as B": "B"}
TILE = 512  # longest side shown, in pixels; the sheet has the whole picture


@dataclass(frozen=True)
class Tile:
    """A finished painting. shared: what paints it again, but for the visitor's own pictures."""

    title: str
    shared: Shared
    picture: Image.Image


@dataclass(frozen=True)
class Plan:
    """Paintings to make, as (title, order). photo: the file, to paint it again properly."""

    heading: str
    photo: str
    orders: tuple[tuple[str, Order], ...]


@dataclass(frozen=True)
class Scene:
    """What a panel shows now.

    developing: title and picture of the painting under way. share: of the work that is done, None
    at the end. below: HTML that goes under the pictures.
    """

    heading: str
    photo: Image.Image
    photo_file: str
    tiles: tuple[Tile, ...] = ()
    developing: tuple[str, Image.Image] | None = None
    line: str = ""
    notes: tuple[str, ...] = ()
    share: float | None = None
    below: str = ""


def paint_all(plan: Plan, every: float = 1.0) -> Iterator[Scene]:
    """Paint what is planned, one after the other; close the generator to stop.

    Ends early with what is there when the operator's deadline passes or a later painting fails.
    """
    began = time.monotonic()
    scene = Scene(plan.heading, fit(plan.orders[0][1].photo, TILE), plan.photo, share=0.0)
    count = len(plan.orders)
    for number, (title, order) in enumerate(plan.orders, start=1):
        try:
            for progress in run(order.photo, order.styles, order.shared.recipe, every=every):
                share = (number - 1 + progress.step / progress.total) / count
                left = (time.monotonic() - began) * (1 - share) / share
                scene = replace(
                    scene,
                    developing=(title, progress.picture) if progress.picture else scene.developing,
                    line=f"{number} of {count}: {title}, about {clock(left)} left for all",
                    notes=progress.notes,
                    share=share,
                )
                yield scene
        except NstError as error:
            if not scene.tiles:
                raise
            yield replace(scene, share=None, developing=None, line=str(error))
            return
        assert progress.picture is not None
        tile = Tile(title, order.shared, progress.picture)
        scene = replace(scene, tiles=(*scene.tiles, tile), developing=None)
        late = time.monotonic() - began > RULES.deadline
        if late and number < count:
            ended = f"a run may take {RULES.deadline:.0f} seconds here."
            yield replace(scene, share=None, line=f"Ended after {number} of {count}: {ended}")
            return
    seconds = clock(time.monotonic() - began)
    yield replace(scene, share=None, line=f"Done: {count} paintings in {seconds}")


@dataclass
class _Stage:
    """One visitor's latest scene; a stop finds here what there is to keep."""

    scene: Scene | None = None
    files: dict[int, str] = field(default_factory=dict)


Source = Callable[..., Iterator[Scene]]


class Panel:
    """Go and Stop, a status line, the pictures, and the contact sheet."""

    def __init__(self, name: str, go: str, invitation: str, columns: int = 5) -> None:
        self.name = name
        self.stage = gr.State(None, time_to_live=RULES.visit)
        with gr.Row(elem_classes="go-row"):
            self.go = gr.Button(go, variant="primary", min_width=150, elem_id=f"{name}-go")
            self.stop = gr.Button("Stop", interactive=False, min_width=70, elem_id=f"{name}-stop")
        self._layout_pictures(invitation, columns)

    def _layout_pictures(self, invitation: str, columns: int) -> None:
        self.status = gr.HTML(
            telling(invitation), elem_id=f"{self.name}-status", elem_classes="telling"
        )
        with gr.Column(visible=False, elem_id=f"{self.name}-after") as self.after:
            with gr.Row(elem_classes="click-row"):
                self.action = gr.Radio(
                    list(ACTIONS.items()), value="paint", label="Choosing a picture below will",
                    elem_id=f"{self.name}-action", scale=3,
                )  # fmt: skip
                self.sheet = gr.DownloadButton(
                    "Download contact sheet", interactive=False, min_width=200,
                    elem_id=f"{self.name}-sheet",
                )  # fmt: skip
            self.gallery = gr.Gallery(
                label="Paintings", show_label=False, columns=columns, allow_preview=False,
                interactive=False, object_fit="cover", buttons=[],
                elem_id=f"{self.name}-tiles", elem_classes=["tiles", "thumbs"],
            )  # fmt: skip
            self.below = gr.HTML(elem_id=f"{self.name}-below", elem_classes="below")

    @property
    def shown(self) -> list[Any]:
        """The components that a run changes."""
        return [
            self.stage,
            self.status,
            self.after,
            self.gallery,
            self.below,
            self.sheet,
            self.stop,
        ]

    def wire(self, source: Source, inputs: Sequence[Any], *starts: tuple[Any, Any]) -> None:
        """Run `source(*inputs)` when Go is pressed.

        starts: further (button, source) pairs, for a panel that several buttons fill.
        """
        running = []
        for button, scenes in ((self.go, source), *starts):
            button.click(lambda: gr.update(interactive=True), None, self.stop, **QUICK)
            event = button.click(
                _handler(self, scenes), list(inputs), self.shown, show_progress="minimal",
                show_progress_on=[self.status], scroll_to_output=False, **DEVICE, **PRIVATE,
            )  # fmt: skip
            event.then(lambda: gr.update(interactive=False), None, self.stop, **QUICK)
            running.append(event)
        self.stop.click(self._stopped, self.stage, self.shown, cancels=running, **QUICK)

    def play(self, scenes: Iterator[Scene]) -> Iterator[dict]:
        """Show scenes as they come."""
        stage = _Stage()
        yield {
            self.stage: stage,
            self.status: telling("Getting ready", share=0.0),
            self.after: gr.update(visible=True),
            self.gallery: [],
            self.below: "",
            self.sheet: gr.update(value=None, interactive=False),
        }
        for scene in scenes:
            changed = stage.scene is None or scene.tiles != stage.scene.tiles
            fresh = stage.scene is None or scene.developing != stage.scene.developing
            stage.scene = scene
            update = {self.status: telling(scene.line, scene.notes, scene.share)}
            if changed or fresh:
                update[self.gallery] = self._pictures(stage)
            if changed:
                update[self.below] = scene.below
            if scene.share is not None:
                yield update
        yield self._finished(stage)

    def _finished(self, stage: _Stage) -> dict:
        scene = stage.scene
        assert scene is not None
        stage.scene = replace(scene, developing=None, share=None)
        return {
            self.status: telling(scene.line, scene.notes),
            self.after: gr.update(visible=bool(scene.tiles)),
            self.gallery: self._pictures(stage),
            self.below: scene.below,
            self.sheet: gr.update(
                value=self._sheet(scene) if scene.tiles else None, interactive=bool(scene.tiles)
            ),
            self.stop: gr.update(interactive=False),
        }

    def _stopped(self, stage: _Stage | None) -> dict:
        with sentences():
            if stage is None or stage.scene is None:
                return {
                    self.status: telling("Stopped before the first picture."),
                    self.stop: gr.update(interactive=False),
                }
            count = len(stage.scene.tiles)
            kept = "1 painting is kept" if count == 1 else f"{count} paintings are kept"
            stage.scene = replace(stage.scene, line=f"Stopped: {kept}.", developing=None)
            return self._finished(stage)

    def _pictures(self, stage: _Stage) -> list[tuple[str, str]]:
        """Files and titles for the gallery; each finished tile is written once."""
        scene = stage.scene
        assert scene is not None
        for i in range(len(stage.files), len(scene.tiles)):
            stage.files[i] = self._file(scene.tiles[i].picture, i)
        shown = [(stage.files[i], tile.title) for i, tile in enumerate(scene.tiles)]
        if scene.developing is not None:
            title, picture = scene.developing
            shown.append((self._file(picture, len(shown)), f"{title} …"))
        return shown

    def _file(self, picture: Image.Image, number: int) -> str:
        data = jpeg(fit(flat(picture), TILE, enlarge=False))
        return store(self.gallery, data, f"{self.name}-{number + 1}.jpg")

    def _sheet(self, scene: Scene) -> str:
        tiles = [(scene.photo, "the photo"), *((t.picture, t.title) for t in scene.tiles)]
        columns = next((c for c in (4, 3, 5) if len(tiles) % c == 0), min(4, len(tiles)))
        sheet = contact_sheet(tiles, columns, scene.heading)
        return store(self.sheet, jpeg(sheet, 90), f"{self.name}-sheet.jpg")

    def chosen(self, stage: _Stage | None, event: gr.SelectData) -> Tile | None:
        """The tile that was clicked; None for one that is still being painted."""
        scene = stage.scene if stage else None
        index = event.index
        if scene is None or not isinstance(index, int) or index < 0:
            raise BadInput("There is no such picture to choose.")
        return scene.tiles[index] if index < len(scene.tiles) else None


def _handler(panel: Panel, source: Source) -> Callable[..., Iterator[dict]]:
    # A generator function, for Gradio looks at what it is given before it calls it.
    def handler(*values: Any) -> Iterator[dict]:
        with sentences():
            yield from panel.play(source(*values))

    return handler


def jpeg(image: Image.Image, quality: int = 88) -> bytes:
    """The bytes of a JPEG file."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()

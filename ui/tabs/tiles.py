"""Paintings side by side: made one after the other, shown as they finish.

The style wall, the sweep and the authors' comparisons are each a source of `Scene`s; one `Panel`
shows any of them.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
from PIL import Image

from nst.errors import BadInput, NstError
from nst.pictures.export import contact_sheet
from nst.pictures.images import fit
from ui.parts.links import Shared
from ui.runs.events import PAINTS, PRIVATE, QUICK
from ui.runs.job import Order
from ui.runs.messages import sentences, telling
from ui.runs.painting import clock, run
from ui.runs.result import flat, store
from ui.server.limits import RULES
from ui.server.visitors import Visitor, visitor_of

__all__ = [
    "ACTIONS",
    "Panel",
    "Plan",
    "Scene",
    "Tile",
    "jpeg",
    "paint_all",
    "sheet_of",
]

ACTIONS = {"Paint it": "paint", "Pin as A": "A", "Pin as B": "B"}
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


def paint_all(plan: Plan, visitor: Visitor, every: float = 1.0) -> Iterator[Scene]:
    """Paint what is planned, one after the other; close the generator to stop.

    Each painting waits for a turn of its own, so that others need not wait for all of them. Ends
    early with what is there when the operator's deadline, one for all, passes or a later painting
    fails.
    """
    spent = 0.0  # seconds painted, without those waited
    scene = Scene(plan.heading, fit(plan.orders[0][1].photo, TILE), plan.photo, share=0.0)
    count = len(plan.orders)
    for number, (title, order) in enumerate(plan.orders, start=1):
        try:
            for progress in run(
                order.photo, order.styles, order.shared.recipe,
                visitor=visitor, every=every, deadline=RULES.deadline - spent,
            ):  # fmt: skip
                share = (number - 1 + progress.step / progress.total) / count
                line = f"{number} of {count}: {progress.status}"
                if progress.step:
                    left = clock((spent + progress.seconds) * (1 - share) / share)
                    line = f"{number} of {count}: {title}, about {left} left for all"
                scene = replace(
                    scene,
                    developing=(title, progress.picture) if progress.picture else scene.developing,
                    line=line,
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
        spent += progress.seconds
        if spent >= RULES.deadline and number < count:
            ended = f"a run may take {RULES.deadline:.0f} seconds here."
            yield replace(scene, share=None, line=f"Ended after {number} of {count}: {ended}")
            return
    yield replace(scene, share=None, line=f"Done: {count} paintings in {clock(spent)}")


@dataclass
class _Stage:
    """One visitor's latest scene; a stop finds here what there is to keep."""

    scene: Scene | None = None
    files: list[str] = field(default_factory=list)
    stopped: bool = False


Source = Callable[..., Iterator[Scene]]  # of the visitor and the values of the inputs


class Panel:
    """Go and Stop, a status line, the pictures, and the contact sheet."""

    def __init__(self, name: str, go: str | None, invitation: str) -> None:
        self.name = name
        self.stage = gr.State(None, time_to_live=RULES.visit)
        with gr.Row(elem_classes="go-row"):
            if go:
                self.go = gr.Button(go, variant="primary", min_width=150, elem_id=f"{name}-go")
            self.stop = gr.Button("Stop", interactive=False, min_width=70, elem_id=f"{name}-stop")
        self._layout_pictures(invitation)

    def _layout_pictures(self, invitation: str) -> None:
        self.status = gr.HTML(
            telling(invitation),
            elem_id=f"{self.name}-status",
            elem_classes="telling",
            padding=False,
        )
        with gr.Row(visible=False, elem_classes="click-row") as self.after:
            self.action = gr.Radio(
                list(ACTIONS.items()), value="paint", label="Choosing a picture will",
                elem_id=f"{self.name}-action", scale=0, min_width=390,
            )  # fmt: skip
            self.sheet = gr.DownloadButton(
                "Download contact sheet", elem_id=f"{self.name}-sheet", scale=0, min_width=240,
            )  # fmt: skip
        self.gallery = gr.Gallery(
            label="Paintings", show_label=False, allow_preview=False, interactive=False,
            object_fit="cover", buttons=[], visible=False, elem_id=f"{self.name}-tiles",
            elem_classes=["tiles", "thumbs"],
        )  # fmt: skip
        self.below = gr.HTML(elem_id=f"{self.name}-below", elem_classes="below", padding=False)

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

    def wire(self, inputs: Sequence[Any], *starts: tuple[gr.Button, Source]) -> None:
        """starts: (button, source); a press shows the scenes of `source(visitor, *inputs)`."""
        running: list[Any] = []
        for button, scenes in starts:
            button.click(
                lambda: gr.update(interactive=True), None, self.stop,
                js=f"() => nst.toStatus('#{self.name}-status')", **QUICK,
            )  # fmt: skip
            event = button.click(
                _handler(self, scenes), list(inputs), self.shown, show_progress="minimal",
                show_progress_on=[self.status], scroll_to_output=False, **PAINTS, **PRIVATE,
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
            self.after: gr.update(visible=False),
            self.gallery: gr.update(value=[], visible=True),
            self.below: "",
            self.stop: gr.update(interactive=True),
        }
        for scene in scenes:
            if stage.stopped:
                # What was under way when Stop was pressed comes after its answer.
                return
            changed = stage.scene is None or scene.tiles != stage.scene.tiles
            fresh = stage.scene is None or scene.developing != stage.scene.developing
            stage.scene = scene
            update: dict[Any, Any] = {
                self.status: telling(scene.line, scene.notes, scene.share),
                # Told again and again: the end of the run before may still put its word in.
                self.stop: gr.update(interactive=True),
            }
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
            self.sheet: self._sheet(scene) if scene.tiles else None,
            self.stop: gr.update(interactive=False),
        }

    def _stopped(self, stage: _Stage | None) -> dict:
        with sentences():
            if stage is not None:
                stage.stopped = True
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
        """Files and titles for the gallery, the photo first; each is written once."""
        scene = stage.scene
        assert scene is not None
        pictures = [scene.photo, *(tile.picture for tile in scene.tiles)]
        stage.files += [self._file(pictures[i], i) for i in range(len(stage.files), len(pictures))]
        titles = ["The photo", *(tile.title for tile in scene.tiles)]
        shown = list(zip(stage.files, titles, strict=True))
        if scene.developing is not None:
            title, picture = scene.developing
            shown.append((self._file(picture, len(shown)), f"{title} …"))
        return shown

    def _file(self, picture: Image.Image, number: int) -> str:
        data = jpeg(fit(flat(picture), TILE, enlarge=False))
        return store(self.gallery, data, f"{self.name}-{number}.jpg")

    def _sheet(self, scene: Scene) -> str:
        return store(self.sheet, jpeg(sheet_of(scene), 90), f"{self.name}-sheet.jpg")

    def chosen(self, stage: _Stage | None, event: gr.SelectData) -> Tile | None:
        """The tile that was clicked; None for the photo and what is still being painted."""
        scene = stage.scene if stage else None
        index = event.index
        if scene is None or not isinstance(index, int) or index < 0:
            raise BadInput("There is no such picture to choose.")
        return scene.tiles[index - 1] if 0 < index <= len(scene.tiles) else None


def sheet_of(scene: Scene) -> Image.Image:
    """The photo and every finished painting, in rows that come out even where they can."""
    size = max((max(tile.picture.size) for tile in scene.tiles), default=TILE)
    tiles = [(fit(scene.photo, size), "the photo"), *((t.picture, t.title) for t in scene.tiles)]
    columns = next((c for c in (4, 3, 5) if len(tiles) % c == 0), min(4, len(tiles)))
    return contact_sheet(tiles, columns, scene.heading)


def _handler(panel: Panel, source: Source) -> Callable[..., Iterator[dict]]:
    # A generator function, for Gradio looks at what it is given before it calls it.
    def handler(request: gr.Request, *values: Any) -> Iterator[dict]:
        with sentences():
            yield from panel.play(source(visitor_of(request), *values))

    return handler


def jpeg(image: Image.Image, quality: int = 88) -> bytes:
    """The bytes of a JPEG file."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()

"""Shows paintings as they finish, lets one be chosen, and keeps what is there when stopped."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from nst.errors import BadInput, NstError
from nst.pictures.images import fit
from ui.events import PAINTS, PRIVATE, QUICK
from ui.inputs import NONE
from ui.messages import status_html, user_errors
from ui.result import flat, jpeg
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS
from ui.server.visitors import visitor_of
from ui.tabs.tiles import TILE, Tile, View, Views, sheet_of

__all__ = ["Panel", "Stage", "taken"]

Source = Callable[..., Views]  # of the visitor and the values of the inputs


@dataclass
class Stage:
    """One visitor's latest view.

    files: its pictures, the photo first. chosen: by a click. running: from the press of a button
    until the last word of what it began. stopping: Stop was pressed.
    """

    view: View | None = None
    files: list[str] = field(default_factory=list)
    chosen: Tile | None = None
    running: bool = False
    stopping: bool = False


def taken(stage: Stage | None) -> tuple[View, Tile]:
    """The view and the tile that was chosen in it. Raises BadInput when none is."""
    if stage is None or stage.view is None or stage.chosen is None:
        raise BadInput("No painting is chosen yet: choose one of the pictures first.")
    return stage.view, stage.chosen


class Panel:
    """Go and Stop, a status line, the pictures, and what can be done with the one chosen."""

    def __init__(self, name: str, go: str | None, invitation: str) -> None:
        self.name = name
        self.stage = gr.State(None, time_to_live=RUN_LIMITS.visit)
        with gr.Row(elem_classes="go-row"):
            if go:
                self.go = gr.Button(go, variant="primary", min_width=150, elem_id=f"{name}-go")
            self.stop = gr.Button("Stop", interactive=False, min_width=70, elem_id=f"{name}-stop")
            self.sheet = gr.DownloadButton(
                "Download all on one sheet", visible=False, min_width=150, elem_id=f"{name}-sheet",
            )  # fmt: skip
        self._layout_pictures(invitation)
        self.gallery.select(
            self._choose, self.stage, [self.stage, self.chosen, self.title], **QUICK
        )

    def _layout_pictures(self, invitation: str) -> None:
        self.status = gr.HTML(
            status_html(invitation), elem_id=f"{self.name}-status", elem_classes="run-status",
            padding=False,
        )  # fmt: skip
        self.gallery = gr.Gallery(
            label="Paintings", show_label=False, allow_preview=False, interactive=False,
            object_fit="cover", buttons=[], visible=False, elem_id=f"{self.name}-tiles",
            elem_classes=["tiles", "thumbs", "named"],
        )  # fmt: skip
        with gr.Row(visible=False, elem_classes="chosen-row") as self.chosen:
            self.title = gr.Markdown(elem_id=f"{self.name}-chosen")
            self.paint = gr.Button(
                "Paint it", variant="primary", min_width=100, elem_id=f"{self.name}-paint", scale=0
            )
            self.compare = gr.Button(
                "Set side by side", min_width=150, elem_id=f"{self.name}-pair", scale=0
            )
        self.below = gr.HTML(elem_id=f"{self.name}-below", elem_classes="below", padding=False)

    @property
    def shown(self) -> list[Any]:
        """The components that a run changes."""
        return [
            self.stage, self.status, self.chosen, self.gallery, self.below, self.sheet, self.stop,
        ]  # fmt: skip

    def wire(self, inputs: Sequence[Any], *starts: tuple[gr.Button, Source]) -> None:
        """starts: (button, source); a press shows the views of `source(visitor, *inputs)`."""
        for button, views in starts:
            # One after the other: a run that ends at once must not be overtaken by its beginning.
            pressed = button.click(
                self._begin, self.stage, [self.stage, self.stop],
                js=f"(stage) => {{ nst.toStatus('#{self.name}-status'); return [stage]; }}",
                **QUICK,
            )  # fmt: skip
            event = pressed.success(
                _handler(self, views), [self.stage, *inputs], self.shown, show_progress="minimal",
                show_progress_on=[self.status], scroll_to_output=False, **PAINTS, **PRIVATE,
            )  # fmt: skip
            event.failure(self._over, self.stage, self.stop, **QUICK)
        self.stop.click(self._stop, self.stage, self.stop, **QUICK)

    def show(self, view: View, files: Sequence[Path]) -> dict:
        """Updates that show a view that is finished. files: of its tiles."""
        stored = [keep_file(self.gallery, file.read_bytes(), file.name) for file in files]
        stage = Stage(view, [self._file(view.photo, 0), *stored])
        return {self.stage: stage} | self._finished(stage)

    def _begin(self, stage: Stage | None) -> dict:
        with user_errors():
            if stage is not None and stage.running:
                raise BadInput("One is being painted here already: stop it first.")
            # What is there stays until something else is painted: this may yet be refused.
            stage = replace(stage or Stage(), running=True, stopping=False)
            return {self.stage: stage, self.stop: gr.update(interactive=True)}

    def _stop(self, stage: Stage | None) -> Any:
        """Only what paints tells its end: whatever it said before has then been heard."""
        if stage is not None:
            stage.stopping = stage.running
        return gr.update(interactive=False)

    def _over(self, stage: Stage | None) -> Any:
        """After a run that failed, or that was refused before it began."""
        if stage is not None:
            stage.running = False
        return gr.update(interactive=False)

    def play(self, stage: Stage, views: Views) -> Iterator[dict]:
        """Show views as they come, until the last or until Stop is pressed."""
        stage.view, stage.files, stage.chosen = None, [], None
        yield {
            self.status: status_html("Getting ready", share=0.0),
            self.chosen: gr.update(visible=False),
            self.gallery: gr.update(value=[], visible=True),
            self.below: "",
            self.sheet: gr.update(visible=False),
        }
        try:
            with closing(views):
                for view in views:
                    if stage.stopping:
                        break
                    update = self._developing(stage, view)
                    if view.share is not None:
                        yield update
        except NstError as error:
            yield {self.status: status_html(str(error))}
            raise
        stage.running = False
        yield self._stopped(stage) if stage.stopping else self._finished(stage)

    def _developing(self, stage: Stage, view: View) -> dict:
        before, stage.view = stage.view, view
        changed = before is None or view.tiles != before.tiles
        update: dict[Any, Any] = {self.status: status_html(view.line, view.notes, view.share)}
        if changed or before is None or view.developing != before.developing:
            update[self.gallery] = self._pictures(stage)
        if changed:
            update[self.below] = view.below
        return update

    def _finished(self, stage: Stage) -> dict:
        assert stage.view is not None
        stage.view = view = replace(stage.view, developing=None, share=None)
        sheet = bool(view.tiles) and not view.ahead
        return {
            self.status: status_html(view.line, view.notes),
            self.chosen: gr.update(visible=False),
            self.gallery: gr.update(value=self._pictures(stage), selected_index=NONE, visible=True),
            self.below: view.below,
            self.sheet: gr.update(value=self._sheet(view) if sheet else None, visible=sheet),
            self.stop: gr.update(interactive=False),
        }

    def _stopped(self, stage: Stage) -> dict:
        count = len(stage.view.tiles) if stage.view else 0
        kept = "1 painting is kept" if count == 1 else f"{count} paintings are kept"
        line = f"Stopped: {kept}." if count else "Stopped before the first picture."
        if stage.view is None:
            return {self.status: status_html(line), self.stop: gr.update(interactive=False)}
        stage.view = replace(stage.view, line=line)
        return self._finished(stage)

    def _pictures(self, stage: Stage) -> list[tuple[str, str]]:
        """Files and titles for the gallery, the photo first; each is written once."""
        view = stage.view
        assert view is not None
        pictures = [view.photo, *(tile.picture for tile in view.tiles)]
        stage.files += [self._file(pictures[i], i) for i in range(len(stage.files), len(pictures))]
        titles = ["The photo", *(tile.title for tile in view.tiles)]
        shown = list(zip(stage.files, titles, strict=True))
        if view.developing is not None:
            title, picture = view.developing
            shown.append((self._file(picture, len(shown)), f"{title} …"))
        return shown

    def _file(self, picture: Image.Image, number: int) -> str:
        data = jpeg(fit(flat(picture), TILE, enlarge=False), 88)
        return keep_file(self.gallery, data, f"{self.name}-{number}.jpg")

    def _sheet(self, view: View) -> str:
        return keep_file(self.sheet, jpeg(sheet_of(view), 90), f"{self.name}-sheet.jpg")

    def _choose(self, stage: Stage | None, event: gr.SelectData) -> dict:
        """Offer what can be done with the tile that was clicked; nothing with the photo."""
        with user_errors():
            view = stage.view if stage else None
            index = event.index
            if stage is None or view is None or not isinstance(index, int) or index < 0:
                raise BadInput("There is no such picture to choose.")
            stage.chosen = view.tiles[index - 1] if 0 < index <= len(view.tiles) else None
            return {
                self.stage: stage,
                self.chosen: gr.update(visible=stage.chosen is not None),
                self.title: f"**{stage.chosen.title}**" if stage.chosen else "",
            }


def _handler(panel: Panel, source: Source) -> Callable[..., Iterator[dict]]:
    # A generator function, for Gradio looks at what it is given before it calls it.
    def handler(request: gr.Request, stage: Stage | None, *values: Any) -> Iterator[dict]:
        with user_errors():
            if stage is None or not stage.running:
                raise BadInput("Nothing was asked for here: press the button first.")
            try:
                yield from panel.play(stage, source(visitor_of(request), *values))
            finally:
                stage.running = False

    return handler

"""Several paintings of one photo: made one after the other, shown as they come, one chosen.

The wall, the sweep and the published comparisons each plan a `Stage`; a `Panel` shows any of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import gradio as gr
from PIL import Image

from nst.compare import Entry, Painted, Series, paint_series
from nst.errors import BadInput, NstError
from nst.pictures.export import contact_sheet
from nst.pictures.images import fit
from nst.recipe import Recipe
from ui.events import PAINTS, PRIVATE, QUICK
from ui.inputs import index_of
from ui.job import Job
from ui.links import Shared
from ui.messages import status_html, user_errors
from ui.pace import about, clock, pace
from ui.result import flat, jpeg
from ui.run import run
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS

TILE = 512  # longest side shown, in pixels; the sheet has the whole picture
DRAFT = min(320, RUN_LIMITS.max_size)  # pixels
ROOM = 0.8  # of the deadline: estimates are sometimes short
Plan = Callable[..., "Stage"]


@dataclass(frozen=True)
class Tile:
    """A finished painting. shared: what paints it again, but for the visitor's own pictures."""

    title: str
    shared: Shared
    picture: Image.Image


@dataclass
class Stage:
    """What one visitor's panel shows: the photo, the tiles so far, and the jobs that make them.

    file, own: of the photo and of a visitor's own painting. frames: the kept frames of the one job
    are the paintings. below: HTML that goes under them. shown: a file and a title for the photo
    and each tile.
    """

    heading: str
    file: str | None
    photo: Image.Image
    jobs: Sequence[Job] = ()
    own: str | None = None
    frames: bool = False
    below: Callable[[Sequence[Painted]], str] = lambda _: ""
    tiles: list[Tile] = field(default_factory=list)
    shown: list[tuple[str, str]] = field(default_factory=list)
    chosen: Tile | None = None
    running: bool = False


def planned(
    heading: str, file: str, asked: Job, recipes: Iterable[tuple[str, Recipe]], **looks: Any
) -> Stage:
    """One job in several recipes, given as (title, recipe)."""
    jobs = [
        replace(asked, title=title, shared=replace(asked.shared, recipe=recipe))
        for title, recipe in recipes
    ]
    return Stage(heading, file, asked.photo, jobs, **looks)


def fits(recipes: Iterable[Recipe], seconds: float) -> bool:
    """Whether so many seconds should do for all of them; what is not known yet is hoped for."""
    return (pace.expect_all(recipes) or 0.0) <= ROOM * seconds


def cost(recipes: Sequence[Recipe]) -> str:
    """What drafts would take: "5 drafts, about 45 s on this machine"."""
    seconds = pace.expect_all(recipes)
    drafts = f"{len(recipes)} draft{'s' * (len(recipes) > 1)}"
    return f"{drafts}, {about(seconds)} on this machine" if seconds else drafts


def paint(stage: Stage) -> Iterator[Series]:
    """Paint what is planned, with one deadline for all of it; close the generator to stop."""
    entries = [Entry(job.title, job.styles, job.shared.recipe) for job in stage.jobs]
    photo, painter = stage.jobs[0].photo, partial(run, every=1.0)
    limits: dict[str, Any] = {"frames": stage.frames, "deadline": RUN_LIMITS.deadline}
    return paint_series(photo, entries, painter, **limits)


def sheet_of(stage: Stage, tiles: Sequence[Tile | Painted]) -> bytes:
    """A JPEG of the photo and the tiles, in rows that come out even if they can."""
    size, count = max(max(tile.picture.size) for tile in tiles), len(tiles) + 1
    columns = next((columns for columns in (4, 3, 5) if count % columns == 0), min(4, count))
    pictures = [(tile.picture, tile.title) for tile in tiles]
    sheet = contact_sheet(
        [(fit(stage.photo, size), "the photo"), *pictures], columns, stage.heading
    )
    return jpeg(sheet, 90)


def ending(stage: Stage, now: Series) -> str:
    """How a series that nobody stopped came to its end."""
    made, count = len(now.painted), len(stage.jobs)
    if now.done < now.total:
        of = f" of {count}" if count > 1 else ""
        return f"{made}{of} made in the {clock(RUN_LIMITS.deadline)} that a run may take here."
    timed = now.painted[-1:] if stage.frames else now.painted  # frames from the run's start
    seconds = sum(one.seconds for one in timed)
    return f"Done: {made} painting{'s' * (made > 1)} in {clock(seconds)}."


class Panel:
    """A status line, Stop, the pictures, and what can be done with the one chosen.

    go: the words on a button to start it, where there is one. shown: what `finished` updates.
    """

    def __init__(self, name: str, invitation: str, go: str = "") -> None:
        self.name = name
        looks: dict[str, Any] = {"elem_id": f"{name}-tiles", "elem_classes": "tiles thumbs named"}
        self.stage = gr.State(None, time_to_live=RUN_LIMITS.visit)
        with gr.Row(elem_classes="go-row"):
            if go:
                self.go = gr.Button(go, variant="primary", min_width=150, elem_id=f"{name}-go")
            self.stop = gr.Button("Stop", interactive=False, min_width=70, elem_id=f"{name}-stop")
            self.sheet = gr.DownloadButton(
                "Download all on one sheet", visible=False, min_width=150, elem_id=f"{name}-sheet"
            )
        self.status = gr.HTML(
            status_html(invitation), elem_id=f"{name}-status", elem_classes="run-status"
        )
        # A tap enlarges a tile over the whole page; there it can be saved as well.
        self.gallery = gr.Gallery(
            show_label=False, interactive=False, buttons=["download"], visible=False, **looks
        )
        with gr.Row(visible=False, elem_classes="chosen-row") as self.chosen:
            self.title = gr.Markdown(elem_id=f"{name}-chosen")
            self.paint = gr.Button("Paint it", variant="primary", elem_id=f"{name}-paint", scale=0)
            self.pair = gr.Button("Set side by side", elem_id=f"{name}-pair", scale=0)
        self.below = gr.HTML(elem_id=f"{name}-below", elem_classes="below")
        pictures = [self.gallery, self.chosen, self.below, self.sheet]
        self.shown = [self.stage, self.status, self.stop, *pictures]
        self.gallery.select(self.choose, self.stage, [self.chosen, self.title], **QUICK)

    def wire(self, starts: Mapping[gr.Button, Plan], inputs: Sequence[Any], *ends: Any) -> None:
        """Let each button paint what its plan makes of the inputs' values. ends: events to end."""
        options: dict[str, Any] = {"show_progress_on": [self.status], **PAINTS, **PRIVATE}
        given, events = [self.stage, *inputs], list[Any]()
        for button, plan in starts.items():
            # First, for Gradio does what one click starts one after the other.
            js = f"() => nst.toStatus('#{self.name}-status')"
            button.click(None, None, None, js=js, **QUICK)
            # By its class: a method in a partial is no generator function to `inspect`.
            start = partial(Panel.start, self, plan)
            events.append(button.click(start, given, self.shown, cancels=[*ends], **options))
        self.stop.click(self.stopped, self.stage, self.shown, cancels=events, **QUICK)

    def start(self, plan: Plan, before: Stage | None, *values: Any) -> Iterator[dict]:
        """Paint what is planned, unless something is under way here."""
        with user_errors():
            if before is not None and before.running:
                raise BadInput("One is being painted here already: stop it first.")
            yield from self.play(plan(*values))

    def play(self, stage: Stage) -> Iterator[dict]:
        """Show paintings as they come, until the last."""
        stage.running = True
        yield self.finished(stage, "Getting ready") | {self.stop: gr.update(interactive=True)}
        notes: dict[str, None] = {}
        try:
            with closing(paint(stage)) as series:  # type: ignore[type-var]
                for now in series:
                    notes |= dict.fromkeys(filter(None, [*now.step.notes, now.step.substitutes]))
                    yield self._developing(stage, now, list(notes))
            line = ending(stage, now)
        except NstError as error:
            line = str(error)
        finally:
            stage.running = False
        yield self.finished(stage, line, *notes)

    def _developing(self, stage: Stage, now: Series, notes: Sequence[str]) -> dict:
        made, count = len(now.painted), len(stage.jobs)
        new = now.painted[len(stage.tiles) :]
        line = f"{now.title}, {min(made + (not new), count)} of {count}"
        if now.seconds_left:
            line += f", {about(now.seconds_left)} left"
        update: dict[Any, Any] = {self.status: status_html(line, notes, now.done / now.total)}
        for one in new:
            job = stage.jobs[min(len(stage.tiles), count - 1)]
            self.add(stage, Tile(one.title, replace(job.shared, recipe=one.recipe), one.picture))
        if new:
            return update | {self.below: stage.below(now.painted), self.gallery: [*stage.shown]}
        if now.step.picture is not None:
            coming = self._file(now.step.picture, len(stage.shown)), f"{now.title} …"
            update[self.gallery] = [*stage.shown, coming]
        return update

    def add(self, stage: Stage, tile: Tile) -> dict:
        """Show one more tile."""
        stage.tiles.append(tile)
        stage.shown.append((self._file(tile.picture, len(stage.shown)), tile.title))
        return {self.gallery: [*stage.shown]}

    def stopped(self, stage: Stage | None) -> dict:
        """What is finished is kept; Gradio has cancelled the rest, in the queue or at work."""
        with user_errors():
            if stage is None:
                raise BadInput("Nothing is being painted here.")
            count = len(stage.tiles)
            kept = f"Stopped: {count} painting{'s' * (count > 1)} kept."
            return self.finished(stage, kept if count else "Stopped before the first painting.")

    def finished(self, stage: Stage, line: str, *notes: str) -> dict:
        """Everything as it stands. line, notes: what is said of it."""
        stage.shown = stage.shown or [(self._file(stage.photo, 0), "The photo")]
        sheet = None
        if stage.tiles and stage.jobs:
            sheet = keep_file(self.sheet, sheet_of(stage, stage.tiles), f"{self.name}-sheet.jpg")
        return {
            self.stage: stage,
            self.status: status_html(line, notes),
            self.stop: gr.update(interactive=False),
            self.gallery: gr.update(value=stage.shown, visible=True),
            self.chosen: gr.update(visible=stage.chosen is not None),
            self.sheet: gr.update(value=sheet, visible=sheet is not None),
            **({} if stage.tiles else {self.below: ""}),
        }

    def _file(self, picture: Image.Image, number: int) -> str:
        data = jpeg(fit(flat(picture), TILE, enlarge=False), 88)
        return keep_file(self.gallery, data, f"{self.name}-{number}.jpg")

    def choose(self, stage: Stage | None, event: gr.SelectData) -> list[Any]:
        """Offer what can be done with the tile that was tapped; nothing with the photo."""
        with user_errors():
            if stage is None:
                raise BadInput("There is no such picture to choose.")
            # The photo, the tiles, and one that may be on its way.
            pictures = (None, *stage.tiles, None)
            tile = stage.chosen = pictures[index_of(event, len(pictures))]
            return [gr.update(visible=tile is not None), f"**{tile.title}**" if tile else ""]


def chosen_in(stage: Stage | None) -> Tile:
    """The tile that was chosen. Raises BadInput when none is."""
    if stage is None or stage.chosen is None:
        raise BadInput("No painting is chosen yet: tap one of the pictures first.")
    return stage.chosen

"""Several paintings of one photo: made one after the other, shown as they come, one chosen.

The wall, the sweep and the published comparisons each plan a `Stage`; a `Panel` shows any of them.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
from PIL import Image

from nst.compare import Entry, Painted, Series, paint_series
from nst.errors import BadInput, NstError
from nst.pictures.export import contact_sheet
from nst.pictures.images import fit
from nst.recipe import Recipe
from ui.events import PAINTS, PRIVATE, QUICK
from ui.job import Job
from ui.links import Shared
from ui.messages import status_html, user_errors
from ui.pace import about, clock, pace
from ui.result import flat, jpeg
from ui.run import run
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS

TILE = 512  # longest side shown, in pixels; the sheet has the whole picture
ROOM = 0.85  # of the deadline: estimates are sometimes short


@dataclass(frozen=True)
class Tile:
    """A finished painting. shared: what paints it again, but for the visitor's own pictures."""

    title: str
    shared: Shared
    picture: Image.Image


@dataclass
class Stage:
    """What one visitor's panel shows, the photo and then the tiles, and what is still to paint.

    file, own: of the photo and of a visitor's own painting. jobs: what to paint, as (title, job);
    none where the tiles are there already. instant: they are previews, and a tap takes one to
    Paint. frames: the kept frames of the one job are the paintings. below: HTML that goes under
    them. files: of the photo and the tiles. left: something else is shown now.
    """

    heading: str
    file: str | None
    photo: Image.Image
    jobs: Sequence[tuple[str, Job]] = ()
    tiles: list[Tile] = field(default_factory=list)
    own: str | None = None
    instant: bool = False
    frames: bool = False
    below: Callable[[Sequence[Painted]], str] = lambda _: ""
    files: list[str] = field(default_factory=list)
    chosen: Tile | None = None
    running: bool = False
    left: bool = False


def planned(
    heading: str, file: str, asked: Job, recipes: Iterable[tuple[str, Recipe]], **looks: Any
) -> Stage:
    """One job in several recipes, given as (title, recipe)."""
    shared = asked.shared
    jobs = [(title, replace(asked, shared=replace(shared, recipe=one))) for title, one in recipes]
    return Stage(heading, file, asked.photo, jobs, **looks)


def fits(recipes: Sequence[Recipe], photo: str | None, seconds: float) -> bool:
    """Whether so many seconds should do for all of them; what is not known yet is hoped for."""
    expected = pace.expect_all(recipes, aspect_of(photo))
    return expected is None or expected <= ROOM * seconds


def aspect_of(photo: str | None) -> float:
    """A photo's short side over its long side, from its header alone."""
    try:
        with Image.open(photo or "", formats=["PNG", "JPEG", "WEBP"]) as picture:
            return min(picture.size) / max(picture.size)
    except Exception:  # Pillow raises many kinds; what is wrong is said when it is painted
        return 1.0


def cost(recipes: Sequence[Recipe], photo: str | None) -> str:
    """What drafts would take: "5 drafts, about 45 s on this machine"."""
    seconds = pace.expect_all(recipes, aspect_of(photo))
    drafts = f"{len(recipes)} draft{'s' if len(recipes) > 1 else ''}"
    return f"{drafts}, {about(seconds)} on this machine" if seconds else drafts


def paint(stage: Stage) -> Generator[Series, None, None]:
    """Paint what is planned, with one deadline for all of it; close the generator to stop."""
    ends = time.monotonic() + RUN_LIMITS.deadline

    def painter(photo: Image.Image, styles: Sequence[Image.Image], recipe: Recipe) -> Iterator:
        left = max(0.0, ends - time.monotonic())
        return run(photo, styles, recipe, every=1.0, deadline=left)

    entries = [Entry(title, job.styles, job.shared.recipe) for title, job in stage.jobs]
    options: dict[str, Any] = {"frames": stage.frames, "deadline": RUN_LIMITS.deadline}
    yield from paint_series(stage.jobs[0][1].photo, entries, painter, **options)


def sheet_of(heading: str, photo: Image.Image, tiles: Sequence[tuple[Image.Image, str]]) -> bytes:
    """A JPEG of the photo and every (picture, title), in rows that come out even if they can."""
    size = max((max(picture.size) for picture, _ in tiles), default=TILE)
    columns = next((c for c in (4, 3, 5) if (len(tiles) + 1) % c == 0), min(4, len(tiles) + 1))
    return jpeg(contact_sheet([(fit(photo, size), "the photo"), *tiles], columns, heading), 90)


def ending(now: Series, count: int) -> str:
    """How a series of so many paintings that nobody stopped came to its end."""
    made = len(now.painted)
    if now.done < now.total:
        of = f" of {count}" if count > 1 else ""
        return f"{made}{of} made in the {clock(RUN_LIMITS.deadline)} that a run may take here."
    # Frames of one run are timed from its start.
    seconds = [one.seconds for one in now.painted]
    took = clock(sum(seconds) if count == made else seconds[-1])
    return f"Done: {made} painting{'s' if made > 1 else ''} in {took}."


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
                "Download all on one sheet", visible=False, min_width=150, elem_id=f"{name}-sheet"
            )
        said = status_html(invitation)
        self.status = gr.HTML(said, elem_id=f"{name}-status", elem_classes="run-status")
        # A tap enlarges a tile over the whole page; there it can be saved as well.
        looks: dict[str, Any] = {"elem_id": f"{name}-tiles", "elem_classes": "tiles thumbs named"}
        self.gallery = gr.Gallery(
            show_label=False, interactive=False, buttons=["download"], visible=False, **looks
        )
        with gr.Row(visible=False, elem_classes="chosen-row") as self.chosen:
            self.title = gr.Markdown(elem_id=f"{name}-chosen")
            self.paint = gr.Button("Paint it", variant="primary", elem_id=f"{name}-paint", scale=0)
            self.pair = gr.Button("Set side by side", elem_id=f"{name}-pair", scale=0)
        self.below = gr.HTML(elem_id=f"{name}-below", elem_classes="below")
        choice = [self.chosen, self.title]
        self.tapped = self.gallery.select(self._choose, self.stage, choice, **QUICK)
        pictures = [self.gallery, self.chosen, self.below, self.sheet]
        self.shown = [self.stage, self.status, self.stop, *pictures]

    def wire(
        self, starts: Mapping[gr.Button, Callable[..., Stage]], inputs: Sequence[gr.Component]
    ) -> None:
        """Let a press of each button paint what its function plans of the inputs' values."""
        options: dict[str, Any] = {"show_progress_on": [self.status], **PAINTS, **PRIVATE}
        events: list[Any] = []
        for button, planned in starts.items():
            handler = self._handler(planned)
            events.append(button.click(handler, [self.stage, *inputs], self.shown, **options))
            js = f"() => nst.toStatus('#{self.name}-status')"
            button.click(None, None, None, js=js, **QUICK)
        self.stop.click(self._stop, self.stage, self.shown, cancels=events, **QUICK)

    def show(self, stage: Stage, coming: Iterable[Tile], *lines: str) -> Iterator[dict]:
        """Show tiles that need no run, and those that come, until something else is shown.

        lines: the status and notes below it.
        """
        yield self._finished(stage, *lines)
        for tile in coming:
            if stage.left:
                return
            stage.tiles.append(tile)
            yield {self.gallery: self._pictures(stage)}

    def _handler(self, planned: Callable[..., Stage]) -> Callable[..., Iterator[dict]]:
        # A generator function, for Gradio looks at what it is given before it calls it.
        def handler(before: Stage | None, *values: Any) -> Iterator[dict]:
            with user_errors():
                if before is not None and before.running:
                    raise BadInput("One is being painted here already: stop it first.")
                try:
                    stage = planned(*values)
                except NstError as error:  # what is there stays
                    yield self._refused(str(error))
                    raise
                if before is not None:
                    before.left = True
                yield from self.play(stage)

        return handler

    def play(self, stage: Stage) -> Iterator[dict]:
        """Show paintings as they come, until the last."""
        stage.running = True
        yield self._finished(stage, "Getting ready") | {self.stop: gr.update(interactive=True)}
        notes: dict[str, None] = {}
        line = ""
        try:
            with closing(paint(stage)) as series:
                for now in series:
                    notes |= dict.fromkeys(filter(None, [*now.step.notes, now.step.substitutes]))
                    line = ending(now, len(stage.jobs)) if now.painted else ""
                    yield self._developing(stage, now, list(notes))
        except NstError as error:
            line = str(error)
            if not stage.tiles:
                yield self._refused(line)
                raise
        finally:
            stage.running = False
        yield self._finished(stage, line, *notes)

    def _developing(self, stage: Stage, now: Series, notes: Sequence[str]) -> dict:
        new, count = len(now.painted) > len(stage.tiles), len(stage.jobs)
        where = f"{min(len(now.painted) + (not new), count)} of {count}"
        if count == 1:
            where = f"step {now.done:,} of {now.total:,}"
        left = f", {about(now.seconds_left)} left" if now.seconds_left else ""
        line = status_html(f"{now.title}, {where}{left}", notes, now.done / now.total)
        update: dict[Any, Any] = {self.status: line}
        if new:
            jobs = list(stage.jobs) * (len(now.painted) if stage.frames else 1)
            for (_, job), one in list(zip(jobs, now.painted, strict=False))[len(stage.tiles) :]:
                shared = replace(job.shared, recipe=one.recipe)
                stage.tiles.append(Tile(one.title, shared, one.picture))
            update[self.below] = stage.below(now.painted)
            update[self.gallery] = self._pictures(stage)
        elif now.step.picture is not None:
            file = self._file(now.step.picture, len(stage.tiles) + 1)
            update[self.gallery] = [*self._pictures(stage), (file, f"{now.title} …")]
        return update

    def _stop(self, stage: Stage | None) -> dict:
        """What is finished is kept; Gradio has cancelled the rest, in the queue or at work."""
        if stage is None:
            return {self.stop: gr.update(interactive=False)}
        kept = f"{len(stage.tiles)} painting{'s' if len(stage.tiles) > 1 else ''}"
        line = f"Stopped: {kept} kept." if stage.tiles else "Stopped before the first painting."
        return self._finished(stage, line)

    def _refused(self, line: str) -> dict:
        return {self.status: status_html(line), self.stop: gr.update(interactive=False)}

    def _finished(self, stage: Stage, line: str, *notes: str) -> dict:
        sheet = None
        if stage.tiles and stage.jobs:
            tiles = [(tile.picture, tile.title) for tile in stage.tiles]
            made = sheet_of(stage.heading, stage.photo, tiles)
            sheet = keep_file(self.sheet, made, f"{self.name}-sheet.jpg")
        pictures, enlarged = self._pictures(stage), not stage.instant
        return {
            self.stage: stage,
            self.status: status_html(line, notes),
            self.stop: gr.update(interactive=False),
            self.gallery: gr.update(value=pictures, visible=True, allow_preview=enlarged),
            self.chosen: gr.update(visible=stage.chosen is not None),
            self.sheet: gr.update(value=sheet, visible=sheet is not None),
            **({} if stage.tiles else {self.below: ""}),
        }

    def _pictures(self, stage: Stage) -> list[tuple[str, str]]:
        pictures = [stage.photo, *(tile.picture for tile in stage.tiles)]
        stage.files += [self._file(pictures[i], i) for i in range(len(stage.files), len(pictures))]
        titles = ["The photo", *(tile.title for tile in stage.tiles)]
        return list(zip(stage.files, titles, strict=True))

    def _file(self, picture: Image.Image, number: int) -> str:
        data = jpeg(fit(flat(picture), TILE, enlarge=False), 88)
        return keep_file(self.gallery, data, f"{self.name}-{number}.jpg")

    def _choose(self, stage: Stage | None, event: gr.SelectData) -> list[Any]:
        """Offer what can be done with the tile that was tapped; nothing with the photo."""
        with user_errors():
            if stage is None or not isinstance(event.index, int) or event.index < 0:
                raise BadInput("There is no such picture to choose.")
            tile = (None, *stage.tiles)[event.index] if event.index <= len(stage.tiles) else None
            stage.chosen = tile
            offered = tile is not None and not stage.instant
            return [gr.update(visible=offered), f"**{tile.title}**" if tile else ""]


def chosen_in(stage: Stage | None) -> tuple[Stage, Tile]:
    """What is shown, and the tile that was chosen of it. Raises BadInput when none is."""
    if stage is None or stage.chosen is None:
        raise BadInput("No painting is chosen yet: tap one of the pictures first.")
    return stage, stage.chosen

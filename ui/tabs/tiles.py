"""Paintings side by side, made one after the other.

The grid of styles, the sweep and the published comparisons are each a source of `View`s; a
`ui.tabs.panel.Panel` shows any of them.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

from PIL import Image

from nst.errors import NstError
from nst.pictures.export import contact_sheet
from nst.pictures.images import fit
from ui.job import Job
from ui.links import Shared
from ui.pace import about, clock
from ui.run import run
from ui.server.limits import RUN_LIMITS
from ui.server.visitors import Visitor

__all__ = [
    "Plan",
    "Tile",
    "View",
    "Views",
    "paint_all",
    "sheet_of",
]

TILE = 512  # longest side shown, in pixels; the sheet has the whole picture


@dataclass(frozen=True)
class Tile:
    """A finished painting. shared: what paints it again, but for the visitor's own pictures."""

    title: str
    shared: Shared
    picture: Image.Image


@dataclass(frozen=True)
class Plan:
    """Paintings to make, as (title, job). photo, own: files to paint again properly.

    own: a visitor's own painting; None where it is a preset.
    """

    heading: str
    photo: str
    jobs: tuple[tuple[str, Job], ...]
    own: str | None = None


@dataclass(frozen=True)
class View:
    """What a panel shows now.

    developing: title and picture of the painting under way. share: of the work that is done, None
    at the end. below: HTML that goes under the pictures. ahead: painted before anybody asked.
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
    ahead: bool = False
    own_file: str | None = None


Views = Generator[View, None, None]


def paint_all(plan: Plan, visitor: Visitor) -> Views:
    """Paint what is planned, one after the other; close the generator to stop.

    Each painting waits for a turn of its own, so that others need not wait for all of them. Ends
    early with what is there when the operator's deadline, one for all, passes or a later painting
    fails.
    """
    spent = 0.0  # seconds painted, without those waited
    photo = fit(plan.jobs[0][1].photo, TILE)
    view = View(plan.heading, photo, plan.photo, share=0.0, own_file=plan.own)
    count = len(plan.jobs)
    for number, (title, job) in enumerate(plan.jobs, start=1):
        try:
            for progress in run(
                job.photo, job.styles, job.shared.recipe,
                every=1.0, deadline=RUN_LIMITS.deadline - spent,
            ):  # fmt: skip
                share = (number - 1 + progress.step / progress.total) / count
                line = f"{number} of {count}: {progress.status}"
                if progress.step:
                    left = about((spent + progress.seconds) * (1 - share) / share)
                    line = f"{number} of {count}: {title}, {left} left for all"
                view = replace(
                    view,
                    developing=(title, progress.picture) if progress.picture else view.developing,
                    line=line,
                    notes=progress.notes,
                    share=share,
                )
                yield view
        except NstError as error:
            if not view.tiles:
                raise
            yield replace(view, share=None, developing=None, line=str(error))
            return
        assert progress.picture is not None
        tile = Tile(title, job.shared, progress.picture)
        view = replace(view, tiles=(*view.tiles, tile), developing=None)
        spent += progress.seconds
        if spent >= RUN_LIMITS.deadline and number < count:
            ended = f"a run may take {RUN_LIMITS.deadline:.0f} seconds here."
            yield replace(view, share=None, line=f"Ended after {number} of {count}: {ended}")
            return
    yield replace(view, share=None, line=f"Done: {count} paintings in {clock(spent)}")


def sheet_of(view: View) -> Image.Image:
    """The photo and every finished painting, in rows that come out even where they can."""
    size = max((max(tile.picture.size) for tile in view.tiles), default=TILE)
    tiles = [(fit(view.photo, size), "the photo"), *((t.picture, t.title) for t in view.tiles)]
    columns = next((c for c in (4, 3, 5) if len(tiles) % c == 0), min(4, len(tiles)))
    return contact_sheet(tiles, columns, view.heading)

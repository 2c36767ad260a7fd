"""The comparisons that the published systems' authors made, one click each."""

import html
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from PIL import Image

from nst.compare import (
    COMPARISONS,
    Comparison,
    Progress,
    Run,
    compare,
    missing_networks,
    needs,
    scaled,
    table,
)
from nst.errors import BadInput
from nst.pictures.images import fit
from nst.recipe import Recipe
from ui.parts.curves import overlay
from ui.runs.events import QUICK
from ui.runs.job import Job
from ui.runs.pace import about, clock, pace
from ui.runs.painting import paint
from ui.server.limits import RUN_LIMITS
from ui.server.visitors import Visitor
from ui.tabs.inputs import InputPanel
from ui.tabs.panel import Panel
from ui.tabs.tiles import TILE, Tile, View, Views

__all__ = ["Authors"]

SIZES = {"Small": "small", "The recipes' own": "own"}
STEPS = {"All": "all", "A tenth": "tenth"}
SHOWN_EVERY = 1.0  # seconds between two pictures of a painting under way
MEASURED_EVERY = 0.2  # and between two points of its loss curve


class Authors:
    """A card and a button for each comparison, and the panel that shows them."""

    def __init__(self, form: InputPanel) -> None:
        self.form = form
        gr.Markdown(
            "What the authors of the published systems compared, for you to check. Photo and "
            "painting are those of the Paint tab; recipes, formulas and steps are the authors'.",
            elem_classes="hint",
        )
        with gr.Row():
            self.size = gr.Radio(
                list(SIZES.items()), value="small", label="Size", elem_id="authors-size",
                info="Small keeps it to minutes on a CPU.",
            )  # fmt: skip
            self.steps = gr.Radio(
                list(STEPS.items()), value="all", label="Steps", elem_id="authors-steps",
                info="A tenth gives a first idea.",
            )  # fmt: skip
        self.cards: dict[str, gr.HTML] = {}
        self.buttons: dict[str, gr.Button] = {}
        with gr.Row(elem_classes="cards", equal_height=True):
            for name in COMPARISONS:
                self._layout_card(name)
        self.offered = [*self.cards.values(), *self.buttons.values()]
        self.panel = Panel("authors", None, "Choose a comparison; its time is on the card.")
        inputs = [self.size, self.steps, *form.inputs]
        self.panel.wire(inputs, *((b, self._source(n)) for n, b in self.buttons.items()))
        gr.on(
            [self.size.input, self.steps.input], self.expect, [self.size, self.steps, form.photo],
            self.offered, **QUICK,
        )  # fmt: skip

    def _layout_card(self, name: str) -> None:
        here = not missing_networks(name)
        with gr.Column(min_width=240, elem_classes="card"):
            self.cards[name] = gr.HTML(_card(name, "small", "all", None), padding=False)
            self.buttons[name] = gr.Button(
                "Make this comparison", elem_id=f"make-{name}", visible=here
            )

    def expect(self, size: str, steps: str, photo: str | None) -> list[Any]:
        """The cards with the seconds each should take on this machine, and what can be pressed."""
        aspect = _aspect(photo)
        here = [not missing_networks(name) for name in self.cards]
        return [
            *(_card(name, size, steps, aspect) for name in self.cards),
            *(gr.update(visible=each) for each in here),
        ]

    def _source(self, name: str) -> Any:
        def views(visitor: Visitor, size: str, steps: str, *chosen: Any) -> Views:
            asked = self.form.job(chosen)
            photo, own = self.form.files(chosen)
            title = COMPARISONS[name].title
            start = View(title, fit(asked.photo, TILE), photo, own_file=own)
            return _in_turn(visitor, _recipes(name, size, steps), name, asked, start)

        return views


def _in_turn(visitor: Visitor, recipes: list[Recipe], name: str, asked: Job, start: View) -> Views:
    """A comparison in one turn: its paintings are timed, so nothing comes between them.

    start: the view before anything is painted.
    """
    seconds = pace.expect_all(recipes, min(asked.photo.size) / max(asked.photo.size))
    view = replace(start, share=0.0)
    yield from _views(recipes, seconds, name, asked, view)


def _views(
    recipes: list[Recipe], seconds: float | None, name: str, asked: Job, view: View
) -> Views:
    notes: list[str] = []
    shown = 0.0
    for progress in compare(
        name, asked.photo, asked.styles[0], recipes[0].size, recipes[0].steps,
        painter=_painter(RUN_LIMITS.deadline), expected=seconds, deadline=RUN_LIMITS.deadline,
    ):  # fmt: skip
        if progress.sheet is not None:
            break
        if progress.line:
            notes.append(progress.line)
        if progress.picture is not None and time.monotonic() - shown > SHOWN_EVERY:
            shown = time.monotonic()
            view = replace(view, developing=(progress.caption, progress.picture))
        so_far = f"step {progress.done:,} of {progress.total:,}"
        left = f", {about(progress.seconds_left)} left" if progress.seconds_left else ""
        view = replace(
            view,
            tiles=tuple(_tile(run, asked) for run in progress.runs),
            line=f"{progress.caption or 'Getting ready'}: {so_far}{left}",
            notes=tuple(notes),
            share=progress.done / progress.total,
            below=_below(progress.runs, COMPARISONS[name]),
        )
        yield view
    # The frames of one run are timed from its start, so the last has the time of all.
    taken = [run.seconds for run in progress.runs]
    spent = taken[-1] if COMPARISONS[name].frames else sum(taken)
    done = f"Done: {progress.done:,} steps in {clock(spent)}"
    yield replace(view, developing=None, share=None, line=done)


def _painter(seconds: float) -> Callable[..., Iterator[Progress]]:
    """Paints one after the other, all of them in so many seconds."""
    ends = time.monotonic() + seconds

    def painter(photo: Image.Image, style: Image.Image, recipe: Recipe) -> Iterator[Progress]:
        left = max(0.0, ends - time.monotonic())
        for told in paint(photo, [style], recipe, every=MEASURED_EVERY, deadline=left):
            # Whoever compares systems has to know which layers are compared.
            notes = tuple(filter(None, (*told.notes, told.substitutes)))
            yield Progress(told.step, told.seconds, told.losses, told.picture, notes, told.done)

    return painter


def _recipes(name: str, size: str, steps: str) -> list[Recipe]:
    """At the size and with the steps that the radio buttons say."""
    if size not in SIZES.values() or steps not in STEPS.values():
        raise BadInput("There is no such size or number of steps to choose.")
    comparison = COMPARISONS[name]
    own = comparison.recipes[0][1]
    count = own.steps // 10 if steps == "tenth" else own.steps
    side = comparison.small if size == "small" else own.size
    return [recipe for _, recipe in scaled(name, side, count)]


def _tile(run: Run, asked: Job) -> Tile:
    caption = f"{run.caption}: loss {run.losses.total:.3g}, {clock(run.seconds)}"
    return Tile(caption, replace(asked.shared, recipe=run.recipe, second=None), run.picture)


def _below(runs: Sequence[Run], comparison: Comparison) -> str:
    """The loss curves and the table of final losses and seconds."""
    if not runs:
        return ""
    curves = [(run.caption, run.curve) for run in runs]
    if comparison.frames:
        # The frames of one run share its curve: the longest tells it all.
        curves = [(comparison.recipes[0][0], runs[-1].curve)]
    head, *rows = table(runs)
    header = "".join(f'<th scope="col">{cell}</th>' for cell in head[1:])
    body = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f'{overlay(curves)}<table class="plain figures"><tr><td></td>{header}</tr>{body}</table>'


def _card(name: str, size: str, steps: str, aspect: float | None) -> str:
    comparison = COMPARISONS[name]
    heading = f"<h3>{html.escape(comparison.title)}</h3><p>{html.escape(comparison.claim)}</p>"
    if missing := needs(name):
        return f'{heading}<p class="takes">{missing}</p>'
    recipes = _recipes(name, size, steps)
    total = sum(recipe.steps for recipe in recipes)
    count = "1 painting" if len(recipes) == 1 else f"{len(recipes)} paintings"
    seconds = None if aspect is None else pace.expect_all(recipes, aspect)
    takes = f"{about(seconds)} here" if seconds else "its time is told when it starts"
    most = RUN_LIMITS.deadline
    late = (
        f" That is more than the {clock(most)} a run may take here: it will end early."
        if seconds and seconds > most
        else ""
    )
    paints = f"{count}, {total:,} steps at {recipes[0].size} px"
    return f'{heading}<p class="takes">{paints}: {takes}.{late}</p>'


def _aspect(photo: str | None) -> float:
    try:
        with Image.open(photo or "", formats=["PNG", "JPEG", "WEBP"]) as picture:
            return min(picture.size) / max(picture.size)
    except Exception:  # Pillow raises many kinds; Paint will say what is wrong with it
        return 0.75

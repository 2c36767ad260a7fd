"""The comparisons that the authors of the published systems made, one tap each."""

import html
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from nst.compare import COMPARISONS, Painted, needs, scaled
from nst.errors import BadInput
from nst.recipe import Recipe
from ui.curves import overlay
from ui.events import QUICK
from ui.inputs import InputPanel
from ui.pace import about, clock, pace
from ui.series import Panel, Stage, aspect_of, fits, planned
from ui.server.limits import RUN_LIMITS

BUDGETS = {"A first idea, in a minute": 60.0, "As much as a run may take": RUN_LIMITS.deadline}
DIVISORS = (1, 2, 3, 5, 10, 20, 50, 100)  # of the authors' steps
FEWEST = 20  # steps that show anything


class Published:
    """A card and a button for each comparison, and the panel that shows them."""

    def __init__(self, form: InputPanel) -> None:
        self.form = form
        gr.Markdown(
            "What the authors of the published systems compared, for you to check, with the photo "
            "and painting of the Paint tab. Size and steps are chosen to fit this machine.",
            elem_classes="hint",
        )
        budgets: Any = list(BUDGETS.items())
        minute = budgets[0][1]
        self.budget = gr.Radio(budgets, value=minute, label="Time", elem_id="published-time")
        self.cards: dict[str, gr.HTML] = {}
        self.buttons: dict[str, gr.Button] = {}
        with gr.Row(elem_classes="cards", equal_height=True):
            for name in COMPARISONS:
                with gr.Column(min_width=240, elem_classes="card"):
                    self.cards[name] = gr.HTML(card(name, minute, None))
                    self.buttons[name] = gr.Button("Make this comparison", elem_id=f"make-{name}")
        self.panel = Panel("published", None, "Choose a comparison; its time is on the card.")
        plans = {button: partial(self.plan, name) for name, button in self.buttons.items()}
        self.panel.wire(plans, [self.budget, *form.inputs])

    def wire(self, *shown: Any) -> None:
        """Say what everything takes when the part is shown, or other seconds are chosen."""
        outputs = [*self.cards.values(), *self.buttons.values()]
        inputs = [self.budget, self.form.photo]
        gr.on([*shown, self.budget.input], self.offered, inputs, outputs, **QUICK)

    def offered(self, budget: float, photo: str | None) -> list[Any]:
        """The cards with what each should take on this machine, and which can be made here."""
        cards = [card(name, budget, photo) for name in self.cards]
        return [*cards, *(gr.update(interactive=not needs(name)) for name in self.cards)]

    def plan(self, name: str, budget: float, *chosen: Any) -> Stage:
        """A painting for each of the comparison's recipes, all of the one photo and painting."""
        if missing := needs(name):
            raise BadInput(missing)
        asked, comparison = self.form.job(chosen), COMPARISONS[name]
        photo, own = self.form.files(chosen)
        alone = replace(asked.shared, second=None)
        one = replace(asked, styles=asked.styles[:1], shared=alone)
        recipes = affordable(name, budget, photo)
        looks: Any = {"frames": comparison.frames, "below": partial(below, comparison.frames)}
        return planned(comparison.title, photo, one, recipes, own=own, **looks)


def affordable(name: str, budget: float, photo: str | None) -> list[tuple[str, Recipe]]:
    """A comparison's recipes as their authors ran them, if so many seconds are enough for that.

    Else they are small, and then shorter. Raises BadInput for a budget that is not offered.
    """
    if budget not in BUDGETS.values():
        raise BadInput("There is no such time to choose.")
    comparison = COMPARISONS[name]
    own = comparison.recipes[0][1]
    sizes = [(own.size, own.steps)]
    sizes += [(comparison.small, max(FEWEST, own.steps // part)) for part in DIVISORS]
    seconds = min(budget, RUN_LIMITS.deadline)
    for size, steps in sizes:
        recipes = scaled(name, size, steps)
        if pace.expect(recipes[0][1]) and fits([recipe for _, recipe in recipes], photo, seconds):
            break
    return recipes


def card(name: str, budget: float, photo: str | None) -> str:
    """What a comparison is about, and what it takes here."""
    comparison = COMPARISONS[name]
    heading = f"<h3>{html.escape(comparison.title)}</h3><p>{html.escape(comparison.claim)}</p>"
    if missing := needs(name):
        return f'{heading}<p class="takes">{missing}</p>'
    recipes = [recipe for _, recipe in affordable(name, budget, photo)]
    seconds = pace.expect_all(recipes, aspect_of(photo))
    own, steps = comparison.recipes[0][1].steps, recipes[0].steps
    count = "1 painting" if len(recipes) == 1 else f"{len(recipes)} paintings"
    of = f"{steps:,} of the authors' {own:,} steps" if steps < own else f"all {own:,} steps"
    takes = f": {about(seconds)} here" if seconds else ""
    return f'{heading}<p class="takes">{count}, {of}, {recipes[0].size} pixels{takes}.</p>'


def below(frames: bool, painted: Sequence[Painted]) -> str:
    """The loss curves, and each painting's losses as multiples of the first one's."""
    # The frames of one run share its curve: the longest tells it all.
    runs = {one.title: one.curve for one in (painted[-1:] if frames else painted)}
    rows = ""
    for one in painted:
        pairs = zip(one.losses, painted[0].losses, strict=True)
        content, style, _, _, total = (times(*pair) for pair in pairs)
        cells = "".join(f"<td>{cell}</td>" for cell in (content, style, total, clock(one.seconds)))
        rows += f'<tr><th scope="row">{html.escape(one.title)}</th>{cells}</tr>'
    head = "".join(f'<th scope="col">{name}</th>' for name in ("content", "style", "total", "time"))
    return (
        f"<p>{html.escape(verdict(painted))}</p>{overlay(runs)}"
        f'<table class="plain figures"><tr><td></td>{head}</tr>{rows}</table>'
    )


def times(value: float, first: float) -> str:
    """A loss as a multiple of another: "the same", "0.42 times"."""
    if not first:
        return "–"
    ratio = value / first
    return "the same" if abs(ratio - 1) < 0.05 else f"{ratio:,.{0 if ratio >= 10 else 2}f} times"


def verdict(painted: Sequence[Painted]) -> str:
    """Which painting ends at the lowest loss, in a sentence."""
    low, high = (end(painted, key=lambda one: one.losses.total) for end in (min, max))
    ratio = times(high.losses.total, low.losses.total)
    if ratio == "the same":
        return "All end at about the same total loss." if len(painted) > 1 else ""
    return f"{low.title} ends at the lowest total loss, {high.title} at {ratio} that."

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
from ui.series import Panel, Stage, fits, planned
from ui.server.limits import RUN_LIMITS

MINUTE = 60.0
BUDGETS = {"A first idea, in a minute": MINUTE, "As much as a run may take": RUN_LIMITS.deadline}
DIVISORS = (1, 2, 3, 5, 10, 20, 50, 100)  # of the authors' steps
FEWEST = 20  # steps that show anything
HINT = """What the authors of the published systems compared, for you to check, with the photo and
painting of the Paint tab. Size and steps are chosen to fit this machine."""


def build(form: InputPanel, *shown: Any) -> Panel:
    """Lay it out in the current context. form: of the Paint tab. shown: when it comes in sight."""
    gr.Markdown(HINT, elem_classes="hint")
    budgets: Any = list(BUDGETS.items())
    budget = gr.Radio(budgets, value=MINUTE, label="Time", elem_id="published-time")
    cards, buttons = [], []
    with gr.Row(elem_classes="cards", equal_height=True):
        for name in COMPARISONS:
            with gr.Column(min_width=240, elem_classes="card"):
                cards.append(gr.HTML(card(name, MINUTE)))
                buttons.append(gr.Button("Make this comparison", elem_id=f"make-{name}"))
    panel = Panel("published", "Choose a comparison; its time is on the card.")

    def plan(name: str, budget: float, *chosen: Any) -> Stage:
        if missing := needs(name):
            raise BadInput(missing)
        asked, comparison = form.job(chosen), COMPARISONS[name]
        photo, own = form.files(chosen)
        asked = replace(asked, styles=asked.styles[:1], shared=replace(asked.shared, second=None))
        looks: dict[str, Any] = {"own": own, "frames": comparison.frames}
        looks["below"] = partial(below, comparison.frames)
        return planned(comparison.title, photo, asked, affordable(name, budget), **looks)

    def offered(budget: float) -> list[Any]:
        """What each should take on this machine, and which can be made here."""
        here = [gr.update(interactive=not needs(name)) for name in COMPARISONS]
        return [*(card(name, budget) for name in COMPARISONS), *here]

    plans = {button: partial(plan, name) for name, button in zip(COMPARISONS, buttons, strict=True)}
    panel.wire(plans, [budget, *form.inputs])
    gr.on([*shown, budget.input], offered, budget, [*cards, *buttons], **QUICK)
    return panel


def affordable(name: str, budget: float) -> list[tuple[str, Recipe]]:
    """A comparison's recipes as their authors ran them, if so many seconds are enough for that.

    Else they are small, and then shorter. Raises BadInput for a budget that is not offered.
    """
    if budget not in BUDGETS.values():
        raise BadInput("There is no such time to choose.")
    comparison = COMPARISONS[name]
    own, seconds = comparison.recipes[0][1], min(budget, RUN_LIMITS.deadline)
    sizes = [(own.size, own.steps)]
    sizes += [(comparison.small, max(FEWEST, own.steps // part)) for part in DIVISORS]
    for size, steps in sizes:
        pairs = scaled(name, min(size, RUN_LIMITS.max_size), steps)
        recipes = [recipe for _, recipe in pairs]
        if pace.expect_all(recipes) and fits(recipes, seconds):
            break
    return pairs


def card(name: str, budget: float) -> str:
    """What a comparison is about, and what it takes here."""
    comparison, takes = COMPARISONS[name], needs(name)
    if not takes:
        recipes = [recipe for _, recipe in affordable(name, budget)]
        own, steps, seconds = (
            comparison.recipes[0][1].steps,
            recipes[0].steps,
            pace.expect_all(recipes),
        )
        count = f"{len(recipes)} painting{'s' * (len(recipes) > 1)}"
        of = f"{steps:,} of the authors' {own:,} steps" if steps < own else f"all {own:,} steps"
        time = f": {about(seconds)} here" if seconds else ""
        takes = f"{count}, {of}, {recipes[0].size} pixels{time}."
    title, claim = html.escape(comparison.title), html.escape(comparison.claim)
    return f'<h3>{title}</h3><p>{claim}</p><p class="takes">{takes}</p>'


def below(frames: bool, painted: Sequence[Painted]) -> str:
    """The loss curves, and each painting's losses as multiples of the first one's."""
    # The frames of one run share its curve: the longest tells it all.
    runs = {one.title: one.curve for one in (painted[-1:] if frames else painted)}
    names = ("content", "style", "total")
    rows = "".join(f'<th scope="col">{name}</th>' for name in (*names, "time"))
    rows = f"<tr><td></td>{rows}</tr>"
    for one in painted:
        pairs = [(getattr(one.losses, name), getattr(painted[0].losses, name)) for name in names]
        cells = [times(*pair) for pair in pairs] + [clock(one.seconds)]
        told = "".join(f"<td>{cell}</td>" for cell in cells)
        rows += f'<tr><th scope="row">{html.escape(one.title)}</th>{told}</tr>'
    said = html.escape(verdict(painted))
    return f'<p>{said}</p>{overlay(runs)}<table class="plain figures">{rows}</table>'


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

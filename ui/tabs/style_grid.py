"""The style wall: one photo in every painting there is, as drafts; and `/wall` for programs."""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.presets import Preset, load_presets, preset_of
from nst.published import RECIPES
from nst.recipe import Recipe
from ui.parts.links import read_settings
from ui.parts.photo_box import PhotoBox
from ui.runs.events import PAINTS, QUICK
from ui.runs.job import Order, order
from ui.runs.messages import sentences, telling
from ui.runs.painting import clock, pace
from ui.runs.result import store
from ui.server.limits import RULES
from ui.server.visitors import Visitor, visitor_of
from ui.tabs.tiles import Panel, Plan, Scene, jpeg, paint_all, sheet_of

__all__ = ["DRAFT", "Wall", "build_endpoint"]

DRAFT = 256  # pixels of the long side
MOST = 24  # paintings on one wall
INVITATION = "Paint the wall to see your photo in all of them."

ABOUT = """One photo in several paintings, each as a draft of 256 pixels.

photo: a picture. presets: ids separated by commas; empty for all of {presets}.
recipe: settings as a query string that every painting gets, such as "strength=60"; empty for the
presets' own. Yields (pictures with titles so far, contact sheet at the end, facts).
"""


class Wall:
    """Which paintings, and the panel that shows them."""

    def __init__(self, photo: gr.Image) -> None:
        presets = load_presets()[0]
        gr.Markdown(
            "One photo in many paintings, each a quick draft.",
            elem_classes="hint",
        )
        with gr.Accordion("Which paintings", open=False):
            self.names = gr.CheckboxGroup(
                [(preset.title, preset.id) for preset in presets],
                value=[preset.id for preset in presets],
                show_label=False,
                label="Paintings on the wall",
                elem_id="wall-presets",
            )
        self.panel = Panel("wall", "Paint the wall", INVITATION)
        self.panel.wire([photo, self.names], (self.panel.go, self._scenes))
        self.names.input(self.expect, self.names, self.panel.status, **QUICK)

    def expect(self, names: Sequence[str]) -> str:
        """What a wall of these would take, for the status line."""
        chosen = [preset for name in names or () if (preset := preset_of(name))]
        known = [pace.expect(draft(preset)) for preset in chosen]
        if not chosen:
            return telling("Choose at least one painting.")
        if None in known:
            return telling(f"{len(chosen)} paintings.")
        seconds = sum(each or 0.0 for each in known)
        return telling(f"{len(chosen)} paintings, about {clock(seconds)} on this machine.")

    def _scenes(self, visitor: Visitor, photo: str | None, names: Sequence[str]) -> Iterator[Scene]:
        return paint_all(plan(photo, names or ()), visitor)


def draft(preset: Preset, size: int = DRAFT) -> Recipe:
    """The preset's recipe as the wall paints it."""
    return preset.recipe(RECIPES["default"].recipe).replace(size=size)


def plan(photo: str | None, names: Sequence[str], settings: str = "") -> Plan:
    """The wall's paintings. Raises BadInput for a name that is none, or too many of them."""
    if not names:
        raise BadInput("No painting is chosen for the wall: choose one at least.")
    if len(names) > MOST:
        raise BadInput(f"{len(names)} paintings were asked for; a wall has at most {MOST}.")
    orders: list[tuple[str, Order]] = []
    for name in dict.fromkeys(names):
        preset = preset_of(name)
        if preset is None:
            raise BadInput(f"There is no preset called {str(name)[:40]!r}.")
        recipe = read_settings(f"size={DRAFT}&{settings}", preset)
        # The photo is opened once for all of them.
        again = orders[0][1] if orders else None
        orders.append((preset.title, order(photo, preset, recipe, again=again)))
    return Plan("Style wall", str(photo), tuple(orders))


def build_endpoint() -> None:
    """Put `/wall` into the current `gr.Blocks`; nothing of it can be seen."""
    with gr.Row(visible=False):
        photo = PhotoBox(label="photo")
        presets = gr.Textbox("", label="presets")
        recipe = gr.Textbox("", label="recipe")
        pictures = gr.Gallery(label="pictures", format="png")
        sheet = gr.File(label="sheet")
        facts = gr.JSON(label="facts")
        button = gr.Button()

    def wall(
        request: gr.Request, photo: str | None, presets: str = "", recipe: str = ""
    ) -> Iterator[tuple[list[tuple[str, str]], str | None, dict[str, Any]]]:
        with sentences():
            known = [preset.id for preset in load_presets()[0]]
            names = [name.strip() for name in str(presets or "").split(",") if name.strip()]
            files: list[tuple[str, str]] = []
            chosen = plan(photo, names or known, str(recipe or ""))
            for scene in paint_all(chosen, visitor_of(request)):
                for tile in scene.tiles[len(files) :]:
                    name = f"wall-{tile.shared.style}.jpg"
                    files.append((store(pictures, jpeg(tile.picture, 92), name), tile.title))
                yield files, None, _facts(scene)
            yield files, store(sheet, jpeg(sheet_of(scene), 90), "wall.jpg"), _facts(scene)

    button.click(
        wall,
        [photo, presets, recipe],
        [pictures, sheet, facts],
        api_name="wall",
        api_description=ABOUT.format(presets=", ".join(p.id for p in load_presets()[0])),
        **PAINTS,
    )


def _facts(scene: Scene) -> dict[str, Any]:
    return {
        "painted": [tile.shared.style for tile in scene.tiles],
        "done": scene.share is None,
        "status": scene.line,
        "notes": list(scene.notes),
        "deadline": RULES.deadline,
    }

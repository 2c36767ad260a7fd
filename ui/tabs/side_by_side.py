"""A against B: two pinned paintings under one slider, and only the settings that differ."""

import html
from typing import Any

import gradio as gr
from PIL import Image, ImageOps

from nst.errors import BadInput
from nst.pictures.export import contact_sheet
from nst.pictures.images import fit
from nst.presets import preset_of
from nst.published import RECIPES
from ui.parts.controls import LABELS, WORDS
from ui.parts.links import Shared
from ui.parts.samples import SAMPLES
from ui.runs.events import QUICK
from ui.runs.messages import sentences
from ui.runs.result import Result, flat, store
from ui.server.limits import RULES
from ui.tabs.tiles import Tile, jpeg

__all__ = ["Pins", "differences"]

Pinned = dict[str, Tile]
EMPTY = (
    "Nothing is pinned yet. Pin two paintings: with the buttons under a painting in Paint, or by "
    "choosing a picture of the style wall, of a sweep, or of the authors' comparisons."
)
SIDE = 1024
ONE_KIND = 0.02  # aspects this near are the same picture's at two sizes


class Pins:
    """What is pinned, the slider over it, and the buttons that pin."""

    def __init__(self) -> None:
        self.pinned = gr.State({}, time_to_live=RULES.visit)
        self.about = gr.HTML(_about({}), elem_id="ab-about", padding=False)
        self.slider = gr.ImageSlider(
            label="A and B", show_label=False, format="jpeg", interactive=False, visible=False,
            elem_id="ab-slider", buttons=["fullscreen"], max_height=760,
        )  # fmt: skip
        with gr.Row(visible=False, elem_classes="ab-row") as self.row:
            self.sheet = gr.DownloadButton(
                "Download both on one sheet", elem_id="ab-sheet", min_width=260, scale=0
            )
            self.swap = gr.Button("Swap A and B", elem_id="ab-swap", min_width=160, scale=0)

    @property
    def shown(self) -> list[Any]:
        """The components that a pin changes."""
        return [self.pinned, self.about, self.slider, self.row, self.sheet]

    def add_buttons(self, result: gr.State) -> None:
        """Buttons that pin the Paint tab's result, in the current context."""
        with gr.Row(elem_classes="pin-row"):
            for side in "AB":
                button = gr.Button(f"Pin as {side}", min_width=90, elem_id=f"pin-{side.lower()}")
                button.click(
                    _pin_result(self, side), [self.pinned, result], self.shown, **QUICK
                ).success(None, None, None, js=f"() => nst.pinned('{side}')", **QUICK)
        self.swap.click(self._swap, self.pinned, self.shown, **QUICK)

    def pin(self, pinned: Pinned | None, side: str, tile: Tile) -> dict:
        """Updates that show `tile` as A or B."""
        return self._show((pinned or {}) | {side: tile})

    def _swap(self, pinned: Pinned | None) -> dict:
        other = {"A": "B", "B": "A"}
        return self._show({other[side]: tile for side, tile in (pinned or {}).items()})

    def _show(self, pinned: Pinned) -> dict:
        both = len(pinned) == 2
        return {
            self.pinned: pinned,
            self.about: _about(pinned),
            self.slider: gr.update(value=_pair(pinned) if both else None, visible=both),
            self.row: gr.update(visible=both),
            self.sheet: self._sheet(pinned) if both else None,
        }

    def _sheet(self, pinned: Pinned) -> str:
        rows = differences(pinned["A"].shared, pinned["B"].shared)
        tiles = [
            (pinned[side].picture, f"{side}: {_listed(rows, i) or pinned[side].title}")
            for i, side in enumerate("AB")
        ]
        largest = max(max(picture.size) for picture, _ in tiles)
        sheet = contact_sheet(tiles, 2, "A and B", min(640, 3 * largest))
        return store(self.sheet, jpeg(sheet, 90), "a-and-b.jpg")


def _pin_result(pins: Pins, side: str) -> Any:
    def pin(pinned: Pinned | None, result: Result | None) -> dict:
        with sentences():
            if result is None or result.shown is None:
                raise BadInput("There is no painting to pin yet: press Paint first.")
            small = fit(result.shown, SIDE, enlarge=False)
            tile = Tile(result.order.title, result.order.shared, small)
            return pins.pin(pinned, side, tile)

    return pin


def differences(a: Shared, b: Shared) -> list[tuple[str, str, str]]:
    """(what, A's, B's) for the pictures and settings that differ, in words."""
    rows = [
        ("Photo", _photo(a), _photo(b)),
        ("Painting", _painting(a), _painting(b)),
        ("Recipe", RECIPES[a.recipe.name].title, RECIPES[b.recipe.name].title),
    ]
    rows += [
        (LABELS[name][0], _words(mine), _words(theirs))
        for name, (mine, theirs) in a.recipe.differences(b.recipe).items()
        if name != "mix"
    ]
    return [row for row in rows if row[1] != row[2]]


def _photo(shared: Shared) -> str:
    return SAMPLES[shared.photo].title if shared.photo in SAMPLES else "your own"


def _painting(shared: Shared) -> str:
    first, second = preset_of(shared.style), preset_of(shared.second)
    name = first.title if first else "your own"
    if second is None:
        return name
    mix = shared.recipe.mix
    return f"{name}, with {mix[1] / sum(mix):.0%} {second.title}"


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_words, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else WORDS.get(value, str(value))


def _listed(rows: list[tuple[str, str, str]], side: int) -> str:
    return ", ".join(f"{row[0].lower()} {row[1 + side]}" for row in rows)


def _about(pinned: Pinned) -> str:
    if not pinned:
        return f'<p class="hint">{EMPTY}</p>'
    if len(pinned) == 1:
        ((side, tile),) = pinned.items()
        other = "B" if side == "A" else "A"
        return (
            f'<p class="hint"><strong>{side}: {html.escape(tile.title)}.</strong> '
            f"Pin another painting as {other} to compare them.</p>"
        )
    rows = differences(pinned["A"].shared, pinned["B"].shared)
    head = "".join(
        f'<th scope="col">{side} <span>{html.escape(pinned[side].title)}</span></th>'
        for side in "AB"
    )
    same = "" if rows else '<p class="hint">They have the same settings.</p>'
    body = "".join(
        f'<tr><th scope="row">{html.escape(what)}</th><td>{html.escape(a)}</td>'
        f"<td>{html.escape(b)}</td></tr>"
        for what, a, b in rows
    )
    return f'<table class="plain"><tr><td></td>{head}</tr>{body}</table>{same}'


def _pair(pinned: Pinned) -> tuple[Image.Image, Image.Image]:
    """Both pictures at the size of the larger; another aspect is cropped to A's."""
    a, b = (flat(pinned[side].picture) for side in "AB")
    large = max(a.size, b.size, key=max)
    if abs(a.width / a.height - b.width / b.height) < ONE_KIND:
        return a.resize(large, Image.Resampling.LANCZOS), b.resize(large, Image.Resampling.LANCZOS)
    scale = max(large) / max(a.size)
    size = (round(a.width * scale), round(a.height * scale))
    return a.resize(size, Image.Resampling.LANCZOS), ImageOps.fit(b, size)

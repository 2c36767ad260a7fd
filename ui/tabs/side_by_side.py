"""Two paintings under one slider, and only the settings in which they differ."""

import html
from typing import Any

import gradio as gr
from PIL import Image, ImageOps

from nst.pictures.export import contact_sheet
from nst.pictures.images import fit
from nst.presets import preset_of
from nst.published import RECIPES
from ui.controls import LABELS, WORDS
from ui.events import DECODES
from ui.links import Shared
from ui.result import Result, flat, jpeg
from ui.samples import SAMPLES
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS
from ui.tabs.tiles import Tile

__all__ = ["Pair", "SideBySide", "differences", "tile_of"]

Pair = tuple[Tile, ...]  # the left one and the right one, as far as they are chosen
EMPTY = (
    "Nothing is here yet. Choose a picture in one of the other parts of this tab, press Set side "
    "by side, and do so with a second. Results in Paint have the same button."
)
SIDE = 1024
ONE_KIND = 0.02  # aspects this near are the same picture's at two sizes


class SideBySide:
    """The slider over two paintings, and what differs; `add` takes the left one, then the right."""

    def __init__(self) -> None:
        self.pair = gr.State((), time_to_live=RUN_LIMITS.visit)
        self.about = gr.HTML(_about(()), elem_id="pair-about", padding=False)
        self.slider = gr.ImageSlider(
            label="Side by side", show_label=False, format="jpeg", interactive=False,
            visible=False, elem_id="pair-slider", buttons=["fullscreen"], max_height=760,
        )  # fmt: skip
        with gr.Row(visible=False, elem_classes="pair-row") as self.row:
            self.sheet = gr.DownloadButton(
                "Download both on one sheet", elem_id="pair-sheet", min_width=240, scale=0
            )
            self.swap = gr.Button("Swap them", elem_id="pair-swap", min_width=130, scale=0)
        self.swap.click(lambda pair: self._show(pair[::-1]), self.pair, self.shown, **DECODES)

    @property
    def shown(self) -> list[Any]:
        """The components that change with the pair."""
        return [self.pair, self.about, self.slider, self.row, self.sheet]

    def add(self, pair: Pair | None, tile: Tile) -> dict:
        """Updates that show `tile`: on the left when nothing is there, else on the right."""
        return self._show((*(pair or ())[:1], tile))

    def _show(self, pair: Pair) -> dict:
        both = len(pair) == 2
        return {
            self.pair: pair,
            self.about: _about(pair),
            self.slider: gr.update(value=_sized(pair) if both else None, visible=both),
            self.row: gr.update(visible=both),
            self.sheet: self._sheet(pair) if both else None,
        }

    def _sheet(self, pair: Pair) -> str:
        rows = differences(pair[0].shared, pair[1].shared)
        tiles = [(tile.picture, _listed(rows, i) or tile.title) for i, tile in enumerate(pair)]
        largest = max(max(picture.size) for picture, _ in tiles)
        sheet = contact_sheet(tiles, 2, "Side by side", min(640, 3 * largest))
        return keep_file(self.sheet, jpeg(sheet, 90), "side-by-side.jpg")


def tile_of(result: Result) -> Tile:
    """A result of the Paint tab as it is set beside another."""
    small = fit(result.shown, SIDE, enlarge=False)
    return Tile(result.job.title, result.job.shared, small)


def differences(a: Shared, b: Shared) -> list[tuple[str, str, str]]:
    """(what, left, right) for the pictures and settings that differ, in words."""
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


def _about(pair: Pair) -> str:
    if not pair:
        return f'<p class="hint">{EMPTY}</p>'
    if len(pair) == 1:
        return (
            f'<p class="hint"><strong>{html.escape(pair[0].title)}</strong> is on the left. '
            "Choose another painting to set beside it.</p>"
        )
    rows = differences(pair[0].shared, pair[1].shared)
    head = "".join(
        f'<th scope="col">{html.escape(tile.title)} <span>{side}</span></th>'
        for tile, side in zip(pair, ("left", "right"), strict=True)
    )
    same = "" if rows else '<p class="hint">They have the same settings.</p>'
    body = "".join(
        f'<tr><th scope="row">{html.escape(what)}</th><td>{html.escape(left)}</td>'
        f"<td>{html.escape(right)}</td></tr>"
        for what, left, right in rows
    )
    return f'<table class="plain"><tr><td></td>{head}</tr>{body}</table>{same}'


def _sized(pair: Pair) -> tuple[Image.Image, Image.Image]:
    """Both pictures at the size of the larger; another aspect is cropped to the left one's."""
    a, b = (flat(tile.picture) for tile in pair)
    large = max(a.size, b.size, key=max)
    if abs(a.width / a.height - b.width / b.height) < ONE_KIND:
        return a.resize(large, Image.Resampling.LANCZOS), b.resize(large, Image.Resampling.LANCZOS)
    scale = max(large) / max(a.size)
    size = (round(a.width * scale), round(a.height * scale))
    return a.resize(size, Image.Resampling.LANCZOS), ImageOps.fit(b, size)

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
from ui.series import Tile
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS

Pair = tuple[Tile, ...]  # the left one and the right one, as far as they are chosen
EMPTY = "Pick two results with Set side by side; they appear here."
SIDE = 1024
ONE_KIND = 0.02  # aspects this near are the same picture's at two sizes


class SideBySide:
    """The slider over two paintings, and what differs; `add` takes the left one, then the right."""

    def __init__(self) -> None:
        self.pair = gr.State((), time_to_live=RUN_LIMITS.visit)
        self.about = gr.HTML(_about(()), elem_id="pair-about")
        self.slider = gr.ImageSlider(
            show_label=False,
            format="jpeg",
            interactive=False,
            visible=False,
            buttons=["fullscreen"],
            max_height=760,
            elem_id="pair-slider",
        )
        with gr.Row(visible=False, elem_classes="pair-row") as self.row:
            both = "Download both on one sheet"
            self.sheet = gr.DownloadButton(both, elem_id="pair-sheet", min_width=240, scale=0)
            swap = gr.Button("Swap them", elem_id="pair-swap", min_width=130, scale=0)
        self.shown = [self.pair, self.about, self.slider, self.row, self.sheet]
        swap.click(lambda pair: self._show(pair[::-1]), self.pair, self.shown, **DECODES)

    def add(self, pair: Pair | None, tile: Tile) -> dict:
        """Updates that show `tile`: on the left when nothing is there, else on the right."""
        return self._show((*(pair or ())[:1], tile))

    def _show(self, pair: Pair) -> dict:
        both = len(pair) == 2
        return {
            self.pair: pair,
            self.about: _about(pair),
            self.slider: gr.update(value=sized(pair) if both else None, visible=both),
            self.row: gr.update(visible=both),
            self.sheet: self._sheet(pair) if both else None,
        }

    def _sheet(self, pair: Pair) -> str:
        rows = differences(pair[0].shared, pair[1].shared)
        said = [", ".join(f"{row[0].lower()} {row[1 + i]}" for row in rows) for i in range(2)]
        tiles = [
            (tile.picture, words or tile.title) for tile, words in zip(pair, said, strict=True)
        ]
        largest = max(max(picture.size) for picture, _ in tiles)
        sheet = contact_sheet(tiles, 2, "Side by side", min(640, 3 * largest))
        return keep_file(self.sheet, jpeg(sheet, 90), "side-by-side.jpg")


def tile_of(result: Result) -> Tile:
    """A result of the Paint tab as it is set beside another."""
    return Tile(result.job.title, result.job.shared, fit(result.shown, SIDE, enlarge=False))


def differences(a: Shared, b: Shared) -> list[tuple[str, str, str]]:
    """(what, left, right) for the pictures and settings that differ, in words."""
    changed = a.recipe.differences(b.recipe).items()
    rows = [
        ("Photo", _photo(a), _photo(b)),
        ("Painting", _painting(a), _painting(b)),
        ("Recipe", RECIPES[a.recipe.name].title, RECIPES[b.recipe.name].title),
        *((LABELS[name][0], _words(x), _words(y)) for name, (x, y) in changed if name != "mix"),
    ]
    return [row for row in rows if row[1] != row[2]]


def sized(pair: Pair) -> tuple[Image.Image, Image.Image]:
    """Both pictures at the size of the larger; another aspect is cropped to the left one's."""
    a, b = (flat(tile.picture) for tile in pair)
    scale = max(*a.size, *b.size) / max(a.size)
    size = (round(a.width * scale), round(a.height * scale))
    if abs(a.width / a.height - b.width / b.height) < ONE_KIND:
        size = max(a.size, b.size, key=max)
    return a.resize(size, Image.Resampling.LANCZOS), ImageOps.fit(b, size)


def _photo(shared: Shared) -> str:
    return SAMPLES[shared.photo].title if shared.photo in SAMPLES else "your own"


def _painting(shared: Shared) -> str:
    first, second = preset_of(shared.style), preset_of(shared.second)
    mix = shared.recipe.mix
    mixed = f", with {mix[1] / sum(mix):.0%} {second.title}" if second else ""
    return f"{first.title if first else 'your own'}{mixed}"


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_words, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else WORDS.get(value, str(value))


def _about(pair: Pair) -> str:
    if len(pair) < 2:
        left = f"{pair[0].title} is on the left. Pick another to set beside it." if pair else EMPTY
        return f'<p class="hint">{html.escape(left)}</p>'
    rows = differences(pair[0].shared, pair[1].shared)
    head = "".join(
        f'<th scope="col">{html.escape(tile.title)} <span>{side}</span></th>'
        for tile, side in zip(pair, ("left", "right"), strict=True)
    )
    body = "".join(
        f'<tr><th scope="row">{html.escape(what)}</th><td>{html.escape(left)}</td>'
        f"<td>{html.escape(right)}</td></tr>"
        for what, left, right in rows
    )
    same = "" if rows else '<p class="hint">They have the same settings.</p>'
    return f'<table class="plain"><tr><td></td>{head}</tr>{body}</table>{same}'

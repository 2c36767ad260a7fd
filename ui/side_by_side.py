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
        self.about = gr.HTML(about(()), elem_id="pair-about")
        looks: dict[str, Any] = {"show_label": False, "interactive": False, "visible": False}
        self.slider = gr.ImageSlider(
            format="jpeg", buttons=["fullscreen"], max_height=760, elem_id="pair-slider", **looks
        )
        with gr.Row(visible=False, elem_classes="pair-row") as self.row:
            both = "Download both on one sheet"
            self.sheet = gr.DownloadButton(both, elem_id="pair-sheet", min_width=240, scale=0)
            swap = gr.Button("Swap them", elem_id="pair-swap", min_width=130, scale=0)
        self.shown = [self.pair, self.about, self.slider, self.row, self.sheet]
        swap.click(lambda pair: self._show(pair[::-1]), self.pair, self.shown, **DECODES)

    def add(self, pair: Pair | None, tile: Tile) -> dict[Any, Any]:
        """Updates that show `tile`: on the left when nothing is there, else on the right."""
        return self._show((*(pair or ())[:1], tile))

    def _show(self, pair: Pair) -> dict[Any, Any]:
        both = len(pair) == 2
        sheet = keep_file(self.sheet, sheet_of(pair), "side-by-side.jpg") if both else None
        return {
            self.pair: pair,
            self.about: about(pair),
            self.slider: gr.update(value=sized(pair) if both else None, visible=both),
            self.row: gr.update(visible=both),
            self.sheet: sheet,
        }


def tile_of(result: Result) -> Tile:
    """A result of the Paint tab as it is set beside another."""
    return Tile(result.job.title, result.job.shared, fit(result.shown, SIDE, enlarge=False))


def sheet_of(pair: Pair) -> bytes:
    """Both on one JPEG, each with its own values of the settings that differ."""
    rows = differences(*(tile.shared for tile in pair))
    tiles = [
        (tile.picture, ", ".join(f"{row[0].lower()} {row[side]}" for row in rows) or tile.title)
        for side, tile in enumerate(pair, 1)
    ]
    largest = max(max(picture.size) for picture, _ in tiles)
    return jpeg(contact_sheet(tiles, 2, "Side by side", min(640, 3 * largest)), 90)


def differences(a: Shared, b: Shared) -> list[tuple[str, str, str]]:
    """(what, left, right) for the pictures and settings that differ, in words."""
    pictures = [(*_pictures(shared), RECIPES[shared.recipe.name].title) for shared in (a, b)]
    rows = list(zip(("Photo", "Painting", "Recipe"), *pictures, strict=True))
    changed = a.recipe.differences(b.recipe).items()
    rows += [(LABELS[name][0], _words(x), _words(y)) for name, (x, y) in changed if name != "mix"]
    return [row for row in rows if row[1] != row[2]]


def sized(pair: Pair) -> tuple[Image.Image, Image.Image]:
    """Both pictures at the size of the larger; another aspect is cropped to the left one's."""
    a, b = (flat(tile.picture) for tile in pair)
    scale = max(*a.size, *b.size) / max(a.size)
    size = (round(a.width * scale), round(a.height * scale))
    if abs(a.width / a.height - b.width / b.height) < ONE_KIND:
        size = max(a.size, b.size, key=max)
    return a.resize(size, Image.Resampling.LANCZOS), ImageOps.fit(b, size)


def _pictures(shared: Shared) -> tuple[str, str]:
    """The photo and the painting, in words."""
    photo = SAMPLES[shared.photo].title if shared.photo in SAMPLES else "your own"
    first, second = preset_of(shared.style), preset_of(shared.second)
    mix = shared.recipe.mix
    mixed = f", with {mix[1] / sum(mix):.0%} {second.title}" if second else ""
    return photo, f"{first.title if first else 'your own'}{mixed}"


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_words, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else WORDS.get(value, str(value))


def about(pair: Pair) -> str:
    """What differs, as HTML; or what is to be chosen yet."""
    titles = [html.escape(tile.title) for tile in pair]
    if len(pair) < 2:
        left = f"{titles[0]} is on the left. Pick another to set beside it." if pair else EMPTY
        return f'<p class="hint">{left}</p>'
    rows = differences(*(tile.shared for tile in pair))
    heads = zip(titles, ("left", "right"), strict=True)
    head = "".join(f'<th scope="col">{title} <span>{side}</span></th>' for title, side in heads)
    body = "".join(
        '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>'.format(*map(html.escape, row))
        for row in rows
    )
    same = "" if rows else '<p class="hint">They have the same settings.</p>'
    return f'<table class="plain"><tr><td></td>{head}</tr>{body}</table>{same}'

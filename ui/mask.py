"""Which part of the photo is painted: a brush over the photo itself."""

from typing import Any

import gradio as gr
from PIL import Image, ImageChops, ImageFilter

from nst.pictures.images import fit, open_photo
from ui.events import DECODES
from ui.messages import user_errors
from ui.result import flat

SIDE = 640  # pixels of the photo in the editor
INK = (53, 70, 184)  # the page's accent
OPACITY = 0.55  # of a stroke: what lies under it can still be seen
SOFT = 1 / 80  # of the long side: how wide a brushed edge fades
TITLE = "Only part of the photo"
HINT = (
    "Brush over the part to paint. The rest stays untouched: to keep a face, brush over it and "
    "press Invert. A second painting that is mixed in is painted outside the part."
)
EDITOR: dict[str, Any] = {
    "type": "pil",
    "show_label": False,
    "format": "png",
    "sources": (),
    "layers": False,
    "transforms": (),
    "brush": gr.Brush(colors=[(f"rgb{INK}", OPACITY)], color_mode="fixed", default_size=36),
}


def mask_editor(photo: Any) -> gr.ImageMask:
    """A fold with the photo under a translucent brush; `mask_from` reads what is drawn."""
    with gr.Accordion(TITLE, open=False, elem_id="part") as fold:
        # Its 190 kB of scripts are fetched by those who open the fold.
        drawing = gr.ImageMask(visible=False, height=320, buttons=[], elem_id="mask", **EDITOR)
        with gr.Row():
            invert = gr.Button("Invert", size="sm", elem_id="mask-invert")
            clear = gr.Button("Clear", size="sm", elem_id="mask-clear")
        gr.Markdown(HINT, elem_classes="hint")
    both, closed = [photo, drawing], gr.update(label=TITLE, open=False)
    fold.expand(lambda photo, drawn: _drawing(photo, _brushed(drawn)), both, drawing, **DECODES)
    fold.collapse(_title, drawing, fold, **DECODES)
    invert.click(lambda photo, drawn: _drawing(photo, _others(drawn)), both, drawing, **DECODES)
    clear.click(_drawing, photo, drawing, **DECODES)
    photo.change(lambda: (None, closed), None, [drawing, fold], **DECODES)
    return drawing


def mask_from(drawn: dict[str, Any] | None) -> Image.Image | None:
    """The mask (L, soft at its edges) in what the editor gives; None when nothing is drawn."""
    brushed = _brushed(drawn)
    if brushed is None or brushed.getbbox() is None:
        return None
    return brushed.filter(ImageFilter.GaussianBlur(max(brushed.size) * SOFT))


def _brushed(drawn: dict[str, Any] | None) -> Image.Image | None:
    layers = (drawn or {}).get("layers") or []
    if not layers or not isinstance(layers[0], Image.Image):
        return None
    alpha = layers[0].convert("RGBA").getchannel("A")
    return alpha.point(lambda value: min(255, round(value / OPACITY)))


def _others(drawn: dict[str, Any] | None) -> Image.Image:
    return ImageChops.invert(_brushed(drawn) or Image.new("L", (1, 1)))


def _title(drawn: dict[str, Any] | None) -> Any:
    """The header of the closed fold says whether a part is marked."""
    return gr.update(label=TITLE + (", marked" if mask_from(drawn) else ""))


def _drawing(photo: str | None, brushed: Image.Image | None = None) -> Any:
    """The editor with the photo, and over it what was brushed."""
    with user_errors():
        shown = flat(fit(open_photo(photo or ""), SIDE))
    value = {"background": shown, "layers": [], "composite": shown}
    if brushed is not None:
        layer = Image.new("RGBA", shown.size, INK)
        layer.putalpha(brushed.resize(shown.size).point(lambda alpha: round(alpha * OPACITY)))
        composite = Image.alpha_composite(shown.convert("RGBA"), layer)
        value |= {"layers": [layer], "composite": composite}
    return gr.update(visible=True, value=value)

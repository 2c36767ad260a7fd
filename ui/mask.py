"""Which part of the photo is painted: a brush over the photo itself."""

from typing import Any

import gradio as gr
from PIL import Image, ImageChops, ImageFilter

from nst.errors import BadInput
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
    "Brush over the part to paint. The rest stays untouched. With a second painting mixed in, the "
    "first is painted inside and the second outside."
)


class MaskEditor:
    """The photo with a translucent brush, Invert and Clear, in a fold that opens on it.

    drawing: the component whose value `mask_from` reads. photo: the component that holds the file.
    """

    def __init__(self, photo: gr.components.Component) -> None:
        self._photo = photo
        self._open = gr.State(False)
        with gr.Accordion(TITLE, open=False, elem_id="part") as self._fold:
            self.drawing = gr.ImageMask(
                label="Brush over the part",
                show_label=False,
                type="pil",
                image_mode="RGBA",
                format="png",
                sources=(),
                layers=False,
                transforms=(),
                height=320,
                brush=gr.Brush(
                    colors=[(f"rgb{INK}", OPACITY)], color_mode="fixed", default_size=36
                ),
                buttons=[],
                elem_id="mask",
                visible=False,  # its 190 kB of scripts are fetched by those who open the fold
            )
            with gr.Row():
                self._invert = gr.Button("Invert", size="sm", elem_id="mask-invert")
                self._clear = gr.Button("Clear", size="sm", elem_id="mask-clear")
            gr.Markdown(HINT, elem_classes="hint")

    def wire(self) -> None:
        """Let it follow the photo."""
        photo, drawing = self._photo, self.drawing
        self._fold.expand(_opened, [photo, drawing], [self._open, drawing], **DECODES)
        self._fold.collapse(_closed, drawing, [self._open, self._fold], **DECODES)
        self._clear.click(_drawing, photo, drawing, **DECODES)
        photo.change(  # type: ignore[attr-defined]
            lambda photo, is_open: (_drawing(photo) if is_open else None, gr.update(label=TITLE)),
            [photo, self._open],
            [drawing, self._fold],
            **DECODES,
        )
        self._invert.click(
            lambda photo, drawn: _drawing(
                photo, ImageChops.invert(_brushed(drawn) or Image.new("L", (1, 1)))
            ),
            [photo, drawing],
            drawing,
            **DECODES,
        )


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


def _opened(photo: str | None, drawn: dict[str, Any] | None) -> tuple[bool, Any]:
    """The editor, with what was brushed before the fold was closed."""
    return True, gr.update(visible=True, value=_drawing(photo, _brushed(drawn)))


def _closed(drawn: dict[str, Any] | None) -> tuple[bool, Any]:
    """The header says whether a part is marked."""
    return False, gr.update(label=TITLE + (", marked" if mask_from(drawn) else ""))


def _drawing(photo: str | None, brushed: Image.Image | None = None) -> dict[str, Any]:
    """What the editor shows: the photo, and over it what was brushed."""
    with user_errors():
        if photo is None:
            raise BadInput("There is no photo yet: upload one, take one, or choose a sample.")
        shown = flat(fit(open_photo(photo), SIDE))
    if brushed is None:
        return {"background": shown, "layers": [], "composite": shown}
    layer = Image.new("RGBA", shown.size, INK)
    layer.putalpha(brushed.resize(shown.size).point(lambda value: round(value * OPACITY)))
    composite = Image.alpha_composite(shown.convert("RGBA"), layer)
    return {"background": shown, "layers": [layer], "composite": composite}

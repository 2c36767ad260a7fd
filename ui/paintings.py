"""The preset paintings: their tiles, and what is said of them."""

from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from nst.pictures.images import fit, open_photo
from nst.presets import Preset, load_presets, preset_of
from ui.events import QUICK
from ui.photo_box import picks, thumbs

THUMB = 144  # pixels: twice what a tile has on a phone
YOURS = "yours"  # instead of a preset's id: the second painting is the visitor's own


def choose_look(first: Preset, name: str) -> list[Any]:
    """All presets as tiles, and a strength; returns the components that hold id and number."""
    presets, style = load_presets()[0], gr.Textbox(first.id, visible=False)
    looks: dict[str, Any] = {"named": True, "selected": presets.index(first)}
    tiles = [(thumb(preset.path), preset.title) for preset in presets]
    gallery = thumbs(tiles, "Paintings", 7, elem_id=f"{name}-styles", **looks)
    hint = gr.Markdown(manner(first), elem_classes="hint")
    told = [(preset.id, manner(preset)) for preset in presets]
    gallery.select(picks(told), None, [style, hint], **QUICK)
    named: dict[str, Any] = {"label": "Strength", "elem_id": f"{name}-strength"}
    return [style, gr.Slider(0, 100, 50, step=1, buttons=[], **named)]


def thumb(path: str | Path) -> Image.Image:
    """A picture as a tile shows it."""
    return fit(open_photo(path), THUMB, enlarge=False).convert("RGB")


def manner(preset: Preset | None) -> str:
    """A painting's title and how it is painted."""
    return f"**{preset.title}.** {preset.manner}" if preset else "**Your own painting.**"


def mixed(second: str, share: float) -> str:
    """What the fold of the second painting is called: a mixture can be seen when it is closed."""
    preset = preset_of(second)
    if preset is None and second != YOURS:
        return "Mix in a second painting"
    return f"Mixed in: {preset.title if preset else 'your painting'}, {share:.0%}"

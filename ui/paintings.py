"""The paintings to choose from: a first one, a visitor's own, and a second one to mix in."""

from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from nst.pictures.images import fit, open_photo
from nst.presets import Preset, load_presets, preset_of
from ui.assets import asset_path
from ui.photo_box import PhotoBox, PictureButton, thumbs

THUMB = 144  # pixels: twice what a tile has on a phone
YOURS = "yours"  # instead of a preset's id: the second painting is the visitor's own
SHARE = 0.4  # of a second painting, at first


class Paintings:
    """Two galleries and what is chosen in them.

    style_id, second: hold a preset's id, "" for none; in the browser, which remembers them for as
    long as it shows them. own: the file of a visitor's own painting.
    """

    def __init__(self, first: Preset | None) -> None:
        self.presets = load_presets()[0]
        self._thumbs = [(thumb(preset.path), preset.title) for preset in self.presets]
        self.style_id = gr.Textbox(first.id if first else "", visible=False)
        self.second = gr.Textbox("", visible=False)
        self.own = PhotoBox(visible=False, elem_id="own-style")
        self.tiles_show = gr.Radio(
            [("The paintings", False), ("Your photo in them", True)],
            value=False,
            show_label=False,
            container=False,
            elem_id="tiles-show",
        )
        self.gallery = thumbs(
            self.tiles(None),
            "Paintings",
            7,
            named=True,
            selected=self._tile(first),
            elem_id="styles",
        )
        self.upload = PictureButton(
            "Upload a painting of your own",
            file_types=["image"],
            elem_id="own-upload",
            elem_classes="unseen",
        )
        self.manner = gr.Markdown(
            manner(first) if first else "", elem_id="manner", elem_classes="hint"
        )
        with gr.Accordion(mixed("", 0), open=False, elem_id="mix") as self.mix:
            self.seconds = thumbs(
                self._seconds(None),
                "Second paintings",
                7,
                named=True,
                selected=0,
                elem_id="seconds",
            )
            self.share = gr.Slider(
                0, 1, SHARE, step=0.05, label="How much of it", buttons=[], elem_id="second-share"
            )
        self.shown = [self.style_id, self.gallery, self.manner]
        self.mixture = [self.second, self.seconds, self.share, self.mix]

    def tiles(self, own: str | None) -> list[tuple[Any, str]]:
        """The first gallery: a visitor's own painting, then the presets."""
        mine = (thumb(own), "Yours") if own else (asset_path("plus.png"), "+ your own")
        return [mine, *self._thumbs]

    def _seconds(self, own: str | None) -> list[tuple[Any, str]]:
        """The second gallery: none, the presets, a visitor's own."""
        mine = [(thumb(own), "Yours")] if own else []
        return [(asset_path("none.png"), "None"), *self._thumbs, *mine]

    def _tile(self, preset: Preset | None) -> int:
        """Where a painting stands among its tiles; the first one is for none, or one's own."""
        return self.presets.index(preset) + 1 if preset else 0

    def at(self, index: int) -> Preset | None:
        """The preset of a tile of the first gallery; None for the visitor's own."""
        return self.presets[index - 1] if index else None

    @property
    def seconds_ids(self) -> list[str]:
        """What the tiles of the second gallery stand for."""
        return ["", *(preset.id for preset in self.presets), YOURS]

    def show(self, preset: Preset | None) -> dict[Any, Any]:
        """Updates of `shown` that choose a preset, or with None the visitor's own."""
        return {
            self.style_id: preset.id if preset else "",
            self.gallery: gr.update(selected_index=self._tile(preset)),
            self.manner: manner(preset),
        }

    def show_own(self, path: str, preset: Preset | None = None) -> dict[Any, Any]:
        """Updates that show a painting of the visitor's own, and choose it unless a preset is."""
        tiles = gr.update(value=self.tiles(path), selected_index=self._tile(preset))
        seconds = gr.update(value=self._seconds(path))
        return self.show(preset) | {self.own: path, self.gallery: tiles, self.seconds: seconds}

    def show_mixture(self, second: str, share: float, own: str | None = None) -> dict[Any, Any]:
        """Updates of `mixture`. own: the file of the visitor's own painting, if it is there."""
        second = second if preset_of(second) or (own and second == YOURS) else ""
        selected = self.seconds_ids.index(second)
        tiles: dict[str, Any] = {"value": self._seconds(own)} if own else {}
        return {
            self.second: second,
            self.seconds: gr.update(selected_index=selected, **tiles),
            self.share: share,
            self.mix: gr.update(label=mixed(second, share), open=bool(second)),
        }


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

"""What goes in: the photo, the painting and every setting; the left side of the Paint tab."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from nst.errors import BadInput, NstError
from nst.pictures.export import read_notes, read_recipe
from nst.pictures.images import fit, open_photo
from nst.presets import Preset, load_presets, preset_of
from nst.published import RECIPES
from nst.recipe import Recipe
from ui.parts.controls import QUALITIES, Controls, departures, quality
from ui.parts.links import Shared, from_notes, from_query
from ui.parts.photo_box import PhotoBox
from ui.parts.samples import SAMPLES, sample_id
from ui.runs.cost import beyond_limits
from ui.runs.events import DECODES, QUICK
from ui.runs.job import Order, brushed, order
from ui.runs.messages import sentences, telling
from ui.runs.pace import clock, pace
from ui.runs.result import flat, store

__all__ = ["Choice", "qualities"]

NO_SECOND = ("None", "")
THUMB = 224
MASK_SIDE = 640
NONE = -1  # of a gallery is selected; None would leave it as it is


class Choice:
    """The components and what a visitor chose in them.

    Build it where it should stand, then `wire` it. pictures: the components that hold pictures,
    in the order that `order` takes their values. restored: what `restore` sets.
    """

    def __init__(self) -> None:
        self.presets: tuple[Preset, ...] = load_presets()[0]
        default = RECIPES["default"].recipe
        self.controls = Controls(self.presets[0].recipe(default) if self.presets else default)
        self.style_id = gr.State(self.presets[0].id if self.presets else None)
        self._layout()
        self.pictures = [self.photo, self.style_id, self.own, self.second, self.share]
        self.inputs = [*self.pictures, *self.controls.inputs]

    def _layout(self) -> None:
        gr.HTML("<h2>Photo</h2>", elem_classes="part")
        with gr.Row(equal_height=False):
            self.photo = PhotoBox(
                str(SAMPLES["lion"].path), label="Photo", show_label=False,
                height=190,
                sources=["upload", "webcam", "clipboard"], elem_id="photo",
                buttons=[], scale=2, min_width=180,
            )  # fmt: skip
            self.samples = gr.Gallery(
                [(_thumb(s.path), s.title) for s in SAMPLES.values()],
                label="Samples", show_label=False, columns=2, format="jpeg", allow_preview=False,
                interactive=False, object_fit="cover", elem_id="samples", elem_classes="thumbs",
                selected_index=0, buttons=[], scale=1, min_width=110,
            )  # fmt: skip
        gr.HTML("<h2>Painting</h2>", elem_classes="part")
        self.gallery = gr.Gallery(
            [(_thumb(preset.path), preset.title) for preset in self.presets],
            label="Paintings", show_label=False, columns=7,
            format="jpeg", allow_preview=False, interactive=False,
            object_fit="cover", elem_id="styles", elem_classes="thumbs", selected_index=0,
            buttons=[],
        )  # fmt: skip
        self.manner = gr.Markdown(
            _manner(self.presets[0]) if self.presets else "", elem_id="manner", elem_classes="hint"
        )
        with gr.Accordion("A painting of your own, or two at once", open=False):
            self.own = PhotoBox(
                label="Your painting", height=180,
                sources=["upload", "clipboard"], elem_id="own-style", buttons=[],
            )  # fmt: skip
            with gr.Row():
                self.second = gr.Dropdown(
                    [NO_SECOND, *((p.title, p.id) for p in self.presets)], value="",
                    label="Second style", elem_id="second",
                )  # fmt: skip
                self.share = gr.Slider(
                    0, 1, 0.4, step=0.05, label="Its share", elem_id="second-share"
                )
        with gr.Accordion("Only part of the photo", open=False):
            self.mask = gr.ImageMask(
                label="Paint over the part", show_label=False, type="pil", image_mode="RGBA",
                format="png", sources=(), layers=False, transforms=(), height=320,
                brush=gr.Brush(colors=["#ffffff"], color_mode="fixed", default_size=36),
                placeholder="Bring the photo here, then brush over the part to paint.",
                buttons=[], elem_id="mask",
            )  # fmt: skip
            self.to_mask = gr.Button("Bring the photo here", size="sm", elem_id="to-mask")
            gr.Markdown(
                "With a second style, the first is painted inside and the second outside.",
                elem_classes="hint",
            )
        self.controls.main()
        with gr.Accordion("Advanced", open=False, elem_id="advanced"):
            self.controls.advanced()
            self.open_box = gr.File(
                label="Open a painting made here: its settings come back", file_types=[".png"],
                height=150, elem_id="open-painting",
            )  # fmt: skip

    def wire(self, demo: gr.Blocks, status: gr.HTML) -> None:
        """Let the components answer. status: where it is said what came with a link or a file."""
        self.restored = [
            self.photo, self.samples, *self._style_outputs, self.second, self.share,
            *self.controls.outputs, status,
        ]  # fmt: skip
        arrived = demo.load(self._arrive, None, self.restored, **QUICK)
        arrived.then(self._expect, self.controls.inputs, self.controls.quality, **QUICK)
        self.open_box.upload(self._reopen, self.open_box, self.restored, **DECODES)
        self.photo.upload(self._look_at, self.photo, self.restored, **DECODES)
        self._wire_pictures()
        self._wire_controls()

    @property
    def _style_outputs(self) -> list[gr.components.Component]:
        return [self.style_id, self.gallery, self.own, self.manner]

    def _wire_pictures(self) -> None:
        controls = self.controls
        self.samples.select(self.pick_sample, None, self.photo, **QUICK)
        self.photo.change(self.mark_sample, self.photo, self.samples, **QUICK)
        self.photo.change(lambda: None, None, self.mask, **QUICK)
        self.to_mask.click(self._photo_to_mask, self.photo, self.mask, **DECODES)
        self.gallery.select(
            self._pick_style, controls.inputs, [*self._style_outputs, *controls.outputs], **QUICK
        )
        self.own.upload(self._take_own, self.own, self._style_outputs, **DECODES)
        self.own.clear(self._first_style, None, self._style_outputs, **QUICK)

    def _wire_controls(self) -> None:
        controls = self.controls
        size = controls.of["size"]
        depart: dict[str, Any] = {
            "fn": self._depart,
            "inputs": [self.style_id, *controls.inputs],
            "outputs": [controls.changed, controls.quality],
            "trigger_mode": "always_last",
        } | QUICK
        controls.quality.input(lambda size: size, controls.quality, size, **QUICK).then(**depart)
        controls.menu.input(
            self._pick_recipe, [controls.menu, self.style_id], controls.outputs, **QUICK
        )
        gr.on([control.input for control in controls.of.values()], **depart)  # type: ignore[attr-defined]

    # Choosing

    def pick_sample(self, chosen: gr.SelectData) -> str:
        """The file of the sample that was clicked, for a photo box."""
        with sentences():
            return self._sample_file(list(SAMPLES)[_index(chosen, len(SAMPLES))])

    def _sample_file(self, name: str) -> str:
        """A copy that Gradio may serve: it refuses files of its own package."""
        path = SAMPLES[name].path
        return store(self.photo, path.read_bytes(), path.name)

    def mark_sample(self, photo: str | None) -> Any:
        """Mark the sample that a photo is, if it is one, in a gallery of samples."""
        name = sample_id(photo)
        return gr.update(selected_index=list(SAMPLES).index(name) if name else NONE)

    def _pick_style(self, chosen: gr.SelectData, *values: Any) -> list[Any]:
        with sentences():
            preset = self.presets[_index(chosen, len(self.presets))]
            recipe = self.controls.recipe(values)
            if recipe.name == "default":
                fresh = preset.recipe(RECIPES["default"].recipe)
                recipe = fresh.replace(size=recipe.size, seed=recipe.seed, encoder=recipe.encoder)
            return [*self._show_style(preset.id), *self.controls.show(recipe, preset)]

    def _take_own(self, path: str) -> list[Any]:
        try:
            open_photo(path)
        except BadInput as error:
            gr.Warning(html.escape(str(error)), title="This painting cannot be used")
            return [gr.skip(), gr.skip(), None, gr.skip()]
        return [None, gr.update(selected_index=NONE), gr.skip(), "**Your own painting.**"]

    def _first_style(self) -> list[Any]:
        return self._show_style(self.presets[0].id)

    def _photo_to_mask(self, photo: str | None) -> dict | None:
        with sentences():
            if photo is None:
                raise BadInput("There is no photo yet: upload one, take one, or choose a sample.")
            shown = flat(fit(open_photo(photo), MASK_SIDE))
            return {"background": shown, "layers": [], "composite": shown}

    def _show_style(self, style_id: str) -> list[Any]:
        preset = preset_of(style_id)
        assert preset is not None
        selected = gr.update(selected_index=self.presets.index(preset))
        return [style_id, selected, None, _manner(preset)]

    def _pick_recipe(self, name: str, style_id: str | None) -> list[Any]:
        with sentences():
            if name not in RECIPES:
                raise BadInput(f"There is no recipe called {str(name)[:40]!r}.")
            preset = preset_of(style_id)
            recipe = RECIPES[name].recipe
            return self.controls.show(preset.recipe(recipe) if preset else recipe, preset)

    def _depart(self, style_id: str | None, *values: Any) -> tuple[str, Any]:
        try:
            recipe = self.controls.recipe(values)
        except NstError as error:
            return f"**{html.escape(str(error))}**", gr.skip()
        return departures(recipe, preset_of(style_id)), _quality(recipe)

    def _expect(self, *values: Any) -> Any:
        with sentences():
            return _quality(self.controls.recipe(values))

    # Links and pictures that remember

    def _arrive(self, request: gr.Request) -> list[Any]:
        shared = from_query(dict(request.query_params))
        if shared is None:
            return [gr.skip()] * len(self.restored)
        return self.restore(shared, "The link's settings are here. Press Paint.")

    def _reopen(self, path: str) -> list[Any]:
        with sentences():
            shared = from_notes(read_recipe(path), read_notes(path))
            return self.restore(shared, "The painting's settings are here. Press Paint.")

    def _look_at(self, path: str) -> list[Any]:
        """Say at once when an upload is no picture; a painting made here brings its settings."""
        unchanged = [gr.skip()] * (len(self.restored) - 1)
        try:
            open_photo(path)
        except BadInput as error:
            gr.Warning(html.escape(str(error)), title="This photo cannot be used")
            return [None, *unchanged]
        try:
            shared = from_notes(read_recipe(path), read_notes(path))
        except BadInput:  # an ordinary photo
            return [gr.skip(), *unchanged]
        return self.restore(shared, "This was painted here; its settings are back. Press Paint.")

    def restore(self, shared: Shared, status: str) -> list[Any]:
        """Values for `restored` that show what a link or a picture holds."""
        preset = preset_of(shared.style)
        style = self._show_style(preset.id) if preset else [gr.skip()] * 4
        photo = self._sample_file(shared.photo) if shared.photo else None
        second = preset_of(shared.second)
        mix = shared.recipe.mix
        return [
            photo if photo else gr.skip(),
            self.mark_sample(photo) if photo else gr.skip(),
            *style,
            second.id if second else "",
            mix[1] / (mix[0] + mix[1]) if len(mix) == 2 and any(mix) else gr.skip(),
            *self.controls.show(shared.recipe.replace(mix=()), preset),
            telling(status, beyond_limits(shared.recipe)),
        ]

    def order(
        self, chosen: Sequence[Any], again: Order | None = None, mask: dict | None = None
    ) -> Order:
        """Check and open what was chosen: the values of `inputs`."""
        photo, style_id, own, second, share, *values = chosen
        return order(
            photo,
            preset_of(style_id) or own,
            self.controls.recipe(values),
            second=preset_of(second),
            share=share,
            again=again,
            mask=brushed(mask),
        )


def _thumb(path: Path) -> Image.Image:
    return fit(open_photo(path), THUMB, enlarge=False).convert("RGB")


def _manner(preset: Preset) -> str:
    return f"**{preset.title}.** {preset.manner}"


def _quality(recipe: Recipe) -> Any:
    """The quality menu for this recipe, and the one chosen."""
    return gr.update(choices=qualities(recipe), value=quality(recipe.size))


def qualities(recipe: Recipe) -> list[tuple[str, int]]:
    """The quality menu with the seconds each should take with this recipe."""
    labels = []
    for name, size in QUALITIES.items():
        seconds = pace.expect(recipe.replace(size=size))
        labels.append((f"{name}, about {clock(seconds)}" if seconds else name, size))
    return labels


def _index(chosen: gr.SelectData, count: int) -> int:
    index = chosen.index
    if not isinstance(index, int) or not 0 <= index < count:
        raise BadInput("There is no such picture to choose.")
    return index

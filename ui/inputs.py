"""What goes in: the photo, the painting and every setting."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from nst.errors import BadInput, NstError
from nst.pictures.images import fit, open_photo
from nst.presets import Preset, load_presets, preset_of
from nst.published import get_recipe
from nst.recipe import Recipe
from ui.assets import asset_path
from ui.controls import Controls, follow, usual
from ui.events import DECODES, QUICK
from ui.job import Job, open_job
from ui.links import Shared, from_query, inside, missing, unread
from ui.mask import MaskEditor, mask_from
from ui.messages import refusal_html, status_html, user_errors
from ui.pace import beyond_limits
from ui.photo_box import NONE, PhotoBox, PictureButton, thumbs
from ui.samples import OPENING, SAMPLES, sample_id
from ui.server.gradio_internals import keep_file

THUMB = 160  # pixels: twice what a tile has
YOURS = "yours"  # instead of a preset's id: the second painting is the visitor's own
SHARE = 0.4  # of a second painting, at first
PRIVACY = "Your photo is deleted within an hour and is never part of a link."


class InputPanel:
    """The components and what a visitor chose in them.

    Build it where it should stand, then `wire` it. pictures: the components that hold pictures,
    in the order that `job` takes their values. restored: what `restore` sets.
    """

    def __init__(self) -> None:
        self.presets: tuple[Preset, ...] = load_presets()[0]
        self._thumbs = [(_thumb(preset.path), preset.title) for preset in self.presets]
        first = preset_of(OPENING[1]) or next(iter(self.presets), None)
        self.controls = Controls(first.recipe(Recipe()) if first else Recipe())
        # In the browser, which remembers them for as long as it shows them.
        self.style_id = gr.Textbox(first.id if first else "", visible=False)
        self.second = gr.Textbox("", visible=False)
        gr.HTML("<h2>Photo</h2>", elem_classes="part")
        self._layout_photo()
        gr.HTML("<h2>Painting</h2>", elem_classes="part")
        self._layout_paintings(first)
        self.mask = MaskEditor(self.photo)
        self.controls.main()
        with gr.Accordion("Advanced", open=False, elem_id="advanced"):
            self.controls.advanced()
            self.open_box = gr.File(
                label="Open a painting made here: its settings come back", file_types=[".png"],
                height=150, elem_id="open-painting",
            )  # fmt: skip
        self.pictures = [self.photo, self.style_id, self.own, self.second, self.share]
        self.inputs = [*self.pictures, *self.controls.inputs]

    def _layout_photo(self) -> None:
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=180, elem_id="photo-side"):
                self.photo = PhotoBox(
                    str(SAMPLES[OPENING[0]].path), label="Photo", show_label=False, height=150,
                    interactive=False, buttons=[], elem_id="photo",
                )  # fmt: skip
                self.camera = PhotoBox(
                    label="Camera", show_label=False, height=220, sources=["webcam"],
                    visible=False, buttons=[], elem_id="camera",
                )  # fmt: skip
                with gr.Row(elem_id="bring"):
                    self.upload = PictureButton(
                        "Upload your photo", file_types=["image"], size="sm", scale=3,
                        min_width=110, elem_id="upload",
                    )  # fmt: skip
                    self.shoot = gr.Button(
                        "Camera", size="sm", scale=1, min_width=70, elem_id="shoot"
                    )
            self.samples = thumbs(
                [(_thumb(s.path), s.title) for s in SAMPLES.values()],
                "Samples",
                2,
                selected=list(SAMPLES).index(OPENING[0]),
                elem_id="samples",
                scale=1,
                min_width=110,
            )
        gr.HTML(PRIVACY, elem_classes="hint", padding=False)
        self.refusal = gr.HTML(elem_id="refusal", padding=False)
        self.offer = gr.Button(
            "Use this painting as the photo", visible=False, size="sm", elem_id="offer"
        )

    def _layout_paintings(self, first: Preset | None) -> None:
        self.gallery = thumbs(
            self._tiles(None),
            "Paintings",
            7,
            named=True,
            selected=self._tile(first),
            elem_id="styles",
        )
        self.own = PhotoBox(visible=False, elem_id="own-style")
        self.own_upload = PictureButton(
            "Upload a painting of your own", file_types=["image"], elem_id="own-upload",
            elem_classes="unseen",
        )  # fmt: skip
        self.manner = gr.Markdown(
            _manner(first) if first else "", elem_id="manner", elem_classes="hint"
        )
        with gr.Accordion(_mixed("", 0), open=False, elem_id="mix") as self.mix:
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

    def _tiles(self, own: str | None) -> list[tuple[Any, str]]:
        """The paintings to choose from, a visitor's own first."""
        mine = (_thumb(own), "Yours") if own else (asset_path("plus.png"), "+ your own")
        return [mine, *self._thumbs]

    def _seconds(self, own: str | None) -> list[tuple[Any, str]]:
        """The second paintings to choose from: none, the presets, a visitor's own."""
        mine = [(_thumb(own), "Yours")] if own else []
        return [(asset_path("none.png"), "None"), *self._thumbs, *mine]

    def _tile(self, preset: Preset | None) -> int:
        """Where a painting stands among its tiles; the first one is for none, or one's own."""
        return self.presets.index(preset) + 1 if preset else 0

    def wire(self, status: gr.HTML) -> None:
        """Let the components answer. status: where it is said what came with a link or a file."""
        self.status = status
        self.restored = [
            self.photo, self.samples, self.style_id, self.gallery, self.manner, self.second,
            self.seconds, self.share, self.mix, *self.controls.outputs, status,
        ]  # fmt: skip
        self.open_box.upload(self._reopen, self.open_box, self.restored, **DECODES)
        self._wire_photo()
        self._wire_paintings()
        self._wire_controls()
        self.mask.wire()

    def _wire_photo(self) -> None:
        self.shoot.click(lambda: gr.update(visible=True), None, self.camera, **QUICK)
        self.offer.click(lambda path: path, self.upload, self.photo, **QUICK)
        self.samples.select(self.pick_sample, None, self.photo, **QUICK)
        self.photo.change(
            lambda photo: (self.mark_sample(photo), "", gr.update(visible=False)),
            self.photo, [self.samples, self.refusal, self.offer], **QUICK,
        )  # fmt: skip
        told = [*self.restored, self.refusal, self.offer, self.camera]
        for box, event in ((self.upload, self.upload.upload), (self.camera, self.camera.input)):
            event(self._take_photo, box, told, **DECODES)

    def _wire_paintings(self) -> None:
        chosen = [self.style_id, self.gallery, self.manner, *self.controls.outputs]
        told = [self.style_id, *self.controls.inputs]
        self.share.release(
            lambda second, share: gr.update(label=_mixed(second, share)),
            [self.second, self.share], self.mix, **QUICK,
        )  # fmt: skip
        self.gallery.select(self._pick_style, [self.own, *told], chosen, **QUICK)
        self.own_upload.upload(
            self._take_own, [self.own_upload, *told], [self.own, self.seconds, *chosen], **DECODES
        )
        self.seconds.select(self._pick_second, self.share, [self.second, self.mix], **QUICK)

    def _wire_controls(self) -> None:
        controls = self.controls
        told = [self.style_id, *controls.inputs]
        remark: dict[str, Any] = {
            "fn": self._remark, "inputs": told, "outputs": controls.remarks,
            "trigger_mode": "always_last", **QUICK,
        }  # fmt: skip
        controls.quality.input(
            lambda size: size, controls.quality, controls.of["size"], **QUICK
        ).then(**remark)
        controls.menu.input(self._pick_recipe, told, controls.outputs, **QUICK)
        controls.suggestion.click(self._as_usual, told, controls.outputs, **QUICK)
        gr.on([control.input for control in controls.of.values()], **remark)  # type: ignore[attr-defined]

    # Choosing

    def pick_sample(self, chosen: gr.SelectData) -> str:
        """The file of the sample that was clicked, for a photo box."""
        with user_errors():
            return self._sample_file(list(SAMPLES)[index_of(chosen, len(SAMPLES))])

    def _sample_file(self, name: str) -> str:
        """A copy that Gradio may serve: it refuses files of its own package."""
        path = SAMPLES[name].path
        return keep_file(self.photo, path.read_bytes(), path.name)

    def mark_sample(self, photo: str | None) -> Any:
        """Mark the sample that a photo is, if it is one, in a gallery of samples."""
        name = sample_id(photo)
        return gr.update(selected_index=list(SAMPLES).index(name) if name else NONE)

    def _take_photo(self, path: str | None) -> dict[Any, Any]:
        """Show an upload once it is known to be good; a painting made here brings its settings."""
        told: dict[Any, Any] = {
            self.refusal: "",
            self.offer: gr.update(visible=False),
            self.camera: gr.update(value=None, visible=False),
        }
        if path is None:  # the camera was put away
            return told
        try:
            open_photo(path)
        except BadInput as error:
            return told | {self.refusal: refusal_html("photo", error)}
        try:
            shared, notes = inside(path)
        except BadInput:  # an ordinary photo
            return told | {self.photo: path}
        told[self.offer] = gr.update(visible=shared.photo is None)
        return told | self.restore(shared, "Made here: its settings are back. Press Paint.", notes)

    def _take_own(self, path: str, style_id: str, *values: Any) -> dict[Any, Any]:
        before = preset_of(style_id)
        try:
            open_photo(path)
        except BadInput as error:
            return {self.manner: f"{_manner(before)}\n\n{refusal_html('painting', error)}"}
        with user_errors():
            return self._change_style(before, None, values) | self.show_own(path)

    def _pick_style(
        self, chosen: gr.SelectData, own: str | None, style_id: str, *values: Any
    ) -> dict[Any, Any]:
        with user_errors():
            index, before = index_of(chosen, len(self.presets) + 1), preset_of(style_id)
            now = self.presets[index - 1] if index else None
            if now is None and own is None:
                now = before  # there is nothing to choose yet: the page opens a chooser of files
            return self._change_style(before, now, values)

    def _change_style(
        self, before: Preset | None, now: Preset | None, values: Sequence[Any]
    ) -> dict[Any, Any]:
        """Style, gallery and controls when another painting is chosen."""
        try:
            recipe = self.controls.recipe(values)
        except NstError:  # which is said beside the control that is out of range
            return self._show_style(now)
        return self._show_style(now) | self.controls.show(follow(recipe, before, now), now)

    def _show_style(self, preset: Preset | None) -> dict[Any, Any]:
        return {
            self.style_id: preset.id if preset else "",
            self.gallery: gr.update(selected_index=self._tile(preset)),
            self.manner: _manner(preset),
        }

    def _pick_second(self, chosen: gr.SelectData, share: float) -> list[Any]:
        with user_errors():
            ids = ["", *(preset.id for preset in self.presets), YOURS]
            second = ids[index_of(chosen, len(ids))]
            return [second, gr.update(label=_mixed(second, share))]

    def _pick_recipe(self, style_id: str, name: str, *_: Any) -> dict[Any, Any]:
        with user_errors():
            preset, recipe = preset_of(style_id), get_recipe(str(name))
            return self.controls.show(preset.recipe(recipe) if preset else recipe, preset)

    def _as_usual(self, style_id: str, *values: Any) -> dict[Any, Any]:
        with user_errors():
            preset = preset_of(style_id)
            return self.controls.show(usual(self.controls.recipe(values), preset), preset)

    def _remark(self, style_id: str, *values: Any) -> dict[Any, Any]:
        try:
            recipe = self.controls.recipe(values)
        except NstError as error:
            return {self.controls.changed: f"**{html.escape(str(error))}**"}
        return self.controls.remark(recipe, preset_of(style_id))

    # Links and pictures that remember

    def arrive(self, query: dict[str, str]) -> dict[Any, Any]:
        """Updates of `restored` for a page that is opened by a link; none for one without."""
        shared, wrong = from_query(query), unread(query)
        if shared is None and not wrong:
            return {}
        shared = shared or Shared(Recipe())
        if shared == Shared(Recipe()) and "name" not in query:
            notes = wrong or ("There is no setting in it that is known here.",)
            return {self.status: status_html("This link could not be read.", notes)}
        told = "The link's settings are here. Press Paint."
        return self.restore(shared, told, (*wrong, *missing(query, bool(shared.recipe.mix))))

    def _reopen(self, path: str) -> dict[Any, Any]:
        with user_errors():
            shared, notes = inside(path)
            return self.restore(shared, "The painting's settings are here. Press Paint.", notes)

    def restore(self, shared: Shared, status: str, notes: Sequence[str] = ()) -> dict[Any, Any]:
        """Updates of `restored` that show what a link or a picture holds.

        notes: sentences on what could not be restored.
        """
        preset, second = preset_of(shared.style), preset_of(shared.second)
        photo = self._sample_file(shared.photo) if shared.photo else None
        mix = shared.recipe.mix
        share = mix[1] / sum(mix) if len(mix) == 2 and any(mix) else SHARE
        return {
            **({self.photo: photo, self.samples: self.mark_sample(photo)} if photo else {}),
            **(self._show_style(preset) if preset else {}),
            **self._show_second(shared.second or "", share),
            self.seconds: gr.update(selected_index=self._tile(second)),
            **self.controls.show(shared.recipe.replace(mix=()), preset),
            self.status: status_html(status, (*notes, *beyond_limits(shared.recipe))),
        }

    def _show_second(self, second: str, share: float) -> dict[Any, Any]:
        return {
            self.second: second,
            self.share: share,
            self.mix: gr.update(label=_mixed(second, share), open=bool(second)),
        }

    def again(self, chosen: Sequence[Any]) -> dict[Any, Any]:
        """Updates that show what was chosen before the page was loaded anew: values of `inputs`."""
        photo, style_id, own, second, share, *values = chosen
        own = own if own and Path(own).exists() else None
        preset = preset_of(style_id)
        at = len(self.presets) + 1 if second == YOURS and own else self._tile(preset_of(second))
        shown = self._show_style(preset) | (self.show_own(own, preset is None) if own else {})
        if photo and Path(photo).exists():
            shown |= {self.photo: photo, self.samples: self.mark_sample(photo)}
        return {
            **shown,
            **self._show_second(second if at else "", share),
            self.seconds: gr.update(value=self._seconds(own), selected_index=at),
            **dict(zip(self.controls.inputs, values, strict=True)),
            **self._remark(style_id, *values),
        }

    @staticmethod
    def files(chosen: Sequence[Any]) -> tuple[str, str | None]:
        """The files of the photo and, if it is chosen, of the visitor's own painting."""
        photo, style_id, own, *_ = chosen
        return str(photo), None if preset_of(style_id) else own

    def show_own(self, path: str, chosen: bool = True) -> dict[Any, Any]:
        """Updates that show, and choose, a painting of the visitor's own."""
        shown = {self.own: path, self.seconds: gr.update(value=self._seconds(path))}
        if not chosen:
            return shown | {self.gallery: gr.update(value=self._tiles(path))}
        tiles = gr.update(value=self._tiles(path), selected_index=0)
        return shown | {self.style_id: "", self.gallery: tiles, self.manner: _manner(None)}

    def job(self, chosen: Sequence[Any], again: Job | None = None, mask: dict | None = None) -> Job:
        """Check and open what was chosen: the values of `inputs`."""
        photo, style_id, own, second, share, *values = chosen
        job = open_job(
            photo,
            preset_of(style_id) or own,
            self.controls.recipe(values),
            second=own if second == YOURS else preset_of(second),
            share=share,
            again=again,
            mask=mask_from(mask),
        )
        return job.wide_enough


def _thumb(path: str | Path) -> Image.Image:
    return fit(open_photo(path), THUMB, enlarge=False).convert("RGB")


def _manner(preset: Preset | None) -> str:
    return f"**{preset.title}.** {preset.manner}" if preset else "**Your own painting.**"


def _mixed(second: str, share: float) -> str:
    """What the fold of the second painting is called: a mixture can be seen when it is closed."""
    preset = preset_of(second)
    if preset is None and second != YOURS:
        return "Mix in a second painting"
    return f"Mixed in: {preset.title if preset else 'your painting'}, {share:.0%}"


def index_of(chosen: gr.SelectData, count: int) -> int:
    """Which of so many pictures was clicked. Raises BadInput where there is no such picture."""
    index = chosen.index
    if not isinstance(index, int) or not 0 <= index < count:
        raise BadInput("There is no such picture to choose.")
    return index

"""What goes in: the photo, the painting and every setting."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from nst.errors import BadInput, NstError
from nst.pictures.images import open_photo
from nst.presets import Preset, preset_of
from nst.published import get_recipe
from nst.recipe import Recipe
from ui.controls import Controls, follow, usual
from ui.events import DECODES, QUICK
from ui.job import Job, open_job
from ui.links import Shared, from_query, inside, missing, unread
from ui.mask import MaskEditor, mask_from
from ui.messages import refusal_html, status_html, user_errors
from ui.pace import beyond_limits
from ui.paintings import SHARE, YOURS, Paintings, manner, mixed, thumb
from ui.photo_box import NONE, PhotoBox, PictureButton, thumbs
from ui.samples import OPENING, SAMPLES, sample_id
from ui.server.gradio_internals import keep_file

PRIVACY = "Your photo is deleted within an hour and is never part of a link."


class InputPanel:
    """The components and what a visitor chose in them.

    Build it where it should stand, then `wire` it. pictures: the components that hold pictures,
    in the order that `job` takes their values. restored: what `restore` sets.
    """

    def __init__(self) -> None:
        first = preset_of(OPENING[1])
        self.controls = Controls(first.recipe(Recipe()) if first else Recipe())
        gr.HTML("<h2>Photo</h2>", elem_classes="part")
        self._layout_photo()
        gr.HTML("<h2>Painting</h2>", elem_classes="part")
        self.paintings = Paintings(first)
        self.mask = MaskEditor(self.photo)
        self.controls.main()
        with gr.Accordion("Advanced", open=False, elem_id="advanced"):
            self.controls.advanced()
            self.open_box = gr.File(
                label="Open a painting made here: its settings come back",
                file_types=[".png"],
                height=150,
                elem_id="open-painting",
            )
        of = self.paintings
        self.own = of.own
        self.pictures = [self.photo, of.style_id, of.own, of.second, of.share]
        self.inputs = [*self.pictures, *self.controls.inputs]

    def _layout_photo(self) -> None:
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=180, elem_id="photo-side"):
                self.photo = PhotoBox(
                    str(SAMPLES[OPENING[0]].path),
                    label="Photo",
                    show_label=False,
                    height=150,
                    interactive=False,
                    buttons=[],
                    elem_id="photo",
                )
                self.camera = PhotoBox(
                    label="Camera",
                    show_label=False,
                    height=220,
                    sources=["webcam"],
                    visible=False,
                    buttons=[],
                    elem_id="camera",
                )
                with gr.Row(elem_id="bring"):
                    self.upload = PictureButton(
                        "Upload your photo",
                        file_types=["image"],
                        size="sm",
                        scale=3,
                        min_width=110,
                        elem_id="upload",
                    )
                    self.shoot = gr.Button(
                        "Camera", size="sm", scale=1, min_width=70, elem_id="shoot"
                    )
            self.samples = thumbs(
                [(thumb(s.path), s.title) for s in SAMPLES.values()],
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

    def wire(self, status: gr.HTML) -> None:
        """Let the components answer. status: where it is said what came with a link or a file."""
        self.status = status
        paintings = self.paintings
        self.restored = [
            self.photo,
            self.samples,
            *paintings.shown,
            *paintings.mixture,
            *self.controls.outputs,
            status,
        ]
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
            self.photo,
            [self.samples, self.refusal, self.offer],
            **QUICK,
        )
        told = [*self.restored, self.refusal, self.offer, self.camera]
        for box, event in ((self.upload, self.upload.upload), (self.camera, self.camera.input)):
            event(self._take_photo, box, told, **DECODES)

    def _wire_paintings(self) -> None:
        of = self.paintings
        chosen = [*of.shown, *self.controls.outputs]
        told = [of.style_id, *self.controls.inputs]
        of.share.release(
            lambda second, share: gr.update(label=mixed(second, share)),
            [of.second, of.share],
            of.mix,
            **QUICK,
        )
        of.gallery.select(self._pick_style, [of.own, *told], chosen, **QUICK)
        of.upload.upload(
            self._take_own, [of.upload, *told], [of.own, of.seconds, *chosen], **DECODES
        )
        of.seconds.select(self._pick_second, of.share, [of.second, of.mix], **QUICK)

    def _wire_controls(self) -> None:
        controls = self.controls
        told = [self.paintings.style_id, *controls.inputs]
        remark: dict[str, Any] = {
            "fn": self._remark,
            "inputs": told,
            "outputs": controls.remarks,
            "trigger_mode": "always_last",
            **QUICK,
        }
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
            told = f"{manner(before)}\n\n{refusal_html('painting', error)}"
            return {self.paintings.manner: told}
        with user_errors():
            return self._change_style(before, None, values) | self.show_own(path)

    def _pick_style(
        self, chosen: gr.SelectData, own: str | None, style_id: str, *values: Any
    ) -> dict[Any, Any]:
        with user_errors():
            before = preset_of(style_id)
            now = self.paintings.at(index_of(chosen, len(self.paintings.presets) + 1))
            if now is None and own is None:  # the page opens a chooser of files
                return {self.paintings.gallery: self.paintings.show(before)[self.paintings.gallery]}
            return self._change_style(before, now, values)

    def _change_style(
        self, before: Preset | None, now: Preset | None, values: Sequence[Any]
    ) -> dict[Any, Any]:
        """Style, gallery and controls when another painting is chosen."""
        try:
            recipe = self.controls.recipe(values)
        except NstError:  # which is said beside the control that is out of range
            return self.paintings.show(now)
        return self.paintings.show(now) | self.controls.show(follow(recipe, before, now), now)

    def _pick_second(self, chosen: gr.SelectData, share: float) -> list[Any]:
        with user_errors():
            ids = self.paintings.seconds_ids
            second = ids[index_of(chosen, len(ids))]
            return [second, gr.update(label=mixed(second, share))]

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
        preset = preset_of(shared.style)
        photo = self._sample_file(shared.photo) if shared.photo else None
        mix = shared.recipe.mix
        share = mix[1] / sum(mix) if len(mix) == 2 and any(mix) else SHARE
        return {
            **({self.photo: photo, self.samples: self.mark_sample(photo)} if photo else {}),
            **(self.paintings.show(preset) if preset else {}),
            **self.paintings.show_mixture(shared.second or "", share),
            **self.controls.show(shared.recipe.replace(mix=()), preset),
            self.status: status_html(status, (*notes, *beyond_limits(shared.recipe))),
        }

    def again(self, chosen: Sequence[Any]) -> dict[Any, Any]:
        """Updates that show what was chosen before the page was loaded anew: values of `inputs`."""
        photo, style_id, own, second, share, *values = chosen
        own = own if own and Path(own).exists() else None
        preset = preset_of(style_id)
        shown = self.paintings.show(preset)
        shown |= self.paintings.show_own(own, preset) if own else {}
        if photo and Path(photo).exists():
            shown |= {self.photo: photo, self.samples: self.mark_sample(photo)}
        return {
            **shown,
            **self.paintings.show_mixture(second, share, own),
            **dict(zip(self.controls.inputs, values, strict=True)),
            **self._remark(style_id, *values),
        }

    @staticmethod
    def files(chosen: Sequence[Any]) -> tuple[str, str | None]:
        """The files of the photo and, if it is chosen, of the visitor's own painting."""
        photo, style_id, own, *_ = chosen
        return str(photo), None if preset_of(style_id) else own

    def show_own(self, path: str) -> dict[Any, Any]:
        """Updates that choose a painting of the visitor's own."""
        return self.paintings.show_own(path)

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


def index_of(chosen: gr.SelectData, count: int) -> int:
    """Which of so many pictures was clicked. Raises BadInput where there is no such picture."""
    index = chosen.index
    if not isinstance(index, int) or not 0 <= index < count:
        raise BadInput("There is no such picture to choose.")
    return index

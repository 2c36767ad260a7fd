"""What goes in: the photo, the painting and every setting; the left side of the Paint tab."""

import html
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from nst.errors import BadInput, NstError
from nst.pictures.export import read_notes, read_recipe
from nst.pictures.images import fit, open_photo
from nst.presets import Preset, load_presets, preset_of
from nst.provenance import NOTE, otherwise_here
from nst.published import get_recipe
from nst.recipe import Recipe
from ui.assets import asset_path
from ui.parts.controls import QUALITIES, Controls, follow, suggests, touched
from ui.parts.links import Shared, from_notes, from_query, missing, unread
from ui.parts.photo_box import PhotoBox, PictureButton
from ui.parts.samples import OPENING, SAMPLES, sample_id
from ui.runs.cost import beyond_limits
from ui.runs.events import DECODES, QUICK
from ui.runs.job import Job, open_job
from ui.runs.messages import status_html, user_errors
from ui.runs.pace import about, pace
from ui.server.gradio_internals import keep_file
from ui.tabs.mask_editor import MaskEditor, mask_from

__all__ = ["NONE", "InputPanel", "best_quality", "index_of"]

THUMB = 160  # pixels: twice what a tile has
NONE = -1  # of a gallery is selected; None would leave it as it is
OWN = 0  # the tile of a painting of one's own; the presets follow
NO_SECOND = 0  # the tile for no second painting
HIDDEN = gr.update(visible=False)
UNSAID = gr.update(value="", visible=False)
A_MOMENT = 15.0  # seconds that a visitor gladly waits
SHARE = 0.4  # of a second painting, at first


class InputPanel:
    """The components and what a visitor chose in them.

    Build it where it should stand, then `wire` it. pictures: the components that hold pictures,
    in the order that `job` takes their values. restored: what `restore` sets.
    """

    def __init__(self) -> None:
        self.presets: tuple[Preset, ...] = load_presets()[0]
        self._thumbs = [(_thumb(preset.path), preset.title) for preset in self.presets]
        first = preset_of(OPENING[1]) or next(iter(self.presets), None)
        self.controls = Controls(first.recipe(Recipe()) if first else Recipe(), qualities)
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
            self.samples = gr.Gallery(
                [(_thumb(s.path), s.title) for s in SAMPLES.values()],
                label="Samples", show_label=False, columns=2, format="jpeg", allow_preview=False,
                interactive=False, object_fit="cover", elem_id="samples", elem_classes="thumbs",
                selected_index=list(SAMPLES).index(OPENING[0]), buttons=[], scale=1, min_width=110,
            )  # fmt: skip
        # Not `gr.Warning`, which shows nothing outside Gradio's queue.
        self.refusal = gr.HTML(visible=False, elem_id="refusal", elem_classes="hint", padding=False)
        self.offer = gr.Button(
            "Use this painting as the photo", visible=False, size="sm", elem_id="offer"
        )

    def _layout_paintings(self, first: Preset | None) -> None:
        self.gallery = self._paintings("Paintings", self._tiles(None), self._tile(first), "styles")
        self.own = PhotoBox(visible=False, elem_id="own-style")
        self.own_upload = PictureButton(
            "Upload a painting of your own", file_types=["image"], elem_id="own-upload",
            elem_classes="unseen",
        )  # fmt: skip
        self.manner = gr.Markdown(
            _manner(first) if first else "", elem_id="manner", elem_classes="hint"
        )
        with gr.Accordion(_mixed(None, 0), open=False, elem_id="mix") as self.mix:
            tiles = [(asset_path("none.png"), "None"), *self._thumbs]
            self.seconds = self._paintings("Second paintings", tiles, NO_SECOND, "seconds")
            self.share = gr.Slider(
                0, 1, SHARE, step=0.05, label="Its share", buttons=[], elem_id="second-share"
            )

    def _paintings(self, label: str, tiles: list, selected: int, elem_id: str) -> gr.Gallery:
        return gr.Gallery(
            tiles, label=label, show_label=False, columns=7, format="jpeg", allow_preview=False,
            interactive=False, object_fit="cover", elem_id=elem_id,
            elem_classes=["thumbs", "named"], selected_index=selected, buttons=[],
        )  # fmt: skip

    def _tiles(self, own: str | None) -> list[tuple[Any, str]]:
        """The paintings to choose from, a visitor's own first."""
        return [
            (_thumb(own), "Yours") if own else (asset_path("plus.png"), "+ your own"),
            *self._thumbs,
        ]

    def wire(self, demo: gr.Blocks, status: gr.HTML) -> None:
        """Let the components answer. status: where it is said what came with a link or a file."""
        self.status = status
        self.restored = [
            self.photo, self.samples, *self._style_outputs, self.second, self.seconds,
            self.share, self.mix, *self.controls.outputs, status,
        ]  # fmt: skip
        best = [self.controls.quality, self.controls.of["size"]]
        demo.load(self._arrive, None, self.restored, **QUICK).then(
            self._open_best, self.controls.inputs, best, **QUICK
        )
        self.open_box.upload(self._reopen, self.open_box, self.restored, **DECODES)
        self._wire_photo()
        self._wire_paintings()
        self._wire_controls()
        self.mask.wire()

    @property
    def _style_outputs(self) -> list[gr.components.Component]:
        return [self.style_id, self.gallery, self.manner]

    def _wire_photo(self) -> None:
        self.shoot.click(lambda: gr.update(visible=True), None, self.camera, **QUICK)
        self.offer.click(lambda path: path, self.upload, self.photo, **QUICK)
        self.samples.select(self.pick_sample, None, self.photo, **QUICK)
        self.photo.change(
            lambda photo: (self.mark_sample(photo), UNSAID, HIDDEN),
            self.photo, [self.samples, self.refusal, self.offer], **QUICK,
        )  # fmt: skip
        told = [*self.restored, self.refusal, self.offer, self.camera]
        for box, event in ((self.upload, self.upload.upload), (self.camera, self.camera.input)):
            event(self._take_photo, box, told, **DECODES)

    def _wire_paintings(self) -> None:
        controls = self.controls
        chosen = [*self._style_outputs, *controls.outputs]
        told = [self.own, self.style_id, controls.touched, *controls.inputs]
        self.share.release(
            lambda second, share: gr.update(label=_mixed(preset_of(second), share)),
            [self.second, self.share], self.mix, **QUICK,
        )  # fmt: skip
        self.gallery.select(self._pick_style, told, chosen, **QUICK)
        self.own_upload.upload(
            self._take_own, [self.own_upload, *told[1:]], [self.own, *chosen], **DECODES
        )
        self.seconds.select(self._pick_second, self.share, [self.second, self.mix], **QUICK)

    def _wire_controls(self) -> None:
        controls = self.controls
        size = controls.of["size"]
        told = [self.style_id, controls.touched, *controls.inputs]
        depart: dict[str, Any] = {
            "fn": self._depart,
            "inputs": told,
            "outputs": [controls.quality, *controls.remarks],
            "trigger_mode": "always_last",
        } | QUICK
        controls.quality.input(lambda size: size, controls.quality, size, **QUICK).then(**depart)
        controls.menu.input(
            self._pick_recipe, [controls.menu, self.style_id], controls.outputs, **QUICK
        )
        controls.suggestion.click(self._as_suggested, told, controls.outputs, **QUICK)
        gr.on([control.input for control in controls.of.values()], **depart)  # type: ignore[attr-defined]

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
        camera = gr.update(value=None, visible=False)
        told = {self.refusal: UNSAID, self.offer: HIDDEN, self.camera: camera}
        if path is None:  # the camera was put away
            return told
        try:
            open_photo(path)
        except BadInput as error:
            return told | {self.refusal: gr.update(value=_refused("photo", error), visible=True)}
        try:
            shared, notes = _inside(path)
        except BadInput:  # an ordinary photo
            return told | {self.photo: path}
        told[self.offer] = gr.update(visible=shared.photo is None)
        return told | self.restore(shared, "This was painted here; its settings are back.", notes)

    def _take_own(self, path: str, style_id: str, kept: Set[str], *values: Any) -> dict[Any, Any]:
        before = preset_of(style_id)
        try:
            open_photo(path)
        except BadInput as error:
            return {self.manner: f"{_manner(before)}\n\n{_refused('painting', error)}"}
        with user_errors():
            return self._change_style(before, None, kept, values) | self.show_own(path)

    def _pick_style(
        self,
        chosen: gr.SelectData,
        own: str | None,
        style_id: str,
        kept: Set[str],
        *values: Any,
    ) -> dict[Any, Any]:
        with user_errors():
            index, before = index_of(chosen, len(self.presets) + 1), preset_of(style_id)
            now = None if index == OWN else self.presets[index - 1]
            if now is None and own is None:
                now = before  # there is nothing to choose yet: the page opens a chooser of files
            return self._change_style(before, now, kept, values)

    def _change_style(
        self, before: Preset | None, now: Preset | None, kept: Set[str], values: Sequence[Any]
    ) -> dict[Any, Any]:
        """Style, gallery and controls when another painting is chosen."""
        try:
            recipe = self.controls.recipe(values)
        except NstError:  # which is said beside the control that is out of range
            return self._show_style(now)
        kept = touched(recipe, before, kept)
        return self._show_style(now) | self.controls.show(follow(recipe, now, kept), now, kept)

    def _show_style(self, preset: Preset | None) -> dict[Any, Any]:
        return {
            self.style_id: preset.id if preset else "",
            self.gallery: gr.update(selected_index=self._tile(preset)),
            self.manner: _manner(preset),
        }

    def _tile(self, preset: Preset | None) -> int:
        """Where a painting stands among its tiles; none is at the first one."""
        return self.presets.index(preset) + 1 if preset else 0

    def _pick_second(self, chosen: gr.SelectData, share: float) -> list[Any]:
        with user_errors():
            index = index_of(chosen, len(self.presets) + 1)
            preset = None if index == NO_SECOND else self.presets[index - 1]
            return [preset.id if preset else "", gr.update(label=_mixed(preset, share))]

    def _pick_recipe(self, name: str, style_id: str) -> dict[Any, Any]:
        with user_errors():
            preset, recipe = preset_of(style_id), get_recipe(str(name))
            return self.controls.show(preset.recipe(recipe) if preset else recipe, preset)

    def _as_suggested(self, style_id: str, kept: Set[str], *values: Any) -> dict[Any, Any]:
        with user_errors():
            preset, recipe = preset_of(style_id), self.controls.recipe(values)
            kept = touched(recipe, preset, kept) - set(suggests(preset))
            return self.controls.show(follow(recipe, preset, kept), preset, kept)

    def _depart(self, style_id: str, kept: Set[str], *values: Any) -> dict[Any, Any]:
        try:
            recipe = self.controls.recipe(values)
        except NstError as error:
            return {self.controls.changed: f"**{html.escape(str(error))}**"}
        return self.controls.remark(recipe, preset_of(style_id), kept)

    def _open_best(self, request: gr.Request, *values: Any) -> dict[Any, Any]:
        """Nobody having asked for a quality, the best that this machine paints in a moment."""
        with user_errors():
            if from_query(dict(request.query_params)) is not None:
                return gr.skip()
            recipe = best_quality(self.controls.recipe(values))
            menu = gr.update(choices=qualities(recipe), value=recipe.size)
            return {self.controls.quality: menu, self.controls.of["size"]: recipe.size}

    # Links and pictures that remember

    def _arrive(self, request: gr.Request) -> dict[Any, Any]:
        query = dict(request.query_params)
        shared, wrong = from_query(query), unread(query)
        if shared is None and not wrong:
            return gr.skip()
        shared = shared or Shared(Recipe())
        if shared == Shared(Recipe()) and "name" not in query:
            notes = wrong or ("There is no setting in it that is known here.",)
            told = "This link could not be read; the page is as it was."
            return {self.status: status_html(told, notes)}
        notes = (*wrong, *missing(query, bool(shared.recipe.mix)))
        return self.restore(shared, "The link's settings are here. Press Paint.", notes)

    def _reopen(self, path: str) -> dict[Any, Any]:
        with user_errors():
            shared, notes = _inside(path)
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
            self.second: second.id if second else "",
            self.seconds: gr.update(selected_index=self._tile(second)),
            self.share: share,
            self.mix: gr.update(label=_mixed(second, share), open=second is not None),
            **self.controls.show(shared.recipe.replace(mix=()), preset),
            self.status: status_html(status, (*notes, *beyond_limits(shared.recipe))),
        }

    @staticmethod
    def files(chosen: Sequence[Any]) -> tuple[str, str | None]:
        """The files of the photo and, if it is chosen, of the visitor's own painting."""
        photo, style_id, own, *_ = chosen
        return str(photo), None if preset_of(style_id) else own

    def show_own(self, path: str) -> dict[Any, Any]:
        """Updates that choose a painting of the visitor's own."""
        tiles = gr.update(value=self._tiles(path), selected_index=OWN)
        return {self.own: path, self.style_id: "", self.gallery: tiles, self.manner: _manner(None)}

    def job(self, chosen: Sequence[Any], again: Job | None = None, mask: dict | None = None) -> Job:
        """Check and open what was chosen: the values of `inputs`."""
        photo, style_id, own, second, share, *values = chosen
        return open_job(
            photo,
            preset_of(style_id) or own,
            self.controls.recipe(values),
            second=preset_of(second),
            share=share,
            again=again,
            mask=mask_from(mask),
        )


def _thumb(path: str | Path) -> Image.Image:
    return fit(open_photo(path), THUMB, enlarge=False).convert("RGB")


def _manner(preset: Preset | None) -> str:
    return f"**{preset.title}.** {preset.manner}" if preset else "**Your own painting.**"


def _refused(picture: str, error: BadInput) -> str:
    """Why a file that was brought is not taken, as HTML."""
    return f'<p role="alert">This {picture} cannot be used. {html.escape(str(error))}</p>'


def _mixed(second: Preset | None, share: float) -> str:
    """What the fold of the second painting is called: a mixture can be seen when it is closed."""
    return f"Mixed in: {second.title}, {share:.0%}" if second else "Mix in a second painting"


def _inside(path: str) -> tuple[Shared, tuple[str, ...]]:
    """What a picture painted by this project remembers, and sentences on what is otherwise here.

    Raises BadInput for any other picture, and where there is none.
    """
    if not isinstance(path, str):
        raise BadInput("There is no painting to open; choose one that was made here.")
    recipe, notes = read_recipe(path), read_notes(path)
    otherwise = otherwise_here(notes.get(NOTE, ""), recipe)
    told = (*missing(notes, bool(recipe.mix)), *filter(None, [otherwise]))
    return from_notes(recipe, notes), told


def best_quality(recipe: Recipe) -> Recipe:
    """The recipe at the largest size that takes about 15 s here; a Draft is only asked for."""
    larger = [size for size in QUALITIES.values() if size >= recipe.size]
    known = [(size, pace.expect(recipe.replace(size=size))) for size in larger]
    quick = [size for size, seconds in known if seconds and seconds <= A_MOMENT]
    return recipe.replace(size=max(quick, default=recipe.size))


def qualities(recipe: Recipe) -> list[tuple[str, int]]:
    """The quality menu with the seconds each should take; a size of its own is in it as well."""
    own = {} if recipe.size in QUALITIES.values() else {f"{recipe.size} px": recipe.size}
    labels = []
    for name, size in (QUALITIES | own).items():
        seconds = pace.expect(recipe.replace(size=size))
        labels.append((f"{name}, {about(seconds)}" if seconds else name, size))
    return labels


def index_of(chosen: gr.SelectData, count: int) -> int:
    """Which of so many pictures was clicked. Raises BadInput where there is no such picture."""
    index = chosen.index
    if not isinstance(index, int) or not 0 <= index < count:
        raise BadInput("There is no such picture to choose.")
    return index

"""What goes in: the photo, the painting and every setting."""

import html
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from PIL.Image import Image

from nst.errors import BadInput, NstError
from nst.pictures.images import concerns, open_photo
from nst.presets import load_presets, preset_of
from nst.recipe import Recipe
from ui.assets import asset_path
from ui.controls import Controls, best_quality, follow, usual
from ui.events import AT_ONCE, DECODES, QUICK
from ui.instant import instant_wall
from ui.job import Job, open_job
from ui.links import Shared, from_query, inside, missing, unread
from ui.mask import mask_editor
from ui.messages import refusal_html, status_html, user_errors
from ui.pace import beyond_limits
from ui.paintings import YOURS, manner, mixed, thumb
from ui.photo_box import NONE, PhotoBox, PictureButton, index_of, picks, thumbs
from ui.result import flat, jpeg
from ui.samples import OPENING, SAMPLES, sample_id
from ui.server.gradio_internals import keep_file

SHARE = 0.4  # of a second painting, at first
PRIVACY = "Your photo is deleted within an hour and is never part of a link."
TO_CAMERA = """() => { history.pushState({ tab: 'camera' }, '');
  document.querySelector('[data-tab-id=camera]').click(); }"""


class InputPanel:
    """The components, and what is chosen in them.

    inputs: hold all that is chosen; handlers take their values. shown: what `draw` makes of it.
    restored: what `restore` sets. status: where it is said what came with a link or a file.
    """

    def __init__(self, status: gr.HTML) -> None:
        self.status = status
        self.opening = usual(Recipe(), preset_of(OPENING[1]))
        self._layout_photo()
        self._layout_painting()
        self.drawing = mask_editor(self.photo)
        self.controls = Controls(self.opening)
        pictures = [self.photo, self.style_id, self.own, self.second, self.share]
        self.inputs: list[Any] = [*pictures, *self.controls.inputs]
        self.restored = [*self.inputs, status]
        drawn = [self.samples, self.styles, self.manner, self.concern, self.seconds, self.mix]
        self.shown = [*drawn, *self.controls.remarks]
        self._wire()

    def _layout_photo(self) -> None:
        gr.HTML("<h2>Photo</h2>", elem_classes="part")
        looks: dict[str, Any] = {"show_label": False, "interactive": False, "buttons": []}
        image, chosen = ["image"], list(SAMPLES).index(OPENING[0])
        tiles = [(thumb(sample.path), sample.title) for sample in SAMPLES.values()]
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=180, elem_id="photo-side"):
                self.photo = PhotoBox(
                    str(SAMPLES[OPENING[0]].path), height=150, elem_id="photo", **looks
                )
                with gr.Row(elem_id="bring"):
                    self.upload = PictureButton(
                        "Upload your photo", file_types=image, size="sm", elem_id="upload"
                    )
                    shoot = gr.Button("Camera", size="sm", elem_id="shoot")
            self.samples = thumbs(
                tiles, "Samples", 2, selected=chosen, elem_id="samples", scale=1, min_width=110
            )
        gr.HTML(PRIVACY, elem_classes="hint", padding=False)
        self.refusal = gr.HTML(elem_id="refusal", padding=False)
        shoot.click(None, None, None, js=TO_CAMERA, **QUICK)

    def _layout_painting(self) -> None:
        presets, first = load_presets()[0], OPENING[1]
        self.ids = ["", *(preset.id for preset in presets)]  # "": the visitor's own
        self._thumbs = [(thumb(preset.path), preset.title) for preset in presets]
        gr.HTML("<h2>Painting</h2>", elem_classes="part")
        self.style_id, self.second = (gr.Textbox(name, visible=False) for name in (first, ""))
        self.own = PhotoBox(visible=False, elem_id="own-style")
        either = [("The paintings", False), ("Your photo in them", True)]
        self.tiles_show = gr.Radio(
            either, value=False, show_label=False, container=False, elem_id="tiles-show"
        )
        looks: dict[str, Any] = {"columns": 7, "named": True}
        chosen = self.ids.index(first)
        self.styles = thumbs(
            self._tiles(None), "Paintings", selected=chosen, elem_id="styles", **looks
        )
        self.own_upload = PictureButton(
            file_types=["image"], elem_id="own-upload", elem_classes="unseen"
        )
        self.manner = gr.Markdown(manner(preset_of(first)), elem_id="manner", elem_classes="hint")
        self.concern = gr.HTML(visible=False, elem_id="concern", padding=False)
        with gr.Accordion(mixed("", 0), open=False, elem_id="mix") as self.mix:
            self.seconds = thumbs(
                self._seconds(None), "Second paintings", selected=0, elem_id="seconds", **looks
            )
            self.share = gr.Slider(
                0, 1, SHARE, step=0.05, label="How much of it", buttons=[], elem_id="second-share"
            )

    def _tiles(self, own: str | None) -> list[tuple[Any, str]]:
        """The first gallery: a visitor's own painting, then the presets."""
        mine = (thumb(own), "Yours") if own else (asset_path("plus.png"), "+ your own")
        return [mine, *self._thumbs]

    def _seconds(self, own: str | None) -> list[tuple[Any, str]]:
        """The second gallery: none, the presets, a visitor's own."""
        mine = [(thumb(own), "Yours")] if own else []
        return [(asset_path("none.png"), "None"), *self._thumbs, *mine]

    def _wire(self) -> None:
        photo, own, controls, inputs = self.photo, self.own, self.controls, self.inputs
        told, latest = [self.style_id, *controls.inputs], {"trigger_mode": "always_last"}
        self.samples.select(self.pick_sample, None, photo, **QUICK)
        self.upload.upload(self._take_photo, self.upload, [*self.restored, self.refusal], **DECODES)
        photo.change(lambda: ("", True), None, [self.refusal, self.tiles_show], **QUICK)
        self.own_upload.upload(
            self._take_own, [self.own_upload, *told], [*inputs, self.manner], **DECODES
        )
        self.styles.select(self._pick_style, [own, *told], [*inputs, self.styles], **QUICK)
        self.seconds.select(picks([*self.ids, YOURS]), None, self.second, **QUICK)
        own.change(self._seconds, own, self.seconds, **DECODES)
        walls = [photo.change, own.change, self.tiles_show.change]
        gr.on(walls, self._wall, [photo, own, self.tiles_show], self.styles, **latest, **AT_ONCE)
        size = controls.of["size"]
        controls.quality.input(None, controls.quality, size, js="(size) => size", **QUICK)
        for event in (controls.menu.input, controls.suggestion.click):
            event(self._as_usual, told, controls.inputs, **QUICK)
        changes = [part.change for part in inputs]
        gr.on(changes, self.draw, inputs, self.shown, **latest, **QUICK)

    def draw(self, *chosen: Any) -> dict:
        """Updates of `shown`: all that follows from what is chosen, the values of `inputs`."""
        photo, style_id, _, second, share, *values = chosen
        preset, seconds = preset_of(style_id), [*self.ids, YOURS]
        drawn = {
            self.samples: self.mark_sample(photo),
            self.styles: self._mark_style(style_id),
            self.manner: manner(preset),
            self.seconds: gr.update(selected_index=seconds.index(second)),
            self.mix: gr.update(label=mixed(second, share)),
        }
        try:
            drawn |= self.controls.remark(self.controls.recipe(values), preset)
            job = self.job(chosen)
            concern = " ".join(concerns(job.photo, job.styles))
        except NstError as error:
            concern = str(error)
        return drawn | {self.concern: gr.update(value=html.escape(concern), visible=bool(concern))}

    def _wall(self, photo: str | None, own: str | None, in_them: bool) -> Iterator[list]:
        """The tiles to choose a painting by: one's own photo in each, as they come."""
        tiles = self._tiles(own)
        yield tiles
        with user_errors():
            repainted = instant_wall(photo) if photo and in_them else ()
            for number, (preset, picture) in enumerate(repainted, 1):
                # A file: Gradio would write a picture again with every tile, while it is fetched.
                tile = keep_file(self.styles, jpeg(flat(picture)), "tile.jpg")
                tiles[number] = (tile, preset.title)
                yield tiles

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

    def _mark_style(self, style_id: str) -> Any:
        preset = preset_of(style_id)
        return gr.update(selected_index=self.ids.index(preset.id if preset else ""))

    def _take_photo(self, path: str) -> dict:
        """Show an upload once it is known to be good; a painting made here brings its settings."""
        try:
            open_photo(path)
        except BadInput as error:
            return {self.refusal: refusal_html("photo", error)}
        shown = {self.photo: path, self.refusal: ""}
        with suppress(BadInput):  # an ordinary photo
            shared, notes = inside(path)
            told = "Made here: its settings are back. Press Paint."
            shown |= self.restore(shared, told, notes)
        return shown

    def _take_own(self, path: str, style_id: str, *values: Any) -> dict:
        try:
            open_photo(path)
        except BadInput as error:
            told = refusal_html("painting", error)
            return {self.manner: f"{manner(preset_of(style_id))}\n\n{told}"}
        with user_errors():
            return self._choose_style(style_id, "", values) | self.show_own(path)

    def _pick_style(self, event: gr.SelectData, own: str | None, before: str, *values: Any) -> dict:
        with user_errors():
            picked = self.ids[index_of(event, len(self.ids))]
            if not picked and own is None:  # the page opens a chooser of files
                return {self.styles: self._mark_style(before)}
            return self._choose_style(before, picked, values)

    def _choose_style(self, before: str, now: str, values: Sequence[Any]) -> dict:
        """Updates that choose a painting, which sets what was not touched."""
        recipe = follow(self.controls.recipe(values), preset_of(before), preset_of(now))
        return {self.style_id: now, **self.controls.show(recipe)}

    def _as_usual(self, style_id: str, *values: Any) -> dict:
        with user_errors():
            return self.controls.show(usual(self.controls.recipe(values), preset_of(style_id)))

    # What was chosen before

    def arrive(self, query: dict[str, str]) -> dict:
        """Updates of `restored` for a page that was opened: a link's settings, or the best quality
        that this machine paints in a moment.
        """
        shared, wrong = from_query(query), unread(query)
        if shared is None and not wrong:
            return {self.controls.of["size"]: best_quality(self.opening).size}
        shared = shared or Shared(Recipe())
        if shared == Shared(Recipe()) and "name" not in query:
            notes = wrong or ("There is no setting in it that is known here.",)
            return {self.status: status_html("This link could not be read.", notes)}
        notes = (*wrong, *missing(query, bool(shared.recipe.mix)))
        return self.restore(shared, "The link's settings are here. Press Paint.", notes)

    def restore(self, shared: Shared, status: str, notes: Sequence[str] = ()) -> dict:
        """Updates of `restored` that show what a link or a picture holds.

        notes: sentences on what could not be restored.
        """
        mix = shared.recipe.mix
        told = status_html(status, (*notes, *beyond_limits(shared.recipe)))
        return {
            **({self.photo: self._sample_file(shared.photo)} if shared.photo else {}),
            **({self.style_id: shared.style} if shared.style else {}),
            self.second: shared.second or "",
            self.share: mix[1] / sum(mix) if len(mix) == 2 and any(mix) else SHARE,
            **self.controls.show(shared.recipe),
            self.status: told,
        }

    def again(self, chosen: Sequence[Any]) -> dict:
        """Updates that show what was chosen before the page was loaded anew: values of `inputs`."""
        files = (self.photo, self.own)
        return {
            part: value
            for part, value in zip(self.inputs, chosen, strict=True)
            if part not in files or (value and Path(value).exists())
        }

    @staticmethod
    def files(chosen: Sequence[Any]) -> tuple[str, str | None]:
        """The files of the photo and, if it is chosen, of the visitor's own painting."""
        photo, style_id, own, *_ = chosen
        return str(photo), None if preset_of(style_id) else own

    def show_own(self, path: str) -> dict:
        """Updates that choose a painting of the visitor's own."""
        return {self.own: path, self.style_id: ""}

    def job(self, chosen: Sequence, again: Job | None = None, mask: Image | None = None) -> Job:
        """Check and open what was chosen: the values of `inputs`."""
        photo, style_id, own, second, share, *values = chosen
        style, second = preset_of(style_id) or own, own if second == YOURS else preset_of(second)
        recipe = self.controls.recipe(values)
        job = open_job(photo, style, recipe, second=second, share=share, again=again, mask=mask)
        return job.wide_enough

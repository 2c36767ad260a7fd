"""The Paint tab: what goes in on the left, what comes out on the right."""

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import torch
from PIL import Image

from nst.errors import BadInput, NstError
from nst.images import fit, open_photo, to_image
from nst.keepsakes import read_notes, read_recipe
from nst.presets import EXAMPLES, Preset, load_presets, preset_of
from nst.published import NAMED
from nst.recipe import Recipe
from ui.controls import QUALITIES, Controls, departures, quality
from ui.curves import curves
from ui.expiry import has_room
from ui.limits import RULES
from ui.links import Shared, address, from_notes, from_query, to_query
from ui.order import Order, brushed, order
from ui.painting import Arrays, clock, pace, run
from ui.photo_box import PhotoBox
from ui.prints import prints
from ui.result import Result, flat, store
from ui.samples import SAMPLES, sample_id
from ui.telling import sentences, telling

__all__ = ["PaintTab", "build"]

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", **PRIVATE}
DEVICE = {"concurrency_id": "device", "concurrency_limit": RULES.concurrency}
NO_SECOND = ("None", "")
THUMB = 224
MASK_SIDE = 640
SCREEN = 1600  # pixels: a print is seen smaller than it is
NONE = -1  # of a gallery is selected; None would leave it as it is
OPENING = ("tower", "swirling-night")
WENT_ON = "This went on from an earlier picture: the link restores the settings, not that picture."
MASKED = "Only the part that was brushed is painted; the link does not hold that part."

SAVE_JS = "() => setTimeout(() => document.querySelector('#{0}').click(), 60)"
COPY_JS = """
(link) => {
  const box = document.querySelector('#link textarea, #link input');
  const done = () => { const b = document.querySelector('#copy'); const was = b.textContent;
    b.textContent = 'Copied'; setTimeout(() => { b.textContent = was; }, 1600); };
  const byHand = () => { box.focus(); box.select(); };
  if (navigator.clipboard) navigator.clipboard.writeText(link).then(done, byHand); else byHand();
}
"""
TO_PICTURE_JS = """
() => { if (window.innerWidth <= 820)
  document.querySelector('#out')?.scrollIntoView({block: 'start'}); }
"""


def build(demo: gr.Blocks) -> "PaintTab":
    """Lay out the tab inside the current context and wire it."""
    return PaintTab(demo)


class PaintTab:
    """The tab's components and what they do."""

    def __init__(self, demo: gr.Blocks) -> None:
        self.presets: tuple[Preset, ...] = load_presets()[0]
        self.controls = Controls()
        self.style_id = gr.State(self.presets[0].id if self.presets else None)
        self.result = gr.State(None, time_to_live=RULES.visit)
        with gr.Row(elem_id="work"):
            with gr.Column(scale=6, min_width=340, elem_id="in"):
                self._layout_in()
            with gr.Column(scale=8, min_width=340, elem_id="out"):
                self._layout_out()
        self._wire(demo)

    # Layout

    def _layout_in(self) -> None:
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
        with gr.Row(elem_id="actions"):
            self.paint = gr.Button("Paint", variant="primary", scale=2, min_width=90, elem_id="go")
            self.stop = gr.Button("Stop", interactive=False, min_width=70, elem_id="stop")
            self.keep = gr.Button("Keep painting", visible=False, min_width=150, elem_id="keep")

    def _layout_out(self) -> None:
        self.live = gr.Image(
            label="Painting", format="jpeg", interactive=False, visible=False, elem_id="live",
            buttons=["fullscreen"], show_label=False, alt_text="The painting as it develops",
        )  # fmt: skip
        self.compare = gr.ImageSlider(
            _opening(), label="Before and after", format="jpeg", interactive=False,
            elem_id="compare", buttons=["fullscreen"], show_label=False, max_height=760,
        )  # fmt: skip
        self.status = gr.HTML(telling("A finished sample. Press Paint to make your own."),
                              elem_id="status")  # fmt: skip
        with gr.Column(visible=False, elem_id="after") as self.after:
            with gr.Row(elem_id="take"):
                self.png = gr.DownloadButton(
                    "Download PNG", variant="primary", min_width=120, elem_id="png"
                )
                self.clip = gr.Button("Clip", min_width=80, elem_id="clip")
                self.card = gr.Button("Share card", min_width=90, elem_id="card")
                self.copy = gr.Button("Copy link", min_width=90, elem_id="copy")
            self.clip_file = gr.DownloadButton("Clip", elem_id="clip-file", elem_classes="unseen")
            self.card_file = gr.DownloadButton("Card", elem_id="card-file", elem_classes="unseen")
            self.link = gr.Textbox(
                label="Link to these settings", elem_id="link", max_lines=1, interactive=False,
                info="It holds the settings and the names of samples and presets. No picture of "
                "yours is ever in it.",
            )  # fmt: skip
            with gr.Row(elem_id="tune"):
                self.scrub = gr.Slider(
                    1, 2, 2, step=1, label="Frames of this run", elem_id="scrub",
                    info="The last is the finished painting.", buttons=[],
                )  # fmt: skip
                self.fade = gr.Slider(
                    0, 100, 100, step=5, label="Blend with the photo", elem_id="fade",
                    info="100 is the painting, 0 the photo.", buttons=[],
                )  # fmt: skip
                self.recolour = gr.Checkbox(
                    label="In the photo's colours", elem_id="recolour",
                    info="A blend, not painted again.", min_width=120,
                )  # fmt: skip
            with gr.Row(elem_id="larger"):
                self.print_size = gr.Dropdown(
                    [], label="Larger, for a print", elem_id="print-size", scale=2, min_width=180,
                )  # fmt: skip
                self.enlarge = gr.Button("Paint it larger", elem_id="enlarge", min_width=120)
            self.curves = gr.HTML(elem_id="curves")

    # Wiring

    def _wire(self, demo: gr.Blocks) -> None:
        self._wire_choices()
        self._wire_run()
        self._wire_result()
        self.restored = [
            self.photo, self.samples, *self._style_outputs, self.second, self.share,
            *self.controls.outputs, self.status,
        ]  # fmt: skip
        arrived = demo.load(self._arrive, None, self.restored, **QUICK)
        arrived.then(self._expect, self.controls.inputs, self.controls.quality, **QUICK)
        self.open_box.upload(self._reopen, self.open_box, self.restored, **QUICK)
        self.photo.upload(
            self._look_at, self.photo, self.restored, show_progress="hidden", **PRIVATE
        )

    @property
    def _style_outputs(self) -> list[gr.components.Component]:
        return [self.style_id, self.gallery, self.own, self.manner]

    def _wire_choices(self) -> None:
        controls = self.controls
        self.samples.select(self._pick_sample, None, self.photo, **QUICK)
        self.photo.change(self._mark_sample, self.photo, self.samples, **QUICK)
        self.photo.change(lambda: None, None, self.mask, **QUICK)
        self.to_mask.click(self._photo_to_mask, self.photo, self.mask, **QUICK)
        self.gallery.select(
            self._pick_style, controls.inputs, [*self._style_outputs, *controls.outputs], **QUICK
        )
        self.own.upload(
            self._take_own, self.own, self._style_outputs, show_progress="hidden", **PRIVATE
        )
        self.own.clear(self._first_style, None, self._style_outputs, **QUICK)
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

    def _wire_run(self) -> None:
        chosen = [self.photo, self.style_id, self.own, self.second, self.share]
        shown = [self.result, self.live, self.compare, self.status, self.after, self.png, self.link,
                 self.scrub, self.fade, self.recolour, self.curves, self.stop, self.keep,
                 self.print_size, self.enlarge, self.controls.quality]  # fmt: skip
        run_event: dict[str, Any] = {
            "show_progress": "minimal", "show_progress_on": [self.status],
            "scroll_to_output": False, **DEVICE, **PRIVATE,
        }  # fmt: skip
        everything = [self.result, self.mask, *chosen, *self.controls.inputs]
        buttons = [self.stop, self.keep, self.enlarge]
        running: list[Any] = []
        for button, handler, inputs in (
            (self.paint, self._paint, everything),
            (self.keep, self._keep_painting, everything),
            (self.enlarge, self._enlarge, [self.result, self.print_size]),
        ):
            button.click(_under_way, None, buttons, js=TO_PICTURE_JS, **QUICK)
            event = button.click(handler, inputs, shown, **run_event)
            event.failure(self._failed, self.result, shown, **QUICK)
            event.then(self._rest, self.result, buttons, **QUICK)
            running.append(event)
        self.stop.click(self._stopped, self.result, shown, cancels=running, **QUICK)

    def _wire_result(self) -> None:
        self.scrub.input(
            self._frame, [self.result, self.scrub], [self.live, self.compare],
            trigger_mode="always_last", **QUICK,
        )  # fmt: skip
        gr.on(
            [self.fade.release, self.recolour.input], self._blend,
            [self.result, self.fade, self.recolour],
            [self.live, self.compare, self.png, self.scrub],
            trigger_mode="always_last", **QUICK,
        )  # fmt: skip
        self.copy.click(None, self.link, None, js=COPY_JS, **PRIVATE)
        for button, file, make in (
            (self.clip, self.clip_file, self._clip),
            (self.card, self.card_file, self._card),
        ):
            made = button.click(make, self.result, file, show_progress="minimal",
                                show_progress_on=[self.status], concurrency_limit=1,
                                concurrency_id="keepsakes", **PRIVATE)  # fmt: skip
            made.success(None, None, None, js=SAVE_JS.format(file.elem_id), **PRIVATE)

    # Choosing

    def _pick_sample(self, chosen: gr.SelectData) -> str:
        with sentences():
            return self._sample_file(list(SAMPLES)[_index(chosen, len(SAMPLES))])

    def _sample_file(self, name: str) -> str:
        """A copy that Gradio may serve: it refuses files of its own package."""
        path = SAMPLES[name].path
        return store(self.photo, path.read_bytes(), path.name)

    def _mark_sample(self, photo: str | None) -> Any:
        name = sample_id(photo)
        return gr.update(selected_index=list(SAMPLES).index(name) if name else NONE)

    def _pick_style(self, chosen: gr.SelectData, *values: Any) -> list[Any]:
        with sentences():
            preset = self.presets[_index(chosen, len(self.presets))]
            recipe = self.controls.recipe(values)
            if recipe.name == "house":
                fresh = preset.recipe(NAMED["house"].recipe)
                recipe = fresh.but(size=recipe.size, seed=recipe.seed, encoder=recipe.encoder)
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
            if name not in NAMED:
                raise BadInput(f"There is no recipe called {str(name)[:40]!r}.")
            preset = preset_of(style_id)
            recipe = NAMED[name].recipe
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
        return self._restore(shared, "The link's settings are here. Press Paint.")

    def _reopen(self, path: str) -> list[Any]:
        with sentences():
            shared = from_notes(read_recipe(path), read_notes(path))
            return self._restore(shared, "The painting's settings are here. Press Paint.")

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
        return self._restore(shared, "This was painted here; its settings are back. Press Paint.")

    def _restore(self, shared: Shared, status: str) -> list[Any]:
        preset = preset_of(shared.style)
        style = self._show_style(preset.id) if preset else [gr.skip()] * 4
        photo = self._sample_file(shared.photo) if shared.photo else None
        second = preset_of(shared.second)
        mix = shared.recipe.mix
        return [
            photo if photo else gr.skip(),
            self._mark_sample(photo) if photo else gr.skip(),
            *style,
            second.id if second else "",
            mix[1] / (mix[0] + mix[1]) if len(mix) == 2 and any(mix) else gr.skip(),
            *self.controls.show(shared.recipe.but(mix=()), preset),
            telling(status),
        ]

    # Painting

    def _order(
        self, chosen: Sequence[Any], again: Order | None = None, mask: dict | None = None
    ) -> Order:
        """Check and open what was chosen: `self.chosen`'s values, then the controls'."""
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

    def _paint(
        self, request: gr.Request, before: Result | None, mask: dict | None, *chosen: Any
    ) -> Iterator[dict]:
        with sentences():
            yield from self._run(self._order(chosen, mask=mask), before, None, request)

    def _keep_painting(
        self, request: gr.Request, before: Result | None, mask: dict | None, *chosen: Any
    ) -> Iterator[dict]:
        with sentences():
            last = _painted(before)
            asked = self._order(chosen, again=last.order, mask=mask)
            yield from self._run(asked, last, last.start, request)

    def _enlarge(self, request: gr.Request, before: Result | None, size: Any) -> Iterator[dict]:
        with sentences():
            last = _painted(before)
            if size not in (known := [size for _, size in prints(last)]):
                allowed = ", ".join(map(str, known)) or "it is as large as it can be here"
                raise BadInput(f"There is no print of that size; choose from: {allowed}.")
            yield from self._run(last.order.enlarged(size), last, last.start, request)

    def _run(
        self,
        asked: Order,
        before: Result | None,
        start: Arrays | Image.Image | None,
        request: gr.Request,
    ) -> Iterator[dict]:
        result = Result(asked, remarks=_remarks(asked, start))
        result.previous = before.kept if before else None
        yield {
            self.result: result,
            self.live: gr.update(value=_begin(asked, start), visible=True),
            self.compare: gr.update(visible=False),
            self.status: telling("Getting ready"),
        }
        try:
            for progress in run(
                asked.photo, asked.styles, asked.shared.recipe, mask=asked.mask, start=start
            ):
                if result.stopped:
                    return
                result.take(progress)
                if progress.done:
                    continue  # it is told together with what can be taken home
                update: dict[Any, Any] = {
                    self.status: telling(
                        result.status, result.notes, progress.step / progress.total
                    )
                }
                if progress.picture is not None and has_room():
                    update[self.live] = _shown(progress.picture)
                yield update
        except NstError as error:
            if result.painted is None:
                raise
            # What is painted is not lost to what failed after it.
            result.notes = (*result.notes, str(error))
        yield self._finished(result, _own_address(request))

    def _finished(self, result: Result, own: str) -> dict:
        assert result.shown is not None
        result.over = True
        last = len(result.frames)
        sizes = prints(result)
        return {
            self.result: result,
            self.live: gr.update(visible=False),
            self.compare: gr.update(value=_both(result), visible=True),
            self.status: telling(result.status, result.notes),
            self.after: gr.update(visible=True),
            self.png: store(self.png, result.png(), f"{result.name}.png"),
            self.link: address(to_query(result.order.shared), own),
            self.scrub: gr.update(maximum=max(last, 2), value=max(last, 2), visible=last > 1),
            self.fade: 100,
            self.recolour: False,
            self.curves: curves(result.losses),
            self.stop: gr.update(interactive=False),
            self.keep: gr.update(visible=True, interactive=True),
            self.print_size: gr.update(
                choices=sizes, value=sizes[0][1] if sizes else None, visible=bool(sizes)
            ),
            self.enlarge: gr.update(visible=bool(sizes), interactive=True),
            self.controls.quality: gr.update(choices=_qualities(result.order.shared.recipe)),
        }

    def _stopped(self, result: Result | None, request: gr.Request) -> dict:
        with sentences():
            if result is None or result.over:
                return self._as_before(result, "Stopped before it began.")
            # Also seen by the run itself, so that nothing it yields comes after this.
            result.stopped = True
            if result.painted is None:
                return self._as_before(result, "Stopped before the first picture.")
            result.status = f"Stopped at step {result.step}; the picture is kept"
            return self._finished(result, _own_address(request))

    def _as_before(self, result: Result | None, line: str, notes: Sequence[str] = ()) -> dict:
        return {
            self.result: result.kept if result else None,
            self.live: gr.update(visible=False),
            self.compare: gr.update(visible=True),
            self.status: telling(line, notes),
            self.stop: gr.update(interactive=False),
        }

    def _failed(self, result: Result | None, request: gr.Request) -> dict:
        if result is None or result.painted is None:
            return self._as_before(result, "Nothing was painted.")
        if result.over:
            # A run that was stopped ends here too, after its last report has had its say.
            return self._as_before(result, result.status, result.notes)
        result.status = f"Ended at step {result.step}; the picture is kept"
        return self._finished(result, _own_address(request))

    def _rest(self, result: Result | None) -> tuple[Any, Any, Any]:
        painted = result is not None and result.kept is not None
        return (
            gr.update(interactive=False),
            gr.update(visible=painted, interactive=painted),
            gr.update(interactive=painted),
        )

    # What can be done with a result

    def _frame(self, result: Result | None, number: float) -> tuple[Any, Any]:
        with sentences():
            frames = _painted(result).frames
            index = min(max(int(number), 1), len(frames)) - 1
            if index == len(frames) - 1:
                return gr.update(visible=False), gr.update(visible=True)
            _, picture = frames[index]
            return gr.update(value=picture, visible=True), gr.update(visible=False)

    def _blend(self, result: Result | None, fade: float, recolour: bool) -> tuple[Any, ...]:
        with sentences():
            result = _painted(result)
            result.blended(min(max(float(fade), 0), 100) / 100, bool(recolour))
            return (
                gr.update(visible=False),
                gr.update(value=_both(result), visible=True),
                store(self.png, result.png(), f"{result.name}.png"),
                max(len(result.frames), 2),
            )

    def _clip(self, result: Result | None) -> str:
        with sentences():
            result = _painted(result)
            return store(self.clip_file, result.clip(), f"{result.name}.webp")

    def _card(self, result: Result | None) -> str:
        with sentences():
            result = _painted(result)
            return store(self.card_file, result.card(), f"{result.name}-card.jpg")


def _thumb(path: Path) -> Image.Image:
    return fit(open_photo(path), THUMB, enlarge=False).convert("RGB")


def _manner(preset: Preset) -> str:
    return f"**{preset.title}.** {preset.manner}"


def _opening() -> tuple[Image.Image, Image.Image] | None:
    """The photo and the finished sample that the page opens on."""
    photo, style = OPENING
    path = EXAMPLES / "samples" / f"{photo}-{style}.jpg"
    if not path.exists():
        return None
    after = open_photo(path)
    return fit(open_photo(SAMPLES[photo].path), max(after.size)).resize(after.size), after


def _under_way() -> tuple[Any, Any, Any]:
    """Stop can be pressed; what begins another run cannot."""
    off = gr.update(interactive=False)
    return gr.update(interactive=True), off, off


def _shown(picture: Image.Image) -> Image.Image:
    """As much of a picture as a screen has pixels for."""
    return fit(flat(picture), SCREEN, enlarge=False)


def _both(result: Result) -> tuple[Image.Image, Image.Image]:
    """Photo and painting for the slider."""
    assert result.shown is not None
    after = _shown(result.shown)
    return flat(result.order.photo).resize(after.size, Image.Resampling.LANCZOS), after


def _begin(asked: Order, start: Arrays | Image.Image | None) -> Image.Image:
    """What is seen before the first step."""
    if isinstance(start, Image.Image):
        return _shown(start)
    if start is not None:
        return _shown(to_image(torch.from_numpy(start[0])))
    return _shown(fit(asked.photo, asked.shared.recipe.size))


def _remarks(asked: Order, start: object) -> tuple[str, ...]:
    return tuple(
        line for line, holds in ((WENT_ON, start is not None), (MASKED, asked.mask)) if holds
    )


def _quality(recipe: Recipe) -> Any:
    """The quality menu for this recipe, and the one chosen."""
    return gr.update(choices=_qualities(recipe), value=quality(recipe.size))


def _qualities(recipe: Recipe) -> list[tuple[str, int]]:
    """The quality menu with the seconds each should take with this recipe."""
    labels = []
    for name, size in QUALITIES.items():
        seconds = pace.expect(recipe.but(size=size))
        labels.append((f"{name}, about {clock(seconds)}" if seconds else name, size))
    return labels


def _index(chosen: gr.SelectData, count: int) -> int:
    index = chosen.index
    if not isinstance(index, int) or not 0 <= index < count:
        raise BadInput("There is no such picture to choose.")
    return index


def _painted(result: Result | None) -> Result:
    kept = result.kept if result else None
    if kept is None:
        raise BadInput("There is no painting yet: press Paint first.")
    return kept


def _own_address(request: gr.Request) -> str:
    own = request.request.base_url if request.request else ""
    return str(request.headers.get("referer") or own)

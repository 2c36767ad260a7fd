"""The Paint tab: what goes in on the left, what comes out on the right."""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
import torch
from PIL import Image

from nst.errors import BadInput, NstError
from nst.pictures.images import fit, open_photo, to_image
from ui.parts.curves import curves
from ui.parts.links import address, to_query
from ui.parts.samples import OPENING, SAMPLES, painted_before
from ui.runs.events import PAINTS, PRIVATE, QUICK
from ui.runs.job import Order
from ui.runs.messages import sentences, telling
from ui.runs.painting import Arrays, run
from ui.runs.prints import prints
from ui.runs.result import Result, flat, store
from ui.server.expiry import has_room
from ui.server.limits import RULES
from ui.server.visitors import visitor_of
from ui.tabs.inputs import Choice, qualities

__all__ = ["PaintTab", "build"]

SCREEN = 1600  # pixels: a print is seen smaller than it is
WENT_ON = "This went on from an earlier picture: the link restores the settings, not that picture."
MASKED = "Only the part that was brushed is painted; the link does not hold that part."


def build(demo: gr.Blocks) -> "PaintTab":
    """Lay out the tab inside the current context and wire it."""
    return PaintTab(demo)


class PaintTab:
    """The tab's components and what they do."""

    def __init__(self, demo: gr.Blocks) -> None:
        self.result = gr.State(None, time_to_live=RULES.visit)
        with gr.Row(elem_id="work"):
            with gr.Column(scale=6, min_width=340, elem_id="in"):
                self.choice = Choice()
                self._layout_buttons()
            with gr.Column(scale=8, min_width=340, elem_id="out"):
                self._layout_out()
        self.choice.wire(demo, self.status)
        self._wire_run()
        self._wire_result()

    def _layout_buttons(self) -> None:
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

    def _wire_run(self) -> None:
        shown = [self.result, self.live, self.compare, self.status, self.after, self.png, self.link,
                 self.scrub, self.fade, self.recolour, self.curves, self.stop, self.keep,
                 self.print_size, self.enlarge, self.choice.controls.quality]  # fmt: skip
        run_event: dict[str, Any] = {
            "show_progress": "minimal", "show_progress_on": [self.status],
            "scroll_to_output": False, **PAINTS, **PRIVATE,
        }  # fmt: skip
        everything = [self.result, self.choice.mask, *self.choice.inputs]
        buttons = [self.stop, self.keep, self.enlarge]
        running: list[Any] = []
        for button, handler, inputs in (
            (self.paint, self._paint, everything),
            (self.keep, self._keep_painting, everything),
            (self.enlarge, self._enlarge, [self.result, self.print_size]),
        ):
            button.click(_under_way, None, buttons, js="() => nst.toPicture()", **QUICK)
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
        self.copy.click(None, self.link, None, js="(link) => nst.copy(link)", **PRIVATE)
        for button, file, make in (
            (self.clip, self.clip_file, self._clip),
            (self.card, self.card_file, self._card),
        ):
            made = button.click(make, self.result, file, show_progress="minimal",
                                show_progress_on=[self.status], concurrency_limit=1,
                                concurrency_id="keepsakes", **PRIVATE)  # fmt: skip
            made.success(None, None, None, js=f"() => nst.save('#{file.elem_id}')", **PRIVATE)

    # Painting

    def _paint(
        self, request: gr.Request, before: Result | None, mask: dict | None, *chosen: Any
    ) -> Iterator[dict]:
        with sentences():
            yield from self._run(self.choice.order(chosen, mask=mask), before, None, request)

    def _keep_painting(
        self, request: gr.Request, before: Result | None, mask: dict | None, *chosen: Any
    ) -> Iterator[dict]:
        with sentences():
            last = _painted(before)
            asked = self.choice.order(chosen, again=last.order, mask=mask)
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
            **self._busy(),
        }
        try:
            for progress in run(
                asked.photo, asked.styles, asked.shared.recipe,
                visitor=visitor_of(request), mask=asked.mask, start=start,
            ):  # fmt: skip
                if result.stopped:
                    return
                result.take(progress)
                if progress.done:
                    continue  # it is told together with what can be taken home
                update: dict[Any, Any] = {
                    self.status: telling(
                        result.status, result.notes, progress.step / progress.total
                    ),
                    **self._busy(),
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

    def _busy(self) -> dict:
        """Told again and again: the end of the run before may still put its word in."""
        return dict(zip((self.stop, self.keep, self.enlarge), _under_way(), strict=True))

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
            self.choice.controls.quality: gr.update(choices=qualities(result.order.shared.recipe)),
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
            # Gradio ignores a press before the run has quite ended; `_rest` follows on that.
            waiting = {button: gr.update(interactive=False) for button in (self.keep, self.enlarge)}
            return self._finished(result, _own_address(request)) | waiting

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


def _opening() -> tuple[Image.Image, Image.Image] | None:
    """The photo and the finished sample that the page opens on."""
    photo, style = OPENING
    path = painted_before(photo, style)
    if path is None:
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


def _painted(result: Result | None) -> Result:
    kept = result.kept if result else None
    if kept is None:
        raise BadInput("There is no painting yet: press Paint first.")
    return kept


def _own_address(request: gr.Request) -> str:
    own = request.request.base_url if request.request else ""
    return str(request.headers.get("referer") or own)

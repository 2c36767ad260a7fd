"""The Paint tab: what goes in on the left, what comes out on the right."""

import html
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

import gradio as gr
import torch
from gradio.components import Component
from PIL import Image, ImageOps

from nst.errors import BadInput, NstError
from nst.pictures.images import fit, open_photo, to_image
from nst.presets import preset_of
from ui.parts.samples import OPENING, SAMPLES, painted_before, sample_id
from ui.runs.events import DECODES, PAINTS, PRIVATE, QUICK, UNSEEN
from ui.runs.job import Job
from ui.runs.messages import status_html, user_errors
from ui.runs.painting import Start, run
from ui.runs.prints import next_print
from ui.runs.result import Result, flat, jpeg
from ui.runs.viewer import file_of, picture_box, shown_file
from ui.runs.visit import Past, Phase, Visit, recents
from ui.server.expiry import has_room
from ui.server.gradio_internals import keep_file
from ui.server.limits import RUN_LIMITS
from ui.server.visitors import visitor_of
from ui.tabs.inputs import NONE, InputPanel, index_of
from ui.tabs.result_panel import ResultPanel, link_to, painted

__all__ = ["PaintTab"]

THUMB = 224
NAME = re.compile("[0-9a-f]{32}")
WENT_ON = "This went on from an earlier picture: the link restores the settings, not that picture."
MASKED = "Only the part that was brushed is painted; the link does not hold that part."
DIVIDED = (
    "The first painting is inside the part that was brushed, the second outside; the link does not "
    "hold that part."
)


class PaintTab:
    """The tab's components and what they do. The page is drawn by `_render` and nothing else."""

    def __init__(self, demo: gr.Blocks) -> None:
        self.visit = gr.State(Visit(), time_to_live=RUN_LIMITS.visit)
        self.name = gr.Textbox(visible=False)  # in the browser, which forgets nothing meanwhile
        with gr.Row(elem_id="work"):
            with gr.Column(scale=6, min_width=340, elem_id="in"):
                self.form = InputPanel()
                self._layout_buttons()
            with gr.Column(scale=8, min_width=340, elem_id="out"):
                self._layout_out()
        self.form.wire(demo, self.status)
        self.panel.wire(self.visit, self.status)
        self._wire_run()
        self._wire_adjustments()
        demo.load(
            self._come_back, [self.visit, self.name], [*self.drawn, self.name],
            js="(visit) => [visit, nst.visit()]", **QUICK,
        )  # fmt: skip

    def _layout_buttons(self) -> None:
        with gr.Row(elem_id="actions"):
            self.paint = gr.Button("Paint", variant="primary", scale=2, min_width=90, elem_id="go")
            self.stop = gr.Button("Stop", interactive=False, min_width=70, elem_id="stop")
            self.more = gr.Button("Paint more", visible=False, min_width=140, elem_id="keep")
            choose = gr.Button("Choose", min_width=70, elem_id="choose")
            choose.click(None, None, None, js="() => nst.toChoice()", **QUICK)

    def _layout_out(self) -> None:
        # A first value is given at once: so Gradio gives its files an address and keeps them.
        self.picture = picture_box(value=_sample(self.name, *OPENING), elem_id="picture")
        self.status = gr.HTML(status_html("Press Paint to make your own."),
                              elem_id="status", elem_classes="run-status")  # fmt: skip
        with gr.Column(visible=False, elem_id="after") as self.after:
            self.panel = ResultPanel()
        with gr.Column(visible=False, elem_id="recent") as self.recent:
            self.strip = gr.Gallery(
                label="Your last results", show_label=False, columns=8, format="jpeg",
                allow_preview=False, interactive=False, object_fit="cover", elem_id="strip",
                elem_classes="thumbs", buttons=[],
            )  # fmt: skip
            with gr.Row(visible=False, elem_id="looking") as self.looking:
                self.beside = gr.Button("Side by side with the latest", size="sm", elem_id="beside")
                self.latest = gr.Button("Back to the latest", size="sm", elem_id="latest")
        with gr.Accordion("Details", open=False, elem_id="details"):
            self.details = gr.HTML(elem_id="technical", padding=False)

    @property
    def drawn(self) -> list[Any]:
        """Everything that a visit decides."""
        return [
            self.visit, self.picture, self.status, self.details, self.paint, self.stop, self.more,
            self.after, *self.panel.shown, self.recent, self.strip, self.looking, self.beside,
        ]  # fmt: skip

    def _wire_run(self) -> None:
        options: dict[str, Any] = {"scroll_to_output": False, **UNSEEN, **PAINTS, **PRIVATE}
        asked_for = [self.visit, self.name, self.form.mask.drawing, *self.form.inputs]
        for button, asked in (
            (self.paint, self._new),
            (self.more, self._some_more),
            (self.panel.larger, self._larger),
        ):
            button.click(None, None, None, js="() => nst.toPicture()", **QUICK)
            run = button.click(self._life(asked), asked_for, self.drawn, **options)
            run.failure(self._lost, self.visit, self.drawn, **QUICK)
            run.then(self._settled, [self.visit, *self.form.inputs], self.picture, **DECODES)
        self.stop.click(self._stop, self.visit, self.stop, **QUICK)

    def _wire_adjustments(self) -> None:
        gr.on(
            [control.input for control in self.panel.adjustments], self._adjust,
            [self.visit, *self.panel.adjustments],
            [self.picture, self.panel.png, self.panel.link, self.panel.scrub],
            trigger_mode="always_last", **DECODES,
        )  # fmt: skip
        gr.on(
            [component.change for component in self.form.inputs],  # type: ignore[attr-defined]
            self._chosen,
            [self.visit, *self.form.inputs], self.picture, trigger_mode="always_last", **DECODES,
        )  # fmt: skip
        self.strip.select(self._show_earlier, self.visit, self.drawn, **DECODES)
        self.beside.click(self._put_beside, self.visit, self.drawn, **DECODES)
        self.latest.click(self._show_latest, self.visit, self.drawn, **DECODES)

    # What is asked for

    def _new(self, visit: Visit, mask: dict | None, *chosen: Any) -> tuple[Result, Start]:
        return Result(self.form.job(chosen, mask=mask), chosen=chosen), None

    def _some_more(self, visit: Visit, mask: dict | None, *chosen: Any) -> tuple[Result, Start]:
        """On from the last picture: its photo, whatever has been chosen since."""
        last = painted(visit)
        photo = last.chosen[0]
        job = self.form.job(chosen, again=last.job, mask=mask if chosen[0] == photo else None)
        if chosen[0] != photo:  # what is brushed now is on another photo
            job = replace(job, mask=last.job.mask)
        return Result(job, chosen=(photo, *chosen[1:])), last.start

    def _larger(self, visit: Visit, *_: Any) -> tuple[Result, Start]:
        last = painted(visit)
        if (larger := next_print(last)) is None:
            raise BadInput("This painting is as large as it can be here.")
        job = last.job.enlarged(larger[1])
        return Result(job, larger=True, chosen=last.chosen), last.start

    # A run, from the press of a button to its end

    def _life(self, asked: Callable[..., tuple[Result, Start]]) -> Callable[..., Iterator[dict]]:
        # A generator function, for Gradio looks at what it is given before it calls it.
        def life(request: gr.Request, visit: Visit, name: str, *chosen: Any) -> Iterator[dict]:
            with user_errors():
                visit.ask()
                visit.name = _known(name) or visit.name or uuid.uuid4().hex
                try:
                    yield self._render(visit, request)
                    yield from self._going(visit, *asked(visit, *chosen), request)
                    visit.end()
                    self._remember(visit, request)
                except NstError as error:
                    self._fail(visit, request, str(error))
                    if visit.phase is not Phase.FAILED:
                        yield self._render(visit, request)
                        raise
                except Exception:
                    self._fail(visit, request)
                    yield self._render(visit, request)
                    raise
                finally:  # nobody listens any more
                    if visit.busy:
                        self._fail(visit, request)
            yield self._render(visit, request)

        return life

    def _fail(self, visit: Visit, request: gr.Request, reason: str = "") -> None:
        """A run ended in an error; the picture it had is kept with the others if it can be."""
        visit.fail(reason)
        if visit.phase is Phase.FAILED:
            with suppress(OSError):  # a full disk has been told of
                self._remember(visit, request)

    def _going(
        self, visit: Visit, result: Result, start: Start, request: gr.Request
    ) -> Iterator[dict]:
        job = result.job
        masked = DIVIDED if len(job.styles) == 2 else MASKED
        result.remarks = tuple(
            line for line, holds in ((WENT_ON, start is not None), (masked, job.mask)) if holds
        )
        visit.begin(result)
        seen = {
            "painting": shown_file(self.picture, _begin(job, start), "developing"),
            "aspect": _aspect(job.photo), "alt": "The painting as it develops",
        }  # fmt: skip
        with closing(
            run(
                job.photo,
                job.styles,
                job.shared.recipe,
                visitor=visitor_of(request),
                mask=job.mask,
                start=start,
            )
        ) as told:
            for progress in told:
                if visit.stopping:
                    return
                before = visit.phase
                visit.take(progress)
                if progress.done:
                    continue  # it is told together with what can be taken home
                if progress.picture is not None and has_room():
                    seen["painting"] = shown_file(self.picture, progress.picture, "developing")
                yield self._told(visit, seen, began=visit.phase is not before)

    def _stop(self, visit: Visit) -> Any:
        visit.stop()
        return gr.update(interactive=False)

    def _lost(self, visit: Visit) -> dict:
        """What failed without a word of its own, such as a refused request or a full disk.

        Nothing is drawn here that needs a file.
        """
        return {self.status: status_html(visit.line, visit.notes), **self._buttons(visit)}

    # How the page is drawn

    def _render(self, visit: Visit, request: gr.Request) -> dict:
        """The page as the visit stands; nothing else decides what can be seen and pressed."""
        there = visit.result is not None
        past = recents.of(visit.name)
        return {
            self.visit: visit,
            self.picture: self._view(visit),
            self.status: status_html(visit.line, visit.notes, visit.share),
            **self._buttons(visit),
            self.after: gr.update(visible=there or visit.earlier is not None),
            **self.panel.show(visit, _own_address(request)),
            self.recent: gr.update(visible=len(past) > 1 or (bool(past) and not there)),
            self.strip: gr.update(
                value=[(one.thumb, one.title) for one in reversed(past)],
                selected_index=past[::-1].index(visit.earlier) if visit.earlier in past else NONE,
            ),
            self.looking: gr.update(visible=visit.earlier is not None and there),
            self.beside: gr.update(interactive=not visit.beside),
            self.details: _details(visit),
        }

    def _buttons(self, visit: Visit) -> dict:
        stop = "Leave the queue" if visit.phase is Phase.WAITING else "Stop"
        return {
            self.paint: gr.update(interactive=not visit.busy),
            self.stop: gr.update(value=stop, interactive=visit.busy),
            self.more: gr.update(visible=visit.result is not None, interactive=not visit.busy),
        }

    def _told(self, visit: Visit, seen: dict[str, Any], began: bool) -> dict:
        """What changes with every word of a run.

        seen: the picture that develops. began: the turn has just come.
        """
        told: dict[Any, Any] = {
            self.status: status_html(visit.line, visit.notes, visit.share),
            self.details: _details(visit),
        }
        if visit.phase is not Phase.WAITING:
            told[self.picture] = seen | {"phase": visit.phase}
        if began:
            told[self.stop] = gr.update(value="Stop")
        return told

    def _view(self, visit: Visit) -> dict[str, Any]:
        """What the picture shows when nothing is being painted."""
        view: dict[str, Any] = {"phase": visit.phase, "live": "none"}
        if visit.earlier is not None:
            view |= self._past_view(visit.earlier, visit.result if visit.beside else None)
            view["live"] = "take"
        elif visit.sample is not None:
            view |= _sample(self.picture, *visit.sample)
        elif visit.result is not None:
            view |= self._result(visit.result)
            view["caption"] = "Your previous result" if visit.outdated else ""
            view["live"] = "all"
        else:
            view |= self._unpainted(visit.photo) or _sample(self.picture, *OPENING)
        return view | ({"live": "none"} if visit.busy else {})

    def _unpainted(self, photo: str | None) -> dict[str, Any]:
        """The photo as it is chosen; nothing when it is not, or is there no more."""
        try:
            found = open_photo(photo or "")
        except BadInput:  # Paint will say what is wrong with it
            return {}
        return {
            "painting": shown_file(self.picture, found, "photo"), "aspect": _aspect(found),
            "alt": "The photo", "caption": "Not painted yet",
        }  # fmt: skip

    def _result(self, result: Result) -> dict[str, Any]:
        photo, painting = result.once("view", lambda: self._pair(result))
        return {
            "photo": photo, "painting": painting, "fade": round(100 * result.blend),
            "aspect": _aspect(result.job.photo), "alt": result.job.title,
        }  # fmt: skip

    def _pair(self, result: Result) -> tuple[dict[str, Any], dict[str, Any]]:
        coloured = result.coloured
        photo = shown_file(self.picture, result.job.photo.resize(coloured.size), "photo")
        return photo, shown_file(self.picture, coloured, result.name)

    def _past_view(self, past: Past, latest: Result | None) -> dict[str, Any]:
        view = {
            "photo": file_of(past.photo), "painting": file_of(past.painting),
            "aspect": past.aspect, "alt": past.title, "at": 0,
            "caption": f"An earlier result: {past.title}",
        }  # fmt: skip
        if latest is None:
            return view
        newest = self._result(latest) | {"fade": 100, "at": 50}
        size = latest.coloured.size
        padded = ImageOps.pad(open_photo(past.painting), size, color="#161513")
        return newest | {
            "photo": shown_file(self.picture, padded, "beside"),
            "left": f"Earlier: {past.title}", "right": f"Latest: {latest.job.title}",
        }  # fmt: skip

    # How a result is looked at

    def _adjust(
        self, visit: Visit, frame: float, percent: float, colours: bool, request: gr.Request
    ) -> tuple[Any, ...]:
        with user_errors():
            result = painted(visit)
            blends = float(percent) / 100 != result.blend
            # A blend is of the whole painting.
            result.adjust(len(result.frames) if blends else frame, float(percent) / 100, colours)
            # Who has moved on meanwhile is not taken back to what this is the answer to.
            number = max(len(result.frames), 2) if blends else gr.skip()
            link = link_to(result, _own_address(request))
            return self._view(visit), self.panel.saved(result), link, number

    def _chosen(self, visit: Visit, *chosen: Any) -> Any:
        """Show what was painted before from what is chosen now, or say what the picture is of."""
        if visit.busy:
            return gr.skip()
        with user_errors():
            was = (visit.sample, visit.photo, visit.outdated)
            self._relate(visit, chosen)
            now = (visit.sample, visit.photo, visit.outdated)
            if now == was or visit.earlier is not None:
                return gr.skip()
            return self._view(visit)

    def _settled(self, visit: Visit, *chosen: Any) -> Any:
        """The picture after a run, should an answer from before it have come late."""
        if visit.busy:
            return gr.skip()
        with user_errors():
            self._relate(visit, chosen)
            return self._view(visit)

    def _relate(self, visit: Visit, chosen: tuple[Any, ...]) -> None:
        """What the pictures chosen now are: the result's, a sample's pair, or not painted yet."""
        result, pictures = visit.result, chosen[: len(self.form.pictures)]
        visit.outdated = result is not None and chosen != result.chosen
        mine = result is not None and pictures == result.chosen[: len(pictures)]
        visit.sample = None if mine else sample_of(pictures)
        visit.photo = None if visit.sample or result else pictures[0]

    def _show_earlier(self, event: gr.SelectData, visit: Visit, request: gr.Request) -> dict:
        with user_errors():
            past = recents.of(visit.name)[::-1]
            if visit.busy:
                raise BadInput("A painting is under way on this page: stop it first.")
            visit.look_at(past[index_of(event, len(past))])
            return self._render(visit, request)

    def _put_beside(self, visit: Visit, request: gr.Request) -> dict:
        with user_errors():
            painted(visit)
            visit.beside = visit.earlier is not None
            return self._render(visit, request)

    def _show_latest(self, visit: Visit, request: gr.Request) -> dict:
        visit.look_at(None)
        page = self._render(visit, request)
        page[self.picture]["at"] = 0  # the whole painting
        return page

    def _come_back(self, visit: Visit, name: str, request: gr.Request) -> dict:
        """Find the results of a visit again after the page was loaded anew."""
        visit.name = _known(name)
        if not recents.of(visit.name):
            return {self.visit: visit, self.name: visit.name}
        visit.line = "Your last results are below."
        drawn = self._render(visit, request) | {self.name: visit.name}
        if request.query_params:  # a link has its own word to say
            del drawn[self.status]
        return drawn

    def _remember(self, visit: Visit, request: gr.Request) -> None:
        """Put a result that has just come about into the strip."""
        result = visit.result
        if result is None or visit.phase not in (Phase.FINISHED, Phase.STOPPED, Phase.FAILED):
            return
        photo, painting = result.once("view", lambda: self._pair(result))
        thumb = jpeg(fit(flat(result.coloured), THUMB))
        past = Past(
            result.job.title, photo["path"], painting["path"], self.panel.saved(result),
            keep_file(self.strip, thumb, "thumb.jpg"), link_to(result, _own_address(request)),
            _aspect(result.job.photo),
        )  # fmt: skip
        recents.add(visit.name, past)


def _sample(box: Component, photo: str, style: str) -> dict[str, Any]:
    """The pair of a sample photo and what was painted from it before."""
    painting, preset = painted_before(photo, style), preset_of(style)
    if painting is None or preset is None:
        return {}
    with Image.open(painting) as after:
        size = after.size
    title = f"{SAMPLES[photo].title}, {preset.title}"
    return {
        "photo": file_of(keep_file(box, _sample_photo(photo, size), "sample.jpg")),
        "painting": file_of(keep_file(box, painting.read_bytes(), painting.name)),
        "aspect": size[0] / size[1], "alt": title, "caption": f"Painted before: {title}", "at": 50,
    }  # fmt: skip


@lru_cache(maxsize=2 * len(SAMPLES))
def _sample_photo(name: str, size: tuple[int, int]) -> bytes:
    """A sample as a JPEG file of the size of what was painted from it."""
    return jpeg(fit(open_photo(SAMPLES[name].path), max(size)).resize(size), 88)


def sample_of(pictures: tuple[Any, ...]) -> tuple[str, str] | None:
    """Sample and preset, when they alone are chosen and were painted before."""
    photo, style, _, second = pictures[:4]
    sample = sample_id(photo)
    if sample is None or not style or second or not painted_before(sample, style):
        return None
    return sample, style


def _known(name: str) -> str:
    """The name that a page gave its visit; "" for what is none."""
    return name if NAME.fullmatch(str(name)) else ""


def _begin(job: Job, start: Start) -> Image.Image:
    """What is seen before the first step."""
    if isinstance(start, Image.Image):
        return start
    if start is not None:
        return to_image(torch.from_numpy(start[0]))
    return fit(job.photo, job.shared.recipe.size)


def _aspect(picture: Image.Image) -> float:
    return picture.width / picture.height


def _details(visit: Visit) -> str:
    result = visit.run or visit.result
    return "" if result is None else f"<p>{html.escape(result.details)}</p>"


def _own_address(request: gr.Request) -> str:
    own = request.request.base_url if request.request else ""
    return str(request.headers.get("referer") or own)

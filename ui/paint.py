"""The Paint tab: the picture, what goes in, and a run from the press of a button to its end."""

import html
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.pictures.images import fit
from ui import zero
from ui.controls import QUALITIES
from ui.events import DECODES, PAINTS, PRIVATE, QUICK
from ui.inputs import InputPanel
from ui.mask import mask_from
from ui.messages import status_html, user_errors
from ui.photo_box import NONE, index_of, thumbs
from ui.result import Result, flat
from ui.result_panel import ResultPanel, link_to
from ui.run import run
from ui.server.expiry import has_room
from ui.server.gradio_internals import somebody_waits
from ui.server.limits import RUN_LIMITS
from ui.viewer import Viewer
from ui.visit import WENT_ON, Phase, Visit, grow, painted, visits

THUMB = 224  # pixels
MASKED = "Only the part that was brushed is painted; the link does not hold that part."
DIVIDED = "The second painting is outside the part that was brushed, which the link does not hold."
TO_PICTURE = "(...given) => { nst.toPicture(); return given; }"


class PaintTab:
    """The tab's components and what they do.

    told: what every word of a run changes. drawn: everything that a visit decides; `_draw` and
    nothing else draws it.
    """

    def __init__(self, demo: gr.Blocks) -> None:
        self.demo = demo
        self.visit = gr.State(Visit(), time_to_live=RUN_LIMITS.visit)
        with gr.Row(elem_id="work"):
            with gr.Column(scale=8, min_width=340, elem_id="out"):
                self._layout_result()
            with gr.Column(scale=6, min_width=340, elem_id="in"):
                self.form = InputPanel(self.status)
                with gr.Row(elem_id="actions"):
                    self._layout_buttons()
        self.told = [self.picture, self.status, self.turn, self.fold, self.details, self.stop]
        results = [self.after, *self.panel.shown, self.recent, self.strip]
        self.drawn = [self.visit, *self.told, *results]
        self.panel.wire(self.visit, self.status)
        self._wire_run()
        self._wire_result()
        form, name = self.form, gr.Textbox(visible=False)
        arrived = [*self.drawn, *form.inputs]
        demo.load(
            self._arrive, [self.visit, name], arrived, js="(visit) => [visit, nst.visit()]", **QUICK
        ).then(form.draw, form.inputs, form.shown, **QUICK)

    def _layout_result(self) -> None:
        self.viewer = Viewer()
        self.picture = self.viewer.box
        with gr.Row(elem_id="told"):
            first = status_html(Visit.line)
            self.status = gr.HTML(first, elem_id="status", elem_classes="run-status")
            self.turn = gr.HTML("&nbsp;", visible=False, elem_id="turn", padding=False)
        with gr.Column(visible=False, elem_id="after") as self.after:
            self.panel = ResultPanel()
        with gr.Column(visible=False, elem_id="recent") as self.recent:
            self.strip = thumbs(None, "Your last results", 8, elem_id="strip")
        with gr.Accordion("Details", open=False, visible=False, elem_id="details") as self.fold:
            self.details = gr.HTML(elem_id="technical", padding=False)

    def _layout_buttons(self) -> None:
        self.paint = gr.Button("Paint", variant="primary", scale=2, min_width=90, elem_id="go")
        self.stop = gr.Button("Stop", interactive=False, min_width=70, elem_id="stop")
        for words, place in (("Photo", "#photo-side"), ("Styles", "#styles")):
            choose = gr.Button(words, min_width=70, elem_classes="choose")
            choose.click(None, None, None, js=f"() => nst.toChoice('{place}')", **QUICK)

    def _wire_run(self) -> None:
        asked_for = [self.visit, self.form.drawing, *self.form.inputs]
        begun = [self.visit, *self.told]
        paints: dict[str, Any] = {"show_progress_on": [self.turn], **PAINTS, **PRIVATE}
        paints |= {"show_progress": "minimal", "trigger_mode": "multiple"}
        for button, asked in (
            (self.paint, self._new),
            (self.panel.further, self._further),
            (self.panel.larger, self._larger),
        ):
            painting = button.click(
                partial(self._ask, asked), asked_for, begun, js=TO_PICTURE, **DECODES
            ).success(self._paint, self.visit, self.drawn, **paints)
            painting.failure(self._refused, self.visit, self.drawn, **DECODES)
            painting.then(self._settled, self.visit, self.drawn, **DECODES)
        self.stop.click(self._stop, self.visit, self.drawn, **DECODES)

    def _wire_result(self) -> None:
        form, panel = self.form, self.panel
        latest: dict[str, Any] = {"trigger_mode": "always_last", **DECODES}
        gr.on(
            [control.input for control in panel.adjustments],
            self._adjust,
            [self.visit, *panel.adjustments],
            [self.picture, panel.link, panel.scrub],
            **latest,
        )
        changes = [part.change for part in form.inputs]
        gr.on(changes, self._chosen, [self.visit, *form.inputs], self.picture, **latest)
        self.strip.select(self._look_at, self.visit, self.drawn, **DECODES)

    # What is asked for

    def _new(self, visit: Visit, drawn: dict | None, *chosen: Any) -> Result:
        job = self.form.job(chosen, mask=mask_from(drawn))
        masked = DIVIDED if len(job.styles) == 2 else MASKED
        return Result(job, chosen, remarks=(masked,) if job.mask else ())

    def _further(self, visit: Visit, drawn: dict | None, *chosen: Any) -> Result:
        """On from the picture shown: its photo, whatever has been chosen since."""
        last = painted(visit)
        photo = last.chosen[0]
        mask = mask_from(drawn) if chosen[0] == photo else last.job.mask
        chosen = (photo, *chosen[1:])
        return last.further(self.form.job(chosen, last.job, mask), chosen, (WENT_ON,))

    def _larger(self, visit: Visit, *_: Any) -> Result:
        last = painted(visit)
        if (larger := last.next_print) is None:
            raise BadInput("This painting is as large as it can be here.")
        return last.further(last.job.enlarged(larger[1]), last.chosen, (WENT_ON,))

    # A run, from the press of a button to its end

    def _ask(self, asked: Callable, visit: Visit, drawn: dict | None, *chosen: Any) -> dict:
        with user_errors():
            visit.ask(asked(visit, drawn, *chosen))
            visit.choose(chosen)
            return {self.visit: visit, **self._told(visit)}

    def _paint(self, visit: Visit) -> Iterator[dict]:
        """Paint what was asked for, if it is still wanted now that its turn has come."""
        result = visit.run
        if result is None or visit.phase is not Phase.WAITING:
            return
        job, seen = result.job, self.viewer.beginning(result)
        visit.begin()
        yield self._told(visit)
        going = run(job.photo, job.styles, job.shared.recipe, mask=job.mask, start=result.start)
        try:
            with user_errors(), closing(going) as told:
                for progress in told:
                    if visit.run is not result:  # stopped, or something else was asked for
                        return
                    visit.take(progress)
                    if progress.done:  # which is drawn with what can be taken home
                        break
                    if progress.picture is not None and has_room():
                        seen["painting"] = self.viewer.file(progress.picture, "developing")
                    # Whoever chooses something else meanwhile looks at its preview.
                    shown = {self.picture: seen} if visit.chosen == result.chosen else {}
                    yield shown | self._told(visit)
                visit.end()
            # Standard goes on to the next size by itself, while nobody waits.
            recipe, left = job.shared.recipe, RUN_LIMITS.deadline - progress.seconds
            standard = (recipe.name, recipe.size) == ("default", QUALITIES["Standard"])
            if standard and progress.step == progress.total > 0 and not zero.ACTIVE:
                yield self._draw(visit)
                for new in grow(visit, result, left, lambda: not somebody_waits(self.demo)):
                    shown = {self.picture: self.viewer.view(visit, self.form.job)} if new else {}
                    yield shown | self._told(visit)
        except gr.Error as error:
            if visit.run is result:
                visit.end(html.unescape(str(error.message)))
            raise
        finally:
            if visit.run is result:
                visit.end("Nobody was listening any more.")

    def _stop(self, visit: Visit) -> dict:
        visit.end(stopped=True)
        return self._draw(visit)

    def _refused(self, visit: Visit) -> dict:
        """A run ended in an error, or there was no place in the queue for it."""
        if visit.phase is Phase.WAITING:
            visit.end("There was no place in the queue.")
        return self._draw(visit)

    def _settled(self, visit: Visit) -> dict:
        """After a run; another may be waiting already."""
        with user_errors():
            return gr.skip() if visit.busy else self._draw(visit)

    # How the page is drawn

    def _draw(self, visit: Visit) -> dict:
        """Updates of `drawn`: the page as the visit stands."""
        result, past = visit.result, visit.results
        return {
            self.visit: visit,
            self.picture: self.viewer.view(visit, self.form.job),
            **self._told(visit),
            self.after: gr.update(visible=result is not None),
            **(self.panel.show(visit, result) if result else {}),
            self.recent: gr.update(visible=len(past) > 1),
            self.strip: gr.update(
                value=[(fit(flat(one.coloured), THUMB), one.job.title) for one in past],
                selected_index=past.index(result) if result in past else NONE,
            ),
        }

    def _told(self, visit: Visit) -> dict:
        """Updates of `told`, but for the picture."""
        about = visit.run or visit.result
        details = about.details if about else ""
        waits, busy = visit.phase is Phase.WAITING, visit.busy or visit.growing is not None
        return {
            self.status: status_html(visit.line, visit.notes, visit.share),
            self.turn: gr.update(visible=waits),
            self.fold: gr.update(visible=bool(details)),
            self.details: f"<p>{html.escape(details)}</p>",
            self.stop: gr.update(value="Leave queue" if waits else "Stop", interactive=busy),
        }

    # How a result is looked at

    def _adjust(self, visit: Visit, frame: float, percent: float, colours: bool) -> list[Any]:
        with user_errors():
            result = painted(visit)
            blends = float(percent) / 100 != result.blend
            # A blend is of the whole painting.
            result.adjust(len(result.frames) if blends else frame, float(percent) / 100, colours)
            # A late answer must not move the slider of a visitor who has moved on.
            number = max(len(result.frames), 2) if blends else gr.skip()
            link = link_to(result, visit.query)
            return [self.viewer.view(visit, self.form.job), link, number]

    def _chosen(self, visit: Visit, *chosen: Any) -> Any:
        """Show what belongs to what is chosen now."""
        with user_errors():
            if not visit.choose(chosen) or (visit.run and visit.run.chosen == chosen):
                return gr.skip()
            view = self.viewer.view(visit, self.form.job)
            return view | {"phase": visit.phase} if visit.busy else view

    def _look_at(self, event: gr.SelectData, visit: Visit) -> dict:
        with user_errors():
            if visit.busy:
                raise BadInput("A painting is under way on this page: stop it first.")
            visit.look_at(visit.results[index_of(event, len(visit.results))])
            return self._draw(visit)

    def _arrive(self, visit: Visit, name: str, request: gr.Request) -> dict:
        """What a link holds; or, after a reload, everything as it was."""
        with user_errors():
            name = name if len(str(name)) == 32 else uuid.uuid4().hex
            here = request.headers.get("referer") or (request.request and request.request.base_url)
            address = f"{str(here).split('?')[0]}?{request.query_params}"
            visit = visits.setdefault(name, visit)
            visit.end("The page was loaded anew.")
            visit.sharing = False
            came_back = visit.chosen and visit.query == address
            visit.name, visit.query = name, address
            drawn = self._draw(visit) if visit.results else {self.visit: visit}
            if came_back:
                return self.form.again(visit.chosen) | drawn
            return drawn | self.form.arrive(dict(request.query_params))

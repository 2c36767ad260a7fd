"""The Paint tab: the picture, what goes in, and a run from the press of a button to its end."""

import html
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from nst.errors import BadInput
from nst.pictures.images import fit
from ui import zero
from ui.controls import QUALITIES, best_quality
from ui.events import AT_ONCE, DECODES, PAINTS, PRIVATE, QUICK
from ui.inputs import InputPanel, index_of
from ui.instant import instant_wall
from ui.links import from_query
from ui.messages import status_html, user_errors
from ui.photo_box import NONE, thumbs
from ui.result import Result, flat, jpeg
from ui.result_panel import ResultPanel, link_to
from ui.run import run
from ui.server.expiry import has_room
from ui.server.gradio_internals import keep_file, somebody_waits
from ui.server.limits import RUN_LIMITS
from ui.viewer import Viewer
from ui.visit import WENT_ON, Phase, Visit, grow, painted, visits

THUMB = 224  # pixels
NAME = re.compile("[0-9a-f]{32}")
MASKED = "Only the part that was brushed is painted; the link does not hold that part."
DIVIDED = (
    "The first painting is inside the part that was brushed, the second outside; the link does not "
    "hold that part."
)


class PaintTab:
    """The tab's components and what they do. The page is drawn by `_draw` and nothing else."""

    def __init__(self, demo: gr.Blocks) -> None:
        self.demo = demo
        self.visit = gr.State(Visit(), time_to_live=RUN_LIMITS.visit)
        self.name = gr.Textbox(visible=False)  # of the visit, in the browser
        with gr.Row(elem_id="work"):
            with gr.Column(scale=8, min_width=340, elem_id="out"):
                self._layout_out()
            with gr.Column(scale=6, min_width=340, elem_id="in"):
                self.form = InputPanel()
                self._layout_buttons()
        self.form.wire(self.status)
        self.panel.wire(self.visit, self.status)
        self._wire_run()
        self._wire_result()
        arrived = [*self.drawn, *self.form.restored[:-1], self.form.own]
        demo.load(
            self._arrive,
            [self.visit, self.name],
            arrived,
            js="(visit) => [visit, nst.visit()]",
            **QUICK,
        ).then(
            self._open_best,
            [self.visit, *self.form.controls.inputs],
            [self.form.controls.quality, self.form.controls.of["size"]],
            **QUICK,
        )

    def _layout_out(self) -> None:
        self.viewer = Viewer()
        self.picture = self.viewer.box
        with gr.Row(elem_id="told"):
            self.status = gr.HTML(
                status_html(Visit.line), elem_id="status", elem_classes="run-status"
            )
            self.turn = gr.HTML("&nbsp;", visible=False, elem_id="turn", padding=False)
        with gr.Column(visible=False, elem_id="after") as self.after:
            self.panel = ResultPanel()
        with gr.Column(visible=False, elem_id="recent") as self.recent:
            self.strip = thumbs(None, "Your last results", 8, elem_id="strip")
        with gr.Accordion("Details", open=False, visible=False, elem_id="details") as self.fold:
            self.details = gr.HTML(elem_id="technical", padding=False)

    def _layout_buttons(self) -> None:
        with gr.Row(elem_id="actions"):
            self.paint = gr.Button("Paint", variant="primary", scale=2, min_width=90, elem_id="go")
            self.stop = gr.Button("Stop", interactive=False, min_width=70, elem_id="stop")
            for words, place in (("Photo", "#photo-side"), ("Styles", "#styles")):
                choose = gr.Button(words, min_width=70, elem_classes="choose")
                choose.click(None, None, None, js=f"() => nst.toChoice('{place}')", **QUICK)

    @property
    def drawn(self) -> list[Any]:
        """Everything that a visit decides."""
        return [
            self.visit,
            *self.told,
            self.after,
            *self.panel.shown,
            self.recent,
            self.strip,
        ]

    @property
    def told(self) -> list[Any]:
        """What every word of a run changes."""
        return [self.picture, self.status, self.turn, self.fold, self.details, self.stop]

    def _wire_run(self) -> None:
        asked_for = [self.visit, self.form.mask.drawing, *self.form.inputs]
        for button, asked in (
            (self.paint, self._new),
            (self.panel.further, self._further),
            (self.panel.larger, self._larger),
        ):
            painting = button.click(
                self._ask(asked),
                asked_for,
                [self.visit, *self.told],
                js="(...given) => { nst.toPicture(); return given; }",
                **DECODES,
            ).success(
                self._paint,
                self.visit,
                self.drawn,
                show_progress="minimal",
                show_progress_on=[self.turn],
                scroll_to_output=False,
                trigger_mode="multiple",
                **PAINTS,
                **PRIVATE,
            )
            painting.failure(self._refused, self.visit, self.drawn, **DECODES)
            painting.then(self._settled, self.visit, self.drawn, **DECODES)
        self.stop.click(self._stop, self.visit, self.drawn, **DECODES)

    def _wire_result(self) -> None:
        gr.on(
            [control.input for control in self.panel.adjustments],
            self._adjust,
            [self.visit, *self.panel.adjustments],
            [self.picture, self.panel.link, self.panel.scrub],
            trigger_mode="always_last",
            **DECODES,
        )
        gr.on(
            [component.change for component in self.form.inputs],  # type: ignore[attr-defined]
            self._chosen,
            [self.visit, *self.form.inputs],
            self.picture,
            trigger_mode="always_last",
            **DECODES,
        )
        self._wire_wall()
        self.strip.select(self._look_at, self.visit, self.drawn, **DECODES)

    def _wire_wall(self) -> None:
        """The tiles of the paintings: one's own photo in each, as soon as there is one."""
        form, of = self.form, self.form.paintings
        tiles: dict[str, Any] = {"outputs": of.gallery, "trigger_mode": "multiple", **AT_ONCE}
        inputs = [self.visit, form.photo, of.own]
        form.photo.change(lambda: True, None, of.tiles_show, **QUICK)
        form.photo.change(partial(self._wall, in_them=True), inputs, **tiles)
        gr.on([of.tiles_show.input, of.own.change], self._wall, [*inputs, of.tiles_show], **tiles)

    # What is asked for

    def _new(self, visit: Visit, mask: dict | None, *chosen: Any) -> Result:
        job = self.form.job(chosen, mask=mask)
        masked = DIVIDED if len(job.styles) == 2 else MASKED
        return Result(job, chosen, remarks=(masked,) if job.mask else ())

    def _further(self, visit: Visit, mask: dict | None, *chosen: Any) -> Result:
        """On from the picture shown: its photo, whatever has been chosen since."""
        last = painted(visit)
        photo = last.chosen[0]
        job = self.form.job(chosen, again=last.job, mask=mask if chosen[0] == photo else None)
        if chosen[0] != photo:  # what is brushed now is on another photo
            job = replace(job, mask=last.job.mask)
        return last.further(job, (photo, *chosen[1:]), (WENT_ON,))

    def _larger(self, visit: Visit, *_: Any) -> Result:
        last = painted(visit)
        if (larger := last.next_print) is None:
            raise BadInput("This painting is as large as it can be here.")
        return last.further(last.job.enlarged(larger[1]), last.chosen, (WENT_ON,))

    # A run, from the press of a button to its end

    def _ask(self, asked: Callable[..., Result]) -> Callable[..., dict]:
        def ask(visit: Visit, mask: dict | None, *chosen: Any) -> dict:
            with user_errors():
                visit.ask(asked(visit, mask, *chosen))
                visit.choose(chosen)
                return {self.visit: visit, **self._told(visit)}

        return ask

    def _paint(self, visit: Visit, request: gr.Request) -> Iterator[dict]:
        """Paint what was asked for, if it is still wanted now that its turn has come."""
        result = visit.run
        if result is None or visit.phase is not Phase.WAITING:
            return
        job, seen = result.job, self.viewer.beginning(result)
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
                yield self._draw(visit, request)
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

    def _stop(self, visit: Visit, request: gr.Request) -> dict:
        left = visit.phase is Phase.WAITING
        visit.end(stopped=True)
        # A picture may be on its way yet: the end of the run draws the rest.
        return self._draw(visit, request) if left else {self.stop: gr.update(interactive=False)}

    def _refused(self, visit: Visit, request: gr.Request) -> dict:
        """A run ended in an error, or there was no place in the queue for it."""
        if visit.phase is Phase.WAITING:
            visit.end("There was no place in the queue.")
        return self._draw(visit, request)

    def _settled(self, visit: Visit, request: gr.Request) -> dict:
        """After a run; another may be waiting already."""
        with user_errors():
            return gr.skip() if visit.busy else self._draw(visit, request)

    # How the page is drawn

    def _draw(self, visit: Visit, request: gr.Request) -> dict:
        """The page as the visit stands; nothing else decides what can be seen and pressed."""
        result, past = visit.result, visit.results
        return {
            self.visit: visit,
            self.picture: self.viewer.view(visit, self.form.job),
            **self._told(visit),
            self.after: gr.update(visible=result is not None),
            **(self.panel.show(result, _own_address(request)) if result else {}),
            self.recent: gr.update(visible=len(past) > 1),
            self.strip: gr.update(
                value=[(self._thumb(one), one.job.title) for one in past],
                selected_index=past.index(result) if result in past else NONE,
            ),
        }

    def _told(self, visit: Visit) -> dict:
        """What changes with every word of a run."""
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

    def _thumb(self, result: Result) -> str:
        return keep_file(self.strip, jpeg(fit(flat(result.coloured), THUMB)), "thumb.jpg")

    # How a result is looked at

    def _adjust(
        self, visit: Visit, frame: float, percent: float, colours: bool, request: gr.Request
    ) -> tuple[Any, ...]:
        with user_errors():
            result = painted(visit)
            blends = float(percent) / 100 != result.blend
            # A blend is of the whole painting.
            result.adjust(len(result.frames) if blends else frame, float(percent) / 100, colours)
            # A late answer must not move the slider of a visitor who has moved on.
            number = max(len(result.frames), 2) if blends else gr.skip()
            link = link_to(result, _own_address(request))
            return self.viewer.view(visit, self.form.job), link, number

    def _chosen(self, visit: Visit, *chosen: Any) -> Any:
        """Show what belongs to what is chosen now."""
        with user_errors():
            if not visit.choose(chosen) or (visit.run and visit.run.chosen == chosen):
                return gr.skip()
            view = self.viewer.view(visit, self.form.job)
            return view | {"phase": visit.phase} if visit.busy else view

    def _wall(
        self, visit: Visit, photo: str | None, own: str | None, in_them: bool
    ) -> Iterator[list[tuple[Any, str]]]:
        """The tiles to choose a painting by, as they come; a later stream takes the place of this
        one.
        """
        visit.wall = latest = object()
        tiles = self.form.paintings.tiles(own)
        with user_errors():
            if not (in_them and photo):
                yield tiles
                return
            for number, (preset, picture) in enumerate(instant_wall(photo), 1):
                if visit.wall is not latest:
                    return
                tiles[number] = (flat(picture), preset.title)
                yield tiles

    def _look_at(self, event: gr.SelectData, visit: Visit, request: gr.Request) -> dict:
        with user_errors():
            if visit.busy:
                raise BadInput("A painting is under way on this page: stop it first.")
            visit.look_at(visit.results[index_of(event, len(visit.results))])
            return self._draw(visit, request)

    # How a page begins

    def _arrive(self, visit: Visit, name: str, request: gr.Request) -> dict:
        """What a link holds; or, after a reload, everything as it was."""
        with user_errors():
            name = name if NAME.fullmatch(str(name)) else uuid.uuid4().hex
            query = dict(request.query_params)
            visit = visits.setdefault(name, visit)
            visit.end("The page was loaded anew.")
            came_back = visit.chosen and str(request.query_params) == visit.query
            visit.name, visit.query = name, str(request.query_params)
            drawn = self._draw(visit, request) if visit.results else {self.visit: visit}
            if came_back:
                return self.form.again(visit.chosen) | drawn
            return drawn | self.form.arrive(query)

    def _open_best(self, visit: Visit, request: gr.Request, *values: Any) -> dict:
        """The best quality for those who have asked for none."""
        if visit.chosen or from_query(dict(request.query_params)) is not None:
            return gr.skip()
        controls = self.form.controls
        best = best_quality(controls.recipe(values))
        menu = controls.remark(best, None)[controls.quality]
        return {controls.quality: menu, controls.of["size"]: best.size}


def _own_address(request: gr.Request) -> str:
    own = request.request.base_url if request.request else ""
    return str(request.headers.get("referer") or own)

"""How it works: the idea in pictures and three formulas, its limits, tips, sources, timings."""

import base64
import html
import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from string import Template

import gradio as gr

from nst.hardware import device_name, pick_device
from nst.pictures.images import fit, open_photo
from nst.presets import load_presets, preset_of
from nst.published import RECIPES
from nst.recipe import Recipe
from ui.assets import asset
from ui.parts.controls import QUALITIES
from ui.parts.samples import OPENING, SAMPLES, painted_before
from ui.runs.events import QUICK
from ui.runs.pace import clock, pace
from ui.tabs.tiles import jpeg

__all__ = ["build", "figures"]

DRAWINGS = ("layers", "content", "style", "scales")
BENCH = Path(__file__).resolve().parents[2] / "bench" / "README.md"
# What stands between these lines of bench/README.md is shown here too, word for word.
FIGURES = re.compile(r"<!-- figures -->\n(.*?)<!-- /figures -->", re.DOTALL)


def build(tab: gr.Tab) -> None:
    """Lay out the tab inside the current context. tab: the one this is in."""
    with gr.Column(elem_id="about"):
        opening = gr.HTML(padding=False)
        gr.HTML(asset("about/formulas.html"), padding=False)
        gr.HTML(asset("about/advice.html"), padding=False)
        gr.HTML(_recipes(), padding=False)
        gr.HTML("<h2>How long it takes</h2>", padding=False)
        here = gr.HTML(_here(), elem_id="about-here", padding=False)
        gr.Markdown(figures(BENCH), elem_id="about-figures")
        gr.HTML(_credits(), padding=False)
    # Its pictures are a third of the whole page, so they come with the tab.
    tab.select(lambda: (_opening(), _here()), None, [opening, here], **QUICK)


def figures(path: Path) -> str:
    """The part of bench/README.md that is marked for this page, or that there is none."""
    try:
        found = FIGURES.search(path.read_text("utf-8"))
    except OSError:
        found = None
    if found is None:
        return "This copy has no measured figures; they belong in bench/README.md."
    return found[1].strip()


def _here() -> str:
    """What each quality should take on the machine this runs on."""
    known = [(name, pace.expect(Recipe(size=size))) for name, size in QUALITIES.items()]
    machine = f"This machine: {device_name(pick_device())}."
    if any(seconds is None for _, seconds in known):
        return f"<p>{html.escape(machine)} It has not been timed yet.</p>"
    each = ", ".join(f"{name} about {clock(seconds or 0.0)}" for name, seconds in known)
    return f"<p>{html.escape(f'{machine} {each}.')}</p>"


def _picture(path: Path, caption: str) -> str:
    """A small picture inside the page itself, so that it needs no address to be fetched from."""
    data = base64.b64encode(jpeg(fit(open_photo(path), 360, enlarge=False), 82)).decode()
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{html.escape(caption)}"/>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


@lru_cache(maxsize=1)
def _opening() -> str:
    photo, style = OPENING
    preset, painted = preset_of(style), painted_before(photo, style)
    trio = ""
    if preset is not None and painted is not None:
        pictures = (
            _picture(SAMPLES[photo].path, "the photo’s content"),
            _picture(preset.path, "the painting’s look"),
            _picture(painted, "the photo, repainted"),
        )
        signs = ("<b>+</b>", "<b>=</b>", "")
        trio = "".join(a + b for a, b in zip(pictures, signs, strict=True))
    drawings = {name: asset(f"about/{name}.svg") for name in DRAWINGS}
    return Template(asset("about/idea.html")).substitute(drawings, trio=trio)


def _recipes() -> str:
    rows = "".join(
        f"<dt>{entry.title}</dt><dd>{html.escape(entry.about)}"
        f'<span class="quiet">{html.escape(entry.source)} Ours in it: {html.escape(entry.ours)}'
        "</span></dd>"
        for entry in RECIPES.values()
    )
    return Template(asset("about/recipes.html")).substitute(recipes=rows)


def _credits() -> str:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for preset in load_presets()[0]:
        groups[preset.author, preset.licence].append(preset.title)
    paintings = "".join(
        f"<li>Paintings: {html.escape(', '.join(titles))}. {html.escape(author)}, "
        f"{html.escape(licence)}.</li>"
        for (author, licence), titles in groups.items()
    )
    return Template(asset("about/credits.html")).substitute(paintings=paintings)

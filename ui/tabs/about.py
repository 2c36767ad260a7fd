"""How it works: the idea in pictures and four formulas, its limits, tips, sources, timings."""

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
from ui.controls import QUALITIES
from ui.events import QUICK
from ui.pace import about, pace
from ui.result import jpeg
from ui.samples import OPENING, SAMPLES, painted_before

__all__ = ["build", "figures"]

DRAWINGS = ("layers", "content", "style", "scales")
BENCH = Path(__file__).resolve().parents[2] / "bench" / "README.md"
# What stands between these lines of bench/README.md is shown here too, word for word.
FIGURES = re.compile(r"<!-- figures -->\n(.*?)<!-- /figures -->", re.DOTALL)

LATEX: list[dict[str, str | bool]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
]


def build(tab: gr.Tab) -> None:
    """Lay out the tab inside the current context. tab: the one this is in."""
    with gr.Column(elem_id="about"):
        opening = gr.HTML(padding=False)
        gr.Markdown("## The formulas")
        with gr.Row(elem_classes="formulas"):
            for formula in asset("about/formulas.md").split("\n\n### "):
                gr.Markdown(
                    f"### {formula.removeprefix('### ')}", latex_delimiters=LATEX,
                    elem_classes="formula", container=True,
                )  # fmt: skip
        gr.Markdown(asset("about/advice.md"))
        gr.Markdown(_recipes())
        gr.Markdown("## How long it takes")
        here = gr.Markdown(_here(), elem_id="about-here")
        gr.Markdown(figures(BENCH), elem_id="about-figures")
        gr.Markdown(_credits())
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
        return f"{machine} It has not been timed yet."
    each = ", ".join(f"{name} {about(seconds or 0.0)}" for name, seconds in known)
    return f"{machine} {each}."


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
    rows = "\n".join(
        f"| **{'Ours' if name == 'default' else name}** | {entry.about} "
        f"*{entry.source} Ours in it: {entry.ours}* |"
        for name, entry in RECIPES.items()
    )
    return Template(asset("about/recipes.md")).substitute(recipes=rows)


def _credits() -> str:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for preset in load_presets()[0]:
        groups[preset.author, preset.licence].append(preset.title)
    paintings = "\n".join(
        f"- Paintings: {', '.join(titles)}. {author}, {licence}."
        for (author, licence), titles in groups.items()
    )
    return Template(asset("about/credits.md")).substitute(paintings=paintings)

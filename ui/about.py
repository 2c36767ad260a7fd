"""How it works: the idea in pictures, what helps, its limits, the formulas, sources."""

import base64
from collections import defaultdict
from functools import cache
from string import Template
from typing import Any

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

LATEX: list[Any] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
]


def build(tab: gr.Tab) -> None:
    """Lay out the tab inside the current context. tab: the one this is in."""
    with gr.Column(elem_id="about"):
        idea = gr.HTML()
        here = gr.Markdown(elem_id="about-here")
        gr.Markdown(asset("about/advice.md"))
        gr.Markdown("## The formulas")
        with gr.Row(elem_classes="formulas"):
            for formula in asset("about/formulas.md").split("\n\n---\n\n"):
                gr.Markdown(formula, latex_delimiters=LATEX, elem_classes="formula", container=True)
        gr.Markdown(sources())
    # Its pictures are a third of the whole page, so they come with the tab.
    tab.select(lambda: (_idea(), _here()), None, [idea, here], **QUICK)


def _here() -> str:
    """What each quality should take on the machine this runs on."""
    known = [(name, pace.expect(Recipe(size=size))) for name, size in QUALITIES.items()]
    each = ", ".join(f"{name} {about(seconds)}" for name, seconds in known if seconds)
    return f"This machine: {device_name(pick_device())}. {each or 'It has not been timed yet'}."


@cache
def _idea() -> str:
    """The idea, with its pictures inside: they need no address to be fetched from."""
    photo, style = OPENING
    preset, painted = preset_of(style), painted_before(photo, style)
    if preset is None or painted is None:  # the operator has other paintings
        return ""
    pictures = {
        "The photo’s content": SAMPLES[photo].path,
        "The painting’s look": preset.path,
        "The photo, repainted": painted,
    }
    figures = []
    for caption, path in pictures.items():
        picture = jpeg(fit(open_photo(path), 360, enlarge=False), 82)
        data = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
        image = f'<img src="{data}" alt="{caption}"/>'
        figures.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    drawings = ("layers", "content", "style", "scales")
    svgs = {name: asset(f"about/{name}.svg") for name in drawings}
    trio = "{}<b>+</b>{}<b>=</b>{}".format(*figures)
    return Template(asset("about/idea.html")).substitute(svgs, trio=trio)


def sources() -> str:
    """The published recipes with their sources, the presets' authors and licences, the papers."""
    published = [(name, entry) for name, entry in RECIPES.items() if name != "default"]
    rows = [f"| **{name}** | {entry.about} *{entry.source}* |" for name, entry in published]
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for preset in load_presets()[0]:
        groups[preset.author, preset.licence].append(preset.title)
    lists = [f"- Paintings: {', '.join(t)}. {by}, {under}." for (by, under), t in groups.items()]
    text = Template(asset("about/sources.md"))
    return text.substitute(recipes="\n".join(rows), paintings="\n".join(lists))

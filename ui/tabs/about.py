"""How it works: the idea in pictures and three formulas, its limits, tips, sources, timings."""

import base64
import html
import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import gradio as gr

from nst.hardware import device_name, pick_device
from nst.pictures.images import fit, open_photo
from nst.presets import EXAMPLES, load_presets, preset_of
from nst.published import NAMED
from nst.recipe import Recipe
from ui.parts.controls import QUALITIES
from ui.parts.diagrams import (
    drawing_of_content,
    drawing_of_layers,
    drawing_of_scales,
    drawing_of_style,
)
from ui.parts.samples import SAMPLES
from ui.runs.events import QUICK
from ui.runs.painting import clock, pace
from ui.tabs.tiles import jpeg

__all__ = ["build", "figures"]

SAMPLE = ("tower", "swirling-night")
BENCH = Path(__file__).resolve().parents[2] / "bench" / "README.md"
# What stands between these lines of bench/README.md is shown here too, word for word.
FIGURES = re.compile(r"<!-- figures -->\n(.*?)<!-- /figures -->", re.DOTALL)

IDEA = """
<p class="lead">A photo has two things that can be told apart: what is in it, and how it looks. A
network that has learned to recognise things measures both. Then a canvas is changed, pixel by
pixel and a little at a time, until it has the content of the photo and the look of the painting.
</p>
"""

STEPS = (
    (
        drawing_of_layers,
        "A network looks",
        "Each block of a VGG network sees the picture at half the size of the one before, and more "
        "kinds of things in it: first edges and colours, then strokes and textures, then parts "
        "of objects and where they are. It learned to tell things apart in photographs, not to "
        "paint.",
    ),
    (
        drawing_of_content,
        "Content: what is where",
        "The features of one deep layer are compared at every place; the differences are squared "
        "and added up. Deep layers have forgotten "
        "colour and grain, so the canvas may change both and still show the same scene.",
    ),
    (
        drawing_of_style,
        "Style: what goes with what",
        "In five layers it is counted how often any two features occur together: blue with a "
        "curve, yellow with a thick stroke. Where they occur is left out. That table, the Gram "
        "matrix, is the painting's look.",
    ),
    (
        drawing_of_scales,
        "The canvas is painted",
        "Each step asks the network how every pixel should change, and changes it a little. It "
        "begins small, where large shapes are settled cheaply, and ends at full size with the "
        "brushwork.",
    ),
)


def _m(body: str) -> str:
    return (
        '<div class="math"><math display="block" xmlns="http://www.w3.org/1998/Math/MathML">'
        f"{body}</math></div>"
    )


def _sub(base: str, below: str) -> str:
    return f"<msub><mi>{base}</mi><mrow>{below}</mrow></msub>"


def _sum(below: str) -> str:
    return f"<munder><mo>∑</mo><mrow>{below}</mrow></munder>"


_IJ = "<mi>i</mi><mi>j</mi>"
_SQUARE = "<msup><mrow><mo>(</mo>{}<mo>)</mo></mrow><mn>2</mn></msup>"

FORMULAS = (
    (
        "Content",
        _m(
            "<msub><mi>L</mi><mtext>content</mtext></msub><mo>=</mo>"
            "<mfrac><mn>1</mn><mn>2</mn></mfrac>"
            + _sum(_IJ)
            + _SQUARE.format(f"{_sub('F', _IJ)}<mo>−</mo>{_sub('P', _IJ)}")
        ),
        "F: features of the canvas, P: of the photo; i runs over kinds of features, j over places. "
        "Gatys et al. 2016, eq. 1.",
    ),
    (
        "Style",
        _m(
            f"{_sub('G', _IJ)}<mo>=</mo>{_sum('<mi>k</mi>')}"
            f"{_sub('F', '<mi>i</mi><mi>k</mi>')}{_sub('F', '<mi>j</mi><mi>k</mi>')}"
        )
        + _m(
            "<msub><mi>E</mi><mi>l</mi></msub><mo>=</mo><mfrac><mn>1</mn>"
            "<mrow><mn>4</mn><msup><mi>N</mi><mn>2</mn></msup><msup><mi>M</mi><mn>2</mn></msup>"
            f"</mrow></mfrac>{_sum(_IJ)}"
            + _SQUARE.format(f"{_sub('G', _IJ)}<mo>−</mo>{_sub('A', _IJ)}")
        ),
        "G: the canvas' Gram matrix in layer l, A: the painting's; N kinds of features at M "
        "places. Gatys et al. 2016, eq. 3 and 4.",
    ),
    (
        "Both, and smoothness",
        _m(
            "<mi>L</mi><mo>=</mo><mi>α</mi><msub><mi>L</mi><mtext>content</mtext></msub>"
            f"<mo>+</mo><mi>β</mi>{_sum('<mi>l</mi>')}<msub><mi>w</mi><mi>l</mi></msub>"
            "<msub><mi>E</mi><mi>l</mi></msub><mo>+</mo><mi>γ</mi><mtext>TV</mtext>"
        ),
        "TV, total variation, is the sum of the squared differences of neighbouring pixels. "
        "Strength moves β.",
    ),
)

OURS = (
    "Our own recipe divides each distance by the energy of its target, so that one strength means "
    "the same at any size, in any layer, with any encoder. The published recipes keep the formulas "
    "of their authors."
)

WILL_NOT = (
    ("It does not know what it paints.", "A face is edges and tones like everything else. Small "
     "faces and lettering are the first to go."),
    ("It does not copy the painting's things.", "Stars or waves of the painting may turn up as "
     "strokes anywhere, or not at all: only what goes with what is kept, not where."),
    ("It does not compose.", "Nothing is moved, added or left out. A dull photo becomes a dull "
     "painting."),
    ("It does not do every style.", "Styles that live in texture, strokes and colour carry over. "
     "Those that live in line, flat shapes or proportion carry over badly."),
    ("It is not the painter.", "It imitates surfaces. Ask before you publish a living artist's "
     "manner."),
)  # fmt: skip

TIPS = (
    ("Too noisy, specks or grain", "Raise Smoothness a little; take Average pooling; choose a "
     "larger size. More steps help a painting that is not finished."),
    ("The content is lost", "Lower Strength. Choose a shallower content layer, such as relu3_2. "
     "Start from the photo rather than noise. Get closer: a face should fill a third of the "
     "picture."),
    ("Wrong colours", "Set Colours to the photo's: the strokes stay, the colours are yours. Or "
     "match the painting's palette to the photo before it is painted."),
    ("Too abstract", "Lower Strength, or leave out the deepest style layer, relu5_1: it brings the "
     "large shapes."),
    ("Too little painting", "Raise Strength or Brush size. Choose a painting with visible strokes "
     "and strong contrast."),
    ("Large prints lose the style", "Raise Brush size with the size of the print: strokes have the "
     "size they have in the painting's own pixels, and look small on a large canvas. A larger "
     "picture of the painting helps too."),
    ("Blotchy skies", "Raise Smoothness, or choose a painting whose calm parts have strokes of "
     "their own."),
    ("Too slow", "Paint a Draft first; the settings carry over. Stop when you like what you see: "
     "the picture is kept."),
)  # fmt: skip

PAPERS = (
    ("L. A. Gatys, A. S. Ecker, M. Bethge: A Neural Algorithm of Artistic Style. 2015; Image "
     "Style Transfer Using Convolutional Neural Networks, CVPR 2016.", "https://arxiv.org/abs/1508.06576"),
    ("L. A. Gatys et al.: Controlling Perceptual Factors in Neural Style Transfer. CVPR 2017. "
     "Colours, regions, scale.", "https://arxiv.org/abs/1611.07865"),
    ("K. Simonyan, A. Zisserman: Very Deep Convolutional Networks for Large-Scale Image "
     "Recognition. 2014. VGG-16 and VGG-19.", "https://arxiv.org/abs/1409.1556"),
    ("H. Wang et al.: Collaborative Distillation for Ultra-Resolution Universal Style Transfer. "
     "CVPR 2020. Its encoder (MIT) taught ours.", "https://arxiv.org/abs/2003.08436"),
    ("D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. 2014.",
     "https://arxiv.org/abs/1412.6980"),
)  # fmt: skip


def build(tab: gr.Tab) -> None:
    """Lay out the tab inside the current context. tab: the one this is in."""
    with gr.Column(elem_id="about"):
        opening = gr.HTML(padding=False)
        gr.HTML(_formulas(), padding=False)
        gr.HTML(_advice(), padding=False)
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
    photo, style = SAMPLE
    preset = preset_of(style)
    painted = EXAMPLES / "samples" / f"{photo}-{style}.jpg"
    trio = ""
    if preset is not None and painted.exists():
        pictures = (
            _picture(SAMPLES[photo].path, "the photo’s content"),
            _picture(preset.path, "the painting’s look"),
            _picture(painted, "the photo, repainted"),
        )
        signs = ("<b>+</b>", "<b>=</b>", "")
        trio = "".join(a + b for a, b in zip(pictures, signs, strict=True))
    steps = "".join(
        f"<li>{draw()}<h3>{title}</h3><p>{words}</p></li>" for draw, title, words in STEPS
    )
    return f'<h2>The idea</h2>{IDEA}<div class="trio">{trio}</div><ol class="steps">{steps}</ol>'


def _formulas() -> str:
    rows = "".join(
        f'<div class="formula"><h3>{title}</h3>{formula}<p>{where}</p></div>'
        for title, formula, where in FORMULAS
    )
    return f'<h2>Three formulas</h2><div class="formulas">{rows}</div><p>{OURS}</p>'


def _advice() -> str:
    limits = "".join(f"<li><strong>{what}</strong> {why}</li>" for what, why in WILL_NOT)
    tips = "".join(f"<dt>{problem}</dt><dd>{help_}</dd>" for problem, help_ in TIPS)
    return (
        f"<h2>What it will not do</h2><ul>{limits}</ul><h2>When it goes wrong</h2>"
        f'<dl class="tips">{tips}</dl>'
    )


def _recipes() -> str:
    rows = "".join(
        f"<dt>{'Ours' if name == 'house' else name}</dt><dd>{html.escape(entry.about)}"
        f'<span class="quiet">{html.escape(entry.source)} Ours in it: {html.escape(entry.ours)}'
        "</span></dd>"
        for name, entry in NAMED.items()
    )
    return (
        "<h2>The recipes</h2><p>Advanced has a menu of published systems. Each runs with its own "
        "formulas, start, layers, weights and optimiser, and says what we filled in where its "
        f'source is silent.</p><dl class="tips">{rows}</dl>'
    )


def _credits() -> str:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for preset in load_presets()[0]:
        groups[preset.author, preset.licence].append(preset.title)
    paintings = "".join(
        f"<li>Paintings: {html.escape(', '.join(titles))}. {html.escape(author)}, "
        f"{html.escape(licence)}.</li>"
        for (author, licence), titles in groups.items()
    )
    papers = "".join(
        f'<li>{html.escape(paper)} <a href="{link}" target="_blank" rel="noopener">'
        f"{link.removeprefix('https://')}</a></li>"
        for paper, link in PAPERS
    )
    return (
        f"<h2>Credits and licences</h2><ul>{paintings}"
        "<li>Sample photographs: those that come with Gradio.</li>"
        "<li>Encoders: VGG-16 and VGG-19 with torchvision’s ImageNet weights (BSD-3-Clause), "
        "fetched from timm/vgg16.tv_in1k and timm/vgg19.tv_in1k on the Hugging Face Hub; the "
        "compact encoder was distilled by this project, with photographs and paintings.</li>"
        f"</ul><h3>Papers</h3><ul>{papers}</ul>"
        "<p>Your pictures stay between you and this machine: they are in no link and no log, and "
        "are deleted after a while.</p>"
    )

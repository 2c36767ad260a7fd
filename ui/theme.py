"""How the page looks: system fonts, greys with a little warmth, one accent (ultramarine)."""

import gradio as gr

from ui.assets import asset

SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

ULTRAMARINE = gr.themes.Color(
    c50="#eef1fd", c100="#dfe4fb", c200="#c3ccf6", c300="#9daaee", c400="#7485e2",
    c500="#4d5fd1", c600="#3546b8", c700="#2b3895", c800="#262f75", c900="#222a5f",
    c950="#171b3d",
)  # fmt: skip
STONE = gr.themes.colors.stone


def theme() -> gr.themes.Base:
    """The Gradio theme, for `launch()`."""
    return gr.themes.Base(
        primary_hue=ULTRAMARINE, secondary_hue=ULTRAMARINE, neutral_hue=STONE,
        font=SANS, font_mono=MONO, radius_size="md", text_size="md",
    ).set(
        body_background_fill="#faf9f7",
        body_background_fill_dark="#161513",
        block_background_fill="white",
        block_background_fill_dark="#1f1d1a",
        block_border_color="#e6e2dc",
        block_border_color_dark="#35322d",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_title_text_weight="600",
        block_title_text_color="#3f3a34",
        block_title_text_color_dark="#e9e5de",
        block_info_text_color="#655f57",
        block_info_text_color_dark="#b0a99e",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_400",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )  # fmt: skip


CSS = "".join(
    asset(name) for name in ("page.css", "inputs.css", "viewer.css", "compare.css", "about.css")
)
# Gradio passes no @property on from CSS, and without its type the divider would jump, not sweep.
# Browsers give a camera to https and to this machine only.
HEAD = """<meta name="color-scheme" content="light dark">
<style>@property --at { syntax: "<percentage>"; inherits: true; initial-value: 0%; }
.insecure #shoot { display: none; }</style>"""
CAMERA = "document.body.classList.toggle('insecure', !window.isSecureContext);"
JS = f"() => {{ {CAMERA} {asset('page.js')} {asset('inputs.js')} }}"

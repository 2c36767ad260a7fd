"""How the page looks: system fonts, greys with a little warmth, one accent (ultramarine)."""

import gradio as gr

from ui.assets import asset

SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

# Its shades, from the palest to the darkest.
ULTRAMARINE = gr.themes.Color(
    *"#eef1fd #dfe4fb #c3ccf6 #9daaee #7485e2 #4d5fd1".split(),
    *"#3546b8 #2b3895 #262f75 #222a5f #171b3d".split(),
)


def theme() -> gr.themes.Base:
    """The Gradio theme, for `launch()`."""
    return gr.themes.Base(
        primary_hue=ULTRAMARINE,
        secondary_hue=ULTRAMARINE,
        neutral_hue="stone",
        font=SANS,
        font_mono=MONO,
    ).set(
        body_background_fill="#faf9f7",
        body_background_fill_dark="#161513",
        block_background_fill="white",
        block_background_fill_dark="#1f1d1a",
        block_border_color="#e6e2dc",
        block_border_color_dark="#35322d",
        block_label_background_fill="*block_background_fill",
        block_label_background_fill_dark="*block_background_fill",
        block_label_border_width="0px",
        block_title_text_weight="600",
        block_title_text_color="#3f3a34",
        block_title_text_color_dark="#e9e5de",
        body_text_color_subdued="#655f57",
        body_text_color_subdued_dark="#b0a99e",
        link_text_color_dark="*primary_300",
        link_text_color_visited_dark="*primary_300",
        block_info_text_color="#655f57",
        block_info_text_color_dark="#b0a99e",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_400",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )


CSS = "".join(
    asset(name) for name in ("page.css", "inputs.css", "viewer.css", "compare.css", "about.css")
)
# Gradio passes no @property on from CSS, and without its type the divider would jump, not sweep.
HEAD = """<meta name="color-scheme" content="light dark">
<style>@property --at { syntax: "<percentage>"; inherits: true; initial-value: 0%; }</style>"""
JS = f"() => {{ {asset('page.js')} {asset('inputs.js')} }}"

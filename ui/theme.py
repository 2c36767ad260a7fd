"""How the page looks: system fonts, greys with a little warmth, one accent (ultramarine)."""

import gradio as gr

from ui.css import LOOKS

__all__ = ["CSS", "HEAD", "JS", "theme"]

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
        block_border_width="1px",
        block_border_color="#e6e2dc",
        block_border_color_dark="#35322d",
        block_shadow="none",
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
        button_primary_text_color="white",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )  # fmt: skip


CSS = """
:root, .dark { --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L",
  "Book Antiqua", Georgia, serif; }
:root { --quiet: #655f57; --line: #e6e2dc; --accent: #3546b8; }
.dark { --quiet: #b0a99e; --line: #35322d; --accent: #9daaee; }
.gradio-container { max-width: 1480px !important; margin: 0 auto; }
.gradio-container .main.fillable { padding: 0 28px 24px; }

#masthead { padding: 20px 0 0; border: 0; background: none; }
#masthead h1 { font: 600 clamp(1.6rem, 1.2rem + 1.4vw, 2.3rem)/1.1 var(--serif); margin: 0;
  letter-spacing: -.012em; }
#masthead p { color: var(--quiet); margin: .35rem 0 0; }
.part h2 { font: 600 1.12rem/1.2 var(--serif); margin: 0; }
.part .html-container, #status .html-container, #curves .html-container { padding: 0; }
.hint, .hint p { color: var(--quiet); font-size: .875rem; line-height: 1.45; margin: 0; }
.hint strong { color: var(--body-text-color); font-weight: 600; }

/* Two columns: what goes in, what comes out. The picture stays in view. */
#work { align-items: flex-start; gap: 28px; }
#in { gap: 12px; }
#out { position: sticky; top: 12px; }

/* Thumbnails fill their row, whatever its width. */
.thumbs { background: none; border: 0 !important; padding: 0; overflow: visible !important; }
.thumbs .grid-wrap { height: auto !important; min-height: 0; max-height: none; padding: 0;
  overflow: visible; }
.thumbs .grid-container { grid-template-columns: repeat(var(--columns, var(--grid-cols)),
  minmax(0, 1fr));
  grid-auto-rows: auto; gap: 8px; padding: 3px; height: auto; margin: 0; }
.thumbs .gallery-item, .thumbs .thumbnail-item { width: 100%; height: auto; aspect-ratio: 1; }
.thumbs .thumbnail-item { border-radius: 7px; border: 0; }
.thumbs .thumbnail-item.selected { box-shadow: 0 0 0 3px var(--accent) !important; }
.thumbs .caption-label { display: none; }

/* One frame for everything that can be shown, so that nothing jumps. */
#live, #compare { height: min(68vh, 780px); min-height: 380px; }
#live .image-container, #live .image-frame, #live button, #compare .image-container,
#compare .slider-wrap, #compare .wrap, #compare .content { height: 100%; max-height: none; }
#live img, #compare img { width: 100%; height: 100%; max-height: 100% !important;
  object-fit: contain; }
#status { min-height: 3em; padding: 0; }
#status .now { font-variant-numeric: tabular-nums; }
/* Errors come as a sentence in a corner; a pill that says "Error" adds nothing. */
#status .wrap .error, #status .wrap .clear-status { display: none; }
#status .bar { height: 3px; background: var(--line); border-radius: 2px; margin: 0 0 8px;
  overflow: hidden; }
#status .bar i { display: block; height: 100%; background: var(--accent); transition: width .3s; }
#status .note { color: var(--quiet); font-size: .875rem; margin-top: .25rem; }

/* Sticky needs ancestors that do not clip. What comes in below a picture must not push it out of
   sight, as a browser does that holds on to something further down. */
.gradio-container { overflow: clip !important; overflow-anchor: none; }
#actions { position: sticky; bottom: 0; z-index: 100; padding: 14px 0 12px; flex-wrap: nowrap;
  gap: 10px; background: linear-gradient(transparent, var(--body-background-fill) 14px); }
#actions button { min-height: 46px; white-space: nowrap; padding: 0 10px; font-size: 1rem; }
:focus-visible { outline: 3px solid var(--accent) !important; outline-offset: 2px; }

#curves svg { width: 100%; height: auto; display: block; }
#curves text { font: 11px var(--font); fill: var(--quiet); }
#curves .grid { stroke: var(--line); }
#curves polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
#curves polyline.total { stroke: var(--accent); } #curves text.total { fill: var(--accent); }
#curves polyline.style { stroke: #c2762c; } #curves text.style { fill: #c2762c; }
#curves polyline.content { stroke: #4d8a5b; } #curves text.content { fill: #4d8a5b; }
.dark input[type=range] { --neutral-200: #4a463f; }
.dark .tab-container button.selected { color: var(--accent); }
#larger { align-items: flex-end; }
.unseen { display: none !important; }
footer { opacity: .75; }

@media (max-width: 820px) {
  .gradio-container .main.fillable { padding: 0 14px 16px; }
  #work { gap: 14px; }
  #work > .column { min-width: 0 !important; flex-basis: 100%; }
  #out { order: -1; position: static; }
  #live, #compare { height: 74vw; min-height: 240px; }
  #actions button { padding: 0 8px; font-size: .95rem; min-width: 0 !important;
    flex: 1 1 auto !important; width: auto; }
  #take { display: grid; grid-template-columns: 1fr 1fr; }
  #take button { min-width: 0 !important; padding: 10px 6px; }
  #tune .form { flex-direction: column; }
  #larger { flex-direction: column; align-items: stretch; }
  #styles { --columns: 5; }
}
@media (prefers-reduced-motion: reduce) {
  * { transition: none !important; animation: none !important; }
}
"""
CSS += LOOKS

HEAD = """
<meta name="color-scheme" content="light dark">
"""

# Gradio calls thumbnails "Thumbnail 3 of 13"; a screen reader should hear the painting's name.
JS = """
() => {
  document.documentElement.lang = "en";
  const name = () => document.querySelectorAll(".thumbs button img[alt]").forEach((img) => {
    const button = img.closest("button");
    if (button.getAttribute("aria-label") !== img.alt) button.setAttribute("aria-label", img.alt);
    button.title = img.alt;
    button.setAttribute("aria-pressed", button.classList.contains("selected"));
  });
  let due = false;
  new MutationObserver(() => {
    if (!due) { due = true; setTimeout(() => { due = false; name(); }, 150); }
  }).observe(document.body, { childList: true, subtree: true, attributes: true,
    attributeFilter: ["class"] });
  name();
}
"""

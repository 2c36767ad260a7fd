"""How the Compare tab and the explanations look; the rest is in `ui.theme`."""

__all__ = ["LOOKS"]

LOOKS = """
/* Side by side */
.telling { min-height: 3em; padding: 0; }
.telling .now { font-variant-numeric: tabular-nums; }
.telling .bar { height: 3px; background: var(--line); border-radius: 2px; margin: 0 0 8px;
  overflow: hidden; }
.telling .bar i { display: block; height: 100%; background: var(--accent); transition: width .3s; }
.telling .note { color: var(--quiet); font-size: .875rem; margin-top: .25rem; max-width: 90ch; }
#compare-photo-row { gap: 14px; align-items: flex-start; }
#compare-photo { flex: 0 0 290px !important; }
#compare-samples { flex: 0 1 520px !important; }
.go-row button { flex: 0 1 auto; min-height: 44px; padding: 0 22px; }
.click-row { align-items: center; gap: 14px; }
.click-row .block { background: none !important; border: 0 !important; padding: 0; }
.click-row .form, .click-row fieldset { background: none !important; border: 0 !important;
  box-shadow: none; }
.ab-row button, .click-row button, .pin-row button { white-space: nowrap; }
.gradio-container, .gradio-container > .main { width: 100%; }
.tiles { --columns: 5; }
.tiles .grid-container { gap: 14px 12px; }
.tiles .gallery-item, .tiles .thumbnail-item { aspect-ratio: auto; overflow: visible; }
.tiles .thumbnail-item { background: none; display: block; border-radius: 4px; }
.tiles .thumbnail-item img { aspect-ratio: 1; height: auto; border-radius: 7px;
  transition: transform .15s; }
.tiles .thumbnail-item:hover img { transform: scale(1.012); }
.tiles .thumbnail-item.selected { box-shadow: none !important; }
.tiles .thumbnail-item.selected img { box-shadow: 0 0 0 3px var(--accent); }
.tiles .caption-label { display: block; position: static; margin: 6px 0 0; padding: 0; border: 0;
  background: none; color: var(--quiet); font-size: .875rem; text-align: left; max-width: 100%;
  white-space: normal; line-height: 1.35; }
.cards { align-items: stretch; gap: 14px; }
.card { background: var(--block-background-fill); border: 1px solid var(--line);
  border-radius: 8px; padding: 14px 16px 16px; justify-content: space-between; }
.card .block { padding: 0; background: none; }
.card h3 { font: 600 1.05rem/1.25 var(--serif); margin: 0 0 6px; }
.card p { font-size: .9rem; line-height: 1.45; margin: 0 0 6px; }
.card .takes { color: var(--quiet); font-size: .875rem; }
.card button { flex: 0 0 auto; }
table.plain, table.plain tr { border: 0 !important; }
table.plain { border-collapse: collapse; font-size: .925rem; margin: 4px 0 10px; }
table.plain th, table.plain td { text-align: left; padding: 5px 26px 5px 0;
  border: 0 !important; border-bottom: 1px solid var(--line) !important; background: none; font-weight: 400; vertical-align: baseline; }
table.plain th[scope=col] { font-weight: 600; }
table.plain th[scope=col] span { color: var(--quiet); font-weight: 400; }
table.plain th[scope=row] { color: var(--quiet); }
table.figures td, table.figures th[scope=col] { text-align: right; padding: 5px 0 5px 26px;
  font-variant-numeric: tabular-nums; }
figure.overlay { margin: 10px 0 18px; max-width: 860px; }
figure.overlay figcaption { font-weight: 600; font-size: .925rem; margin-bottom: 4px; }
.overlay svg { width: 100%; height: auto; display: block; }
.overlay text { font: 12px var(--font); fill: var(--quiet); }
.overlay .grid { stroke: var(--line); }
.overlay polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.overlay ul { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; padding: 0;
  margin: 6px 0 0; font-size: .875rem; }
.overlay li::before { content: ""; display: inline-block; width: 18px; height: 3px;
  vertical-align: middle; margin-right: 7px; background: currentColor; border-radius: 2px; }
.overlay .line-0 { stroke: var(--accent); } .overlay li.line-0 { color: var(--accent); }
.overlay .line-1 { stroke: #c2762c; } .overlay li.line-1 { color: #c2762c; }
.overlay .line-2 { stroke: #4d8a5b; } .overlay li.line-2 { color: #4d8a5b; }
.overlay .line-3 { stroke: #a04a78; } .overlay li.line-3 { color: #a04a78; }
#ab-slider { height: min(68vh, 760px); }
#ab-slider .slider-wrap, #ab-slider .wrap, #ab-slider .content { height: 100%; max-height: none; }
#ab-slider img { width: 100%; height: 100%; max-height: 100% !important; object-fit: contain; }
@media (max-width: 820px) {
  #compare-photo, #compare-samples { flex: 1 1 100% !important; }
  .tiles { --columns: 2; }
  .click-row > * { min-width: 0 !important; flex: 1 1 100%; }
  .go-row { flex-wrap: nowrap; } .go-row button.primary { flex: 1; }
  table.plain th, table.plain td { padding-right: 14px; }
  .below { overflow-x: auto; }
  table.figures td, table.figures th[scope=col] { padding-left: 12px; }
  #ab-slider { height: 80vw; }
}
@media (min-width: 821px) and (max-width: 1100px) { .tiles { --columns: 3; } }
"""

"""How the Compare tab and the explanations look; the rest is in `ui.theme`."""

__all__ = ["LOOKS"]

LOOKS = """
/* Side by side */
.telling .html-container, .below .html-container, .card .html-container,
#about .html-container, #ab-about .html-container { padding: 0; }
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
.click-row { align-items: flex-end; gap: 14px; }
.click-row > :first-child { flex: 0 0 auto; }
.click-row .block { background: none !important; border: 0 !important; padding: 0; }
.click-row .form, .click-row fieldset { background: none !important; border: 0 !important;
  box-shadow: none; }
.ab-row button, .click-row button, .pin-row button { white-space: nowrap; font-size: .95rem;
  font-weight: 500; }
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
.card p { text-wrap: pretty; font-size: .9rem; line-height: 1.45; margin: 0 0 6px; }
.card .takes { color: var(--quiet); font-size: .875rem; }
.card button { flex: 0 0 auto; }
table.plain, table.plain tr { border: 0 !important; }
table.plain { border-collapse: collapse; font-size: .925rem; margin: 4px 0 10px; }
table.plain th, table.plain td { text-align: left; padding: 5px 26px 5px 0;
  border: 0 !important; border-bottom: 1px solid var(--line) !important; background: none;
  font-weight: 400; vertical-align: baseline; }
table.plain th[scope=col] { font-weight: 600; }
table.plain th[scope=col] span { color: var(--quiet); font-weight: 400; }
table.plain th[scope=row] { color: var(--quiet); }
table.figures td, table.figures th[scope=col] { text-align: right; padding: 5px 0 5px 26px;
  font-variant-numeric: tabular-nums; }
figure.overlay { margin: 10px 0 18px; max-width: 580px; }
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
  .click-row > *, .click-row > :first-child { min-width: 0 !important; flex: 1 1 100%; }
  .go-row { flex-wrap: nowrap; } .go-row button.primary { flex: 1; }
  table.plain th, table.plain td { padding-right: 14px; }
  .below { overflow-x: auto !important; } .below table.plain { font-size: .8rem; }
  .ways .tab-container button { padding: 0 9px; }
  .click-row label { padding: 8px 10px; }
  table.figures td, table.figures th[scope=col] { padding-left: 8px; padding-right: 0; }
  #ab-slider { height: 80vw; }
}
@media (min-width: 821px) and (max-width: 1100px) { .tiles { --columns: 3; } }

/* How it works */
#about { max-width: 1060px; margin: 0 auto; gap: 8px; padding: 0 0 30px; }
#about h2 { font: 600 1.5rem/1.2 var(--serif); margin: 26px 0 8px; }
#about h3 { font: 600 1.08rem/1.3 var(--serif); margin: 12px 0 4px; }
#about p, #about li, #about dd { line-height: 1.55; max-width: 72ch; }
#about p { margin: 0 0 10px; }
#about .lead { font-size: 1.12rem; }
#about ul { padding-left: 1.15em; margin: 0 0 8px; list-style: disc; }
#about ul li { margin: 0 0 5px; }
#about .quiet { color: var(--quiet); font-size: .9rem; display: block; }
.trio { display: flex; align-items: flex-start; gap: 14px; margin: 14px 0 22px; }
.trio figure { margin: 0; flex: 0 1 230px; min-width: 0; }
.trio img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 8px; display: block; }
.trio figcaption { color: var(--quiet); font-size: .875rem; margin-top: 6px; line-height: 1.3;
  min-height: 2.6em; }
.trio b { font: 400 1.6rem/1 var(--serif); color: var(--quiet); margin-top: min(11vw, 100px); }
#about .steps { list-style: none; padding: 0; margin: 10px 0 0; display: grid; gap: 26px 34px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); }
#about .steps h3 { margin-top: 8px; }
.drawing { width: 100%; max-width: 480px; height: auto; display: block; border-radius: 8px;
  background: var(--block-background-fill); border: 1px solid var(--line); }
.drawing text { font: 13px var(--font); fill: var(--body-text-color); }
.drawing .quiet { fill: var(--quiet); font-size: 12.5px; } .drawing .tiny { font-size: 9px; }
.drawing .sign { font: 22px var(--serif); fill: var(--quiet); }
.drawing .ink { stroke: var(--quiet); stroke-width: 1.6; fill: none; stroke-linecap: round; }
.drawing .sheet { fill: var(--block-background-fill); stroke: var(--accent); stroke-width: 1.3; }
.drawing .cool, .drawing .accent-fill { fill: var(--accent); } .drawing .warm { fill: #c2762c; }
.drawing .ink-fill { fill: var(--body-text-color); }
.formulas { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr));
  margin: 8px 0 12px; }
.formula { background: var(--block-background-fill); border: 1px solid var(--line);
  border-radius: 8px; padding: 12px 16px; min-width: 0; }
#about .formula h3 { margin-top: 0; }
#about .formula p { color: var(--quiet); font-size: .9rem; margin: 0; }
.formula .math { overflow-x: auto; padding: 8px 0 10px; }
.formula math { font-size: 1.1rem; }
#about dl.tips { display: grid; grid-template-columns: minmax(150px, 14em) 1fr; gap: 0 24px;
  margin: 0; }
#about dl.tips dt { font-weight: 600; border-top: 1px solid var(--line); padding: 9px 0; }
#about dl.tips dd { margin: 0; border-top: 1px solid var(--line); padding: 9px 0; max-width: none; }
#about-figures { background: none; padding: 0; }
@media (max-width: 820px) {
  .trio { gap: 8px; } .trio b { font-size: 1.1rem; }
  #about dl.tips { grid-template-columns: 1fr; }
  #about dl.tips dd { border: 0; padding-top: 0; }
}
"""

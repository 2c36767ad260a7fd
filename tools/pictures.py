"""Make the README's pictures: `python tools/pictures.py results`, and so on.

results: Gradio's sample photographs painted in presets, each above the photo and the style.
presets: every one of those photographs in every preset, as `tools/samples.py` painted them.
controls, recipes: one of them with each of the controls, and by each recipe.
app: a screenshot of the running app after a painting, in Debian's chromium.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image, ImageOps
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.running import running  # noqa: E402
from nst import Recipe, open_photo, open_pipeline  # noqa: E402
from nst.pictures.export import contact_sheet  # noqa: E402
from nst.presets import find_style, load_presets, preset_of  # noqa: E402
from nst.published import RECIPES  # noqa: E402
from nst.weights import SOURCES, is_cached  # noqa: E402
from ui.links import Shared, to_query  # noqa: E402
from ui.samples import SAMPLES, painted_before  # noqa: E402

__all__ = ["app", "controls", "main", "presets", "recipes", "results"]

PAIRS = (
    "tower swirling-night",
    "lion stained-glass",
    "cheetah circles-and-lines",
    "tower ink-wash",
)
CELL, GAP = 400, 14  # pixels
PAPER = "#faf8f4"
CHROMIUM = "/usr/bin/chromium"
VIEW = {"width": 1440, "height": 960}


def results(out: Path, size: int) -> None:
    """Paint the pairs and lay them side by side."""
    half = (CELL - GAP) // 2
    height = CELL + GAP + half
    sheet = Image.new("RGB", ((CELL + GAP) * len(PAIRS) + GAP, height + 2 * GAP), PAPER)
    for i, pair in enumerate(PAIRS):
        sample, style_id = pair.split()
        photo, style = open_photo(SAMPLES[sample].path), find_style(style_id)
        painted = _painted(sample, [style_id], _tuned(style_id, size))
        left = GAP + i * (CELL + GAP)
        below = 2 * GAP + CELL
        sheet.paste(ImageOps.fit(painted, (CELL, CELL)), (left, GAP))
        sheet.paste(ImageOps.fit(photo, (half, half)), (left, below))
        sheet.paste(ImageOps.fit(style, (half, half)), (left + half + GAP, below))
    _save(sheet, out / "results.jpg")


def presets(out: Path, cell: int) -> None:
    """Every sample photograph in every preset: a column a preset, under its own picture."""
    gap = 8
    columns, rows = load_presets()[0], list(SAMPLES)
    step = cell + gap
    sheet = Image.new("RGB", (len(columns) * step + gap, (len(rows) + 1) * step + gap), PAPER)
    for x, preset in enumerate(columns):
        for y, path in enumerate([preset.path, *(painted_before(s, preset.id) for s in rows)]):
            picture = ImageOps.fit(open_photo(path), (cell, cell))
            sheet.paste(picture, (gap + x * step, gap + y * step))
    _save(sheet, out / "presets.jpg")


def controls(out: Path, size: int) -> None:
    """Paint one photograph with each of the controls, and lay the results side by side."""
    left = Image.linear_gradient("L").rotate(90).point(lambda x: min(255, max(0, 3 * x - 255)))
    ways: dict[str, tuple[dict[str, Any], str, Image.Image | None]] = {
        "as it is": ({}, "", None),
        "strength 25": ({"strength": 25}, "", None),
        "strength 75": ({"strength": 75}, "", None),
        "strokes half as large": ({"brush": 0.5}, "", None),
        "strokes twice as large": ({"brush": 2}, "", None),
        "the photo's colours": ({"colours": "photo"}, "", None),
        "colours matched to the photo": ({"colours": "palette"}, "", None),
        "mixed with Ink Wash": ({"mix": (0.5, 0.5)}, "ink-wash", None),
        "only to the right": ({}, "", left),
        "Stained Glass to the left": ({}, "stained-glass", left),
    }
    tiles = []
    for words, (settings, second, mask) in ways.items():
        recipe = _tuned("swirling-night", size).replace(**settings)
        styles = ["swirling-night", second] if second else ["swirling-night"]
        tiles.append((_painted("lion", styles, recipe, mask), words))
    contact_sheet(tiles, 5, "Lion in Swirling Night").save(out / "controls.jpg", quality=82)


def recipes(out: Path, size: int) -> None:
    """Paint one photograph by every recipe, as far as 450 steps go, on VGG-19 if it is here."""
    shown = {name: entry.recipe for name, entry in RECIPES.items()}
    for ratio in (0.0, 0.3, 1.0):
        name = f"five-minute, noise ratio {ratio:g}"
        shown[name] = shown["five-minute"].replace(noise_ratio=ratio)
    shown["ghorpade-vgg19, 1e-4"] = shown["ghorpade-vgg19"].replace(style_weight=1e4)
    tiles = [(open_photo(SAMPLES["cheetah"].path), "the photo")]
    for name, recipe in shown.items():
        whole, steps = recipe.steps, min(recipe.steps, 450)
        painted = _painted("cheetah", ["swirling-night"], recipe.replace(size=size, steps=steps))
        network = recipe.encoder
        here = network not in SOURCES or is_cached(network)
        stand_in = "" if here else f", compact standing in for {network}"
        tiles.append((painted, f"{name}, {steps} of {whole:,} steps{stand_in}"))
    contact_sheet(tiles, 4, f"The recipes at {size} px", 300).save(out / "recipes.jpg", quality=88)


def _tuned(style_id: str, size: int) -> Recipe:
    preset = preset_of(style_id)
    if preset is None:
        raise SystemExit(f"There is no preset called {style_id}.")
    return preset.recipe(Recipe()).replace(size=size)


def _painted(
    sample: str, styles: Sequence[str], recipe: Recipe, mask: Image.Image | None = None
) -> Image.Image:
    """A sample photograph painted in presets by a recipe."""
    photo = open_photo(SAMPLES[sample].path)
    pipeline = open_pipeline(recipe)
    painting = pipeline.paint(photo, [find_style(s) for s in styles], recipe, mask=mask, every=None)
    *_, last = painting
    return last.picture


def app(out: Path) -> None:
    """Start the app, press Paint, wait for the end, and take its picture."""
    with TemporaryDirectory() as folder, running(Path(folder)) as server, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=VIEW, device_scale_factor=1)
        shared = Shared(_tuned("swirling-night", 512), "tower", "swirling-night")
        page.goto(f"{server.url}/?{to_query(shared)}")
        page.wait_for_timeout(3000)
        page.click("#go")
        page.wait_for_selector("#status >> text=Done in", timeout=600_000)
        page.evaluate("scrollTo(0, 0)")  # which the press of Paint has left
        page.wait_for_timeout(4000)  # the divider sweeps once
        _save(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), out / "app.jpg")
        browser.close()


def _save(picture: Image.Image, path: Path) -> None:
    picture.save(path, quality=82, optimize=True, progressive=True)
    print(f"{path}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB")


SIZES = {
    "results": (results, 768),
    "presets": (presets, 240),
    "controls": (controls, 512),
    "recipes": (recipes, 256),
}


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=(*SIZES, "app"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--size", type=int, help="long side of what is painted, or of a cell")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.what == "app":
        app(args.out)
    else:
        make, size = SIZES[args.what]
        make(args.out, args.size or size)


if __name__ == "__main__":
    main()

"""Make the README's pictures: `python tools/pictures.py results`, `presets` or `app`.

results: Gradio's sample photographs painted in presets, each above the photo and the style.
presets: every one of those photographs in every preset.
app: a screenshot of the running app after a painting, in Debian's chromium.
"""

import argparse
import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageOps
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.running import running  # noqa: E402
from nst import Recipe, open_photo, open_studio  # noqa: E402
from nst.presets import load_presets, preset_of  # noqa: E402
from ui.samples import SAMPLES  # noqa: E402

__all__ = ["app", "main", "presets", "results"]

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
        photo, style, painted = _paint(*pair.split(), size)
        left = GAP + i * (CELL + GAP)
        below = 2 * GAP + CELL
        sheet.paste(ImageOps.fit(painted, (CELL, CELL)), (left, GAP))
        sheet.paste(ImageOps.fit(photo, (half, half)), (left, below))
        sheet.paste(ImageOps.fit(style, (half, half)), (left + half + GAP, below))
    _save(sheet, out / "results.jpg")


def presets(out: Path, size: int) -> None:
    """Paint every sample photograph in every preset: a column a preset, under its own picture."""
    cell, gap = 240, 8
    columns, rows = load_presets()[0], list(SAMPLES)
    step = cell + gap
    sheet = Image.new("RGB", (len(columns) * step + gap, (len(rows) + 1) * step + gap), PAPER)
    for x, preset in enumerate(columns):
        pictures = [open_photo(preset.path)]
        pictures += [_paint(sample, preset.id, size)[2] for sample in rows]
        for y, picture in enumerate(pictures):
            sheet.paste(ImageOps.fit(picture, (cell, cell)), (gap + x * step, gap + y * step))
    _save(sheet, out / "presets.jpg")


def _paint(sample: str, style_id: str, size: int) -> tuple[Image.Image, Image.Image, Image.Image]:
    preset = preset_of(style_id)
    if preset is None:
        raise SystemExit(f"There is no preset called {style_id}.")
    recipe = preset.recipe(Recipe()).but(size=size)
    photo, style = open_photo(SAMPLES[sample].path), open_photo(preset.path)
    studio = open_studio(recipe)
    *_, last = studio.paint(photo, [style], recipe, every=None)
    return photo, style, studio.picture(last, photo)


def app(out: Path) -> None:
    """Start the app, press Paint, wait for the end, and take its picture."""
    with TemporaryDirectory() as folder, running(Path(folder)) as server, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=VIEW, device_scale_factor=1)
        page.goto(f"{server.url}/?photo=tower&style=swirling-night&v=1")
        page.wait_for_timeout(3000)
        page.click("#go")
        page.wait_for_selector("#status >> text=Done:", timeout=600_000)
        page.wait_for_timeout(1500)
        _save(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), out / "app.jpg")
        browser.close()


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    picture.save(path, quality=82, optimize=True, progressive=True)
    print(f"{path}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("results", "presets", "app"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--size", type=int, help="long side of what is painted")
    args = parser.parse_args()
    if args.what == "app":
        app(args.out)
    elif args.what == "presets":
        presets(args.out, args.size or 512)
    else:
        results(args.out, args.size or 768)


if __name__ == "__main__":
    main()

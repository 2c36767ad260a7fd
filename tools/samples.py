"""Paint the finished samples that the app opens on: `python tools/samples.py [PHOTO-PRESET ...]`.

The photographs are those that ship inside Gradio, the paintings this project's presets, each with
its own tuned recipe; the results go to `examples/samples`.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nst import Recipe, open_photo, open_pipeline  # noqa: E402
from nst.presets import EXAMPLES, preset_of  # noqa: E402
from ui.parts.samples import SAMPLES  # noqa: E402

__all__ = ["main", "paint"]

SIZE = 768
PAIRS = ("tower-swirling-night",)  # what the Paint tab opens on and How it works shows


def paint(pair: str, size: int) -> Path:
    """Paint one pair, such as "tower-swirling-night", and return where it was saved."""
    name, _, style = pair.partition("-")
    preset = preset_of(style)
    if name not in SAMPLES or preset is None:
        raise SystemExit(f"{pair} is not a sample and a preset, such as {PAIRS[0]}.")
    recipe = preset.recipe(Recipe()).but(size=size)
    photo = open_photo(SAMPLES[name].path)
    pipeline = open_pipeline(recipe)
    *_, last = pipeline.paint(photo, [open_photo(preset.path)], recipe, every=None)
    path = EXAMPLES / "samples" / f"{pair}.jpg"
    path.parent.mkdir(exist_ok=True)
    pipeline.picture(last, photo).save(path, quality=88, optimize=True, progressive=True)
    return path


def main() -> None:
    """Paint all pairs, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="*", default=PAIRS)
    parser.add_argument("--size", type=int, default=SIZE)
    args = parser.parse_args()
    for pair in args.pairs:
        path = paint(pair, args.size)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
